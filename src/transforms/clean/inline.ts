/**
 * The edit `clean` with `inline`: nodes that call a local function become the nodes of its body, under names of their own
 * that begin with the call's; calls within bodies, too. Nothing of what is computed changes.
 *
 *     y = my.Dense(x, w) named "d1"  →  d1/MatMul: d1/z = MatMul(x, w);  d1/Relu: y = Relu(d1/z)
 */
import {
  nodeIds,
  subgraphs,
  type Attribute,
  type Graph,
  type LocalFunction,
  type Model,
  type Node,
  type Value,
} from '../../onnx/model.ts';
import { changed, mapValues } from '../../onnx/save/map-tensors.ts';
import { makeNode } from '../graph/nodes.ts';
import { graphsOf, withIds } from './graphs.ts';
import { importsOf, whyApartImports } from './inline-opsets.ts';
import { substituted, type Substitution } from './substitute.ts';

export interface Inlined {
  /** The very model given where it calls no function, or `reason` says why they stay. Other nodes have the ids that they had. */
  readonly model: Model;
  /** By id of the node that called: ids of the nodes in its place. */
  readonly calls: ReadonlyMap<string, readonly string[]>;
  readonly reason?: string | undefined;
}

/** Each recipe on a model asks for the same again. */
const known = new WeakMap<Model, Inlined>();

export function inlineFunctions(model: Model): Inlined {
  const found = known.get(model) ?? inlined(model);
  known.set(model, found);
  return found;
}

function inlined(model: Model): Inlined {
  const inlining = new Inlining(model);
  if (model.functions.length === 0) return { model, calls: new Map() };
  const opsets = whyApartImports(model);
  if (opsets !== undefined) return { model, calls: inlining.callsOf(), reason: opsets };
  try {
    return { model: inlining.model(), calls: inlining.calls };
  } catch (error) {
    if (error instanceof NotInlined) return { model, calls: inlining.callsOf(), reason: error.message };
    throw error;
  }
}

class NotInlined extends Error {}

class Inlining {
  readonly calls = new Map<string, readonly string[]>();
  private readonly original: Model;
  private readonly functions: ReadonlyMap<string, LocalFunction>;
  private readonly counts = new Map<LocalFunction, number>();
  private readonly taken = new Set<string>();
  private readonly takenNodes = new Set<string>();

  constructor(model: Model) {
    this.original = model;
    this.functions = new Map(model.functions.map((f) => [keyOf(f.domain, f.name, f.overload), f]));
    for (const graph of graphsOf(model.graph)) {
      for (const name of graph.initializers.keys()) this.taken.add(name);
      for (const { values } of graph.sparseInitializers) this.taken.add(values.name);
      for (const { name } of [...graph.inputs, ...graph.outputs]) this.taken.add(name);
      for (const node of graph.nodes) {
        for (const name of [...node.inputs, ...node.outputs]) this.taken.add(name);
        this.takenNodes.add(node.name);
      }
      for (const id of nodeIds(graph.nodes)) this.takenNodes.add(id);
    }
  }

  model(): Model {
    this.count(this.original.graph.nodes);
    const graph = this.graph(this.original.graph, '');
    return {
      ...this.original,
      graph,
      functions: [],
      opsetImports: importsOf(this.original, graph),
      range: undefined,
    };
  }

  /** Those that call a function, with nothing in their place. */
  callsOf(): ReadonlyMap<string, readonly string[]> {
    const found = new Map<string, readonly string[]>();
    const visit = (graph: Graph, prefix: string): void => {
      const ids = nodeIds(graph.nodes, prefix);
      graph.nodes.forEach((node, i) => {
        const id = ids[i] ?? '';
        if (this.calledBy(node) !== undefined) found.set(id, [id]);
        for (const { attribute, graph: body } of subgraphs(node)) visit(body, `${id}/${attribute}/`);
      });
    };
    visit(this.original.graph, '');
    return found;
  }

  private calledBy({ domain, opType, overload = '' }: Node): LocalFunction | undefined {
    return this.functions.get(keyOf(domain, opType, overload));
  }

  /** How often each function is called, by others, too. */
  private count(nodes: readonly Node[], within: readonly LocalFunction[] = []): void {
    for (const node of nodes) {
      const called = this.calledBy(node);
      if (called !== undefined) {
        if (within.includes(called)) throw new NotInlined(`the function "${called.name}" calls itself`);
        this.counts.set(called, (this.counts.get(called) ?? 0) + 1);
        this.count(called.nodes, [...within, called]);
      }
      for (const { graph } of subgraphs(node)) this.count(graph.nodes, within);
    }
  }

  /** @param prefix of the ids of its nodes in the model */
  private graph(graph: Graph, prefix: string): Graph {
    const ids = nodeIds(graph.nodes);
    const infos: Value[] = [];
    if (!graph.nodes.some((node) => this.calledBy(node) !== undefined)) {
      const nodes = graph.nodes.map((node, i) => this.withBodies(node, `${prefix}${ids[i] ?? node.name}`));
      return changed(graph, { nodes: nodes.every((n, i) => n === graph.nodes[i]) ? graph.nodes : nodes });
    }
    const nodes = graph.nodes.flatMap((node, i): readonly Node[] => {
      const id = ids[i] ?? node.name;
      const called = this.calledBy(node);
      if (called === undefined) return withIds([this.withBodies(node, prefix + id)], [id]);
      const made = this.body(node, called, id, infos);
      this.calls.set(
        prefix + id,
        made.map((n) => prefix + n.name),
      );
      return made;
    });
    const valueInfo = new Map(graph.valueInfo);
    for (const value of infos) if (!valueInfo.has(value.name)) valueInfo.set(value.name, value);
    return { ...graph, nodes, valueInfo, range: undefined };
  }

  private withBodies(node: Node, id: string): Node {
    return changed(node, {
      attributes: mapValues(node.attributes, (a): Attribute => {
        if (a.kind === 'graph') return changed(a, { value: this.graph(a.value, `${id}/${a.name}/`) });
        if (a.kind !== 'graphs') return a;
        const value = a.value.map((g, i) => this.graph(g, `${id}/${a.name}[${i}]/`));
        return value.every((g, i) => g === a.value[i]) ? a : changed(a, { value });
      }),
    });
  }

  /** The body of `called` as `call` calls it. @param infos what is declared of its values goes there */
  private body(call: Node, called: LocalFunction, id: string, infos: Value[]): Node[] {
    const names = new Map(called.inputs.map((name, i) => [name, call.inputs[i] ?? '']));
    /** Outputs that are inputs, or one value twice. */
    const again: [string, string][] = [];
    called.outputs.forEach((name, i) => {
      const output = call.outputs[i] ?? '';
      if (output === '') return;
      if (names.has(name)) again.push([name, output]);
      else names.set(name, output);
    });
    const by: Substitution = {
      rename: (name) => {
        if (name === '') return '';
        const known = names.get(name);
        if (known !== undefined) return known;
        const own = unique(`${id}/${name}`, this.taken);
        names.set(name, own);
        return own;
      },
      attribute: (name) => call.attributes.get(name) ?? called.attributeDefaults.find((a) => a.name === name),
      metadata: call.metadata ?? [],
    };
    const nodes = called.nodes.flatMap((inner) => {
      const name = unique(`${id}/${inner.name === '' ? inner.opType : inner.name}`, this.takenNodes);
      const node = { ...substituted(inner, by), name };
      const next = this.calledBy(node);
      if (next !== undefined) return this.body(node, next, name, infos);
      return [this.withBodies(node, name)];
    });
    for (const [name, output] of again) {
      const source = by.rename(name);
      if (source === '')
        throw new NotInlined(`the function "${called.name}" hands on an input that "${id}" leaves out`);
      nodes.push(makeNode('Identity', [source], [output], unique(`${id}/Identity`, this.takenNodes)));
    }
    // of a function that is called at several places, other shapes may be meant
    if (this.counts.get(called) === 1)
      for (const [name, value] of called.valueInfo)
        if (!called.inputs.includes(name) && names.has(name))
          infos.push({ ...value, name: by.rename(name), range: undefined });
    return nodes;
  }
}

function keyOf(domain: string, name: string, overload: string): string {
  return `${domain}\0${name}\0${overload}`;
}

function unique(base: string, taken: Set<string>): string {
  let name = base;
  for (let i = 1; taken.has(name); i++) name = `${base}_${i}`;
  taken.add(name);
  return name;
}
