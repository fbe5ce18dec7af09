/**
 * Shape and type inference of a whole model: walks each graph in executable order, asks each node's rule for the
 * types of its outputs, and goes on with unknown parts where there is no rule or nothing to know.
 *
 *     const { main, symbols } = inferShapes(model);
 *     main.values.get('logits'); // { kind: 'tensor', elemType: 1, shape: [batch, 10] }
 */
import type { Graph, LocalFunction, Model, Node, Value } from '../../onnx/model.ts';
import { dimToString, evaluateDim, unknown } from '../dim.ts';
import type { Assumption, GraphInference, InferredType, ModelInference } from '../inference.ts';
import type { Diagnostic, Dim, Unknown } from '../types.ts';
import { typeOfTensor } from './constant.ts';
import { NodeContext } from './context.ts';
import type { NodeScope, SubgraphCall } from './context.ts';
import { withDeclared } from './declared.ts';
import { RuleMemo } from './memo.ts';
import { countNodes, executableOrder } from './order.ts';
import { findRule } from './registry.ts';
import { remember, takenOver } from './reuse.ts';
import type { Findings, Previous, Told } from './reuse.ts';
import { isTensor, ShapeError, tensor, unknownReason } from './rule.ts';
import type { SubgraphResult } from './rule.ts';
import { Scope } from './scope.ts';
import { SymbolTable } from './symbols.ts';
import { usedSymbols } from './used-symbols.ts';

export interface InferenceOptions {
  /** Sizes at which to decide what no formula can tell (`assumptions`); symbols left out take their default. */
  readonly at?: Readonly<Record<string, number>> | undefined;
}

/** Infers types and shapes of every value of `model`. Never throws on what a model holds. */
export function inferShapes(model: Model, options: InferenceOptions = {}): ModelInference {
  return new Inferrer(model, undefined, options).run();
}

/**
 * As {@link inferShapes}, but takes over from `previous` what did not change: nodes that are the same objects with
 * inputs of the same types.
 */
export function reinfer(
  previous: ModelInference,
  model: Model,
  options: InferenceOptions = {},
): ModelInference {
  return new Inferrer(model, takenOver(previous, model), options).run();
}

const maxCallDepth = 64;

/**
 * Nodes of subgraphs and function bodies that are inferred in all, for each node in the file and in any case. A body is
 * inferred two or three times, and once per call; nested, that multiplies, and a small hostile file could keep this
 * busy for ever.
 */
const bodyNodesPerNode = 8;
const bodyNodesInAnyCase = 100_000;

class Inferrer {
  private readonly model: Model;
  private readonly previous: Previous | undefined;
  private readonly options: InferenceOptions;
  readonly symbols = new SymbolTable();
  readonly diagnostics: Diagnostic[] = [];
  private readonly functions: ReadonlyMap<string, LocalFunction>;
  private readonly memo = new RuleMemo();
  private readonly told = new Map<Node, Told>();
  /** Symbols that the node of the main graph that is being inferred asks for. */
  private derivedByNode: Told['derived'][number][] = [];
  private hasCycle = false;
  private bodyNodes = 0;
  private maxBodyNodes: number | undefined;
  /** By node and attribute; moved to the others when the node is done. */
  private readonly inSubgraphs = new Map<Node, Map<string, Findings>>();
  private sizes: Readonly<Record<string, number>> = {};
  readonly assumptions: Assumption[] = [];

  constructor(model: Model, previous: Previous | undefined, options: InferenceOptions) {
    this.model = model;
    this.options = options;
    this.previous = previous;
    this.functions = new Map(model.functions.map((f) => [functionKey(f.domain, f.name, f.overload), f]));
  }

  run(): ModelInference {
    const { model } = this;
    const opsets = new Map(model.opsetImports.map((o) => [o.domain, o.version]));
    const scope = new Scope({ graph: model.graph, opsets, prefix: '' });
    const inputTypes = this.symbols.addInputs(model.graph.inputs);
    model.graph.inputs.forEach((v, i) =>
      scope.values.set(v.name, inputTypes[i] ?? unknown('input without a type')),
    );
    this.sizes = { ...this.symbols.defaults(), ...this.options.at };
    const main = this.graph(scope, model.graph, true);
    const inference: ModelInference = {
      main,
      symbols: this.symbols.list((bounds) => usedSymbols(main, bounds)),
      bounds: this.symbols.bounds,
      diagnostics: this.diagnostics,
      assumptions: withoutDuplicates(this.assumptions),
    };
    if (!this.hasCycle) remember(inference, { model, told: this.told });
    return inference;
  }

  /** Infers all nodes of a graph whose inputs are in `scope` already. */
  private graph(scope: Scope, graph: Graph | LocalFunction, isMain: boolean): GraphInference {
    if ('initializers' in graph) this.addInitializers(scope, graph, isMain);
    const { order, cyclic } = executableOrder(graph.nodes);
    if (isMain) this.hasCycle = cyclic.length > 0;
    for (const node of cyclic)
      this.report(scope, node, 'cycle', `${node.opType} takes part in a cycle: it needs its own output`);
    for (const node of order) {
      if (isMain) this.mainNode(scope, node);
      else this.node(scope, node);
    }
    return scope.inference(order);
  }

  private addInitializers(scope: Scope, graph: Graph, isMain: boolean): void {
    const inputs = new Set(graph.inputs.map((v) => v.name));
    for (const [name, t] of graph.initializers) {
      const type = typeOfTensor(t);
      // Since IR 4 an initializer that is an input is a default, which the caller may replace: its content is not fixed.
      const isDefault = isMain && inputs.has(name) && this.model.irVersion >= 4;
      scope.values.set(name, isDefault && isTensor(type) ? tensor(type.elemType, type.shape) : type);
    }
    for (const t of graph.sparseInitializers)
      scope.values.set(t.values.name, tensor(t.values.dataType, t.dims));
  }

  /** A node of the main graph: taken over from the previous inference where nothing it sees has changed. */
  private mainNode(scope: Scope, node: Node): void {
    const { previous } = this;
    if (previous?.fits(node, scope) && this.assumesTheSame(previous.told(node))) {
      previous.takeOver(node, scope, this);
      const told = previous.told(node);
      if (told) this.told.set(node, told);
      return;
    }
    const reported = this.diagnostics.length;
    const assumed = this.assumptions.length;
    this.node(scope, node);
    const { diagnostics, assumptions, derivedByNode: derived } = this;
    if (derived.length + diagnostics.length + assumptions.length === reported + assumed) return;
    this.told.set(node, {
      diagnostics: diagnostics.slice(reported),
      assumptions: assumptions.slice(assumed),
      derived,
    });
    this.derivedByNode = [];
  }

  private assumesTheSame(told: Told | undefined): boolean {
    return told?.assumptions.every((a) => evaluateDim(a.condition, this.sizes) === a.assumed) ?? true;
  }

  private node(scope: Scope, node: Node): void {
    const inputs: (InferredType | undefined)[] = [];
    for (const name of node.inputs) inputs.push(this.input(scope, node, name));
    const results = this.outputs(scope, node, inputs);
    for (let i = 0; i < node.outputs.length; i++) {
      const name = node.outputs[i] ?? '';
      if (name !== '') this.output(scope, node, name, results[i] ?? noRuleFor(node, i));
    }
  }

  private output(scope: Scope, node: Node, name: string, inferred: InferredType): void {
    const declared = scope.declared(name)?.type;
    const type =
      declared === undefined
        ? inferred
        : withDeclared(inferred, declared, {
            dimOf: (d) => this.derivedKept(d),
            isDerived: (s) => this.symbols.isDerived(s),
            contradiction: (message) =>
              this.report(scope, node, 'declared-mismatch', `${name} is ${message}`),
          });
    scope.values.set(name, type);
    const reason = unknownReason(type);
    if (reason !== undefined && !scope.unknown.has(node)) scope.unknown.set(node, reason);
  }

  private derivedKept(d: Parameters<SymbolTable['declared']>[0]): Dim {
    const dim = this.symbols.declared(d);
    if (d.kind === 'symbol' && this.symbols.isDerived(d.symbol))
      this.derivedByNode.push([d.symbol, undefined]);
    return dim;
  }

  private input(scope: Scope, node: Node, name: string): InferredType | undefined {
    if (name === '') return undefined;
    const type = scope.lookup(name);
    if (type || scope.isAbsent(name)) return type;
    this.report(scope, node, 'missing-value', `${node.opType} uses ${name}, which nothing gives`);
    return unknown(`nothing gives ${name}`);
  }

  private outputs(
    scope: Scope,
    node: Node,
    inputs: readonly (InferredType | undefined)[],
  ): readonly InferredType[] {
    const called = this.calledBy(node);
    if (called) return this.call(scope, node, called, inputs);
    const version = scope.opsets.get(node.domain) ?? 1;
    const known = this.memo.find(node, version, inputs);
    if (known && scope.attributes === undefined) return known;
    const rule = findRule(node.domain, node.opType, version);
    if (!rule) return node.outputs.map(() => unknown(`no rule for ${label(node)}`));
    const context = new NodeContext(node, version, inputs, this.nodeScope(scope));
    try {
      const results = rule(context);
      this.memo.keep(context, inputs, results);
      return results;
    } catch (e) {
      if (!(e instanceof ShapeError)) throw e;
      this.report(scope, node, 'shape-mismatch', `${node.opType}: ${e.message}`);
      return node.outputs.map(() => unknown(e.message));
    } finally {
      if (this.inSubgraphs.size > 0) this.addFromSubgraphs(node);
    }
  }

  private addFromSubgraphs(node: Node): void {
    for (const found of this.inSubgraphs.get(node)?.values() ?? []) {
      this.diagnostics.push(...found.diagnostics);
      this.assumptions.push(...found.assumptions);
    }
    this.inSubgraphs.delete(node);
  }

  private calledBy(node: Node): LocalFunction | undefined {
    if (this.functions.size === 0) return undefined;
    return this.functions.get(functionKey(node.domain, node.opType, node.overload ?? ''));
  }

  /** What the contexts of a graph's nodes ask for; the same for all of them. */
  private nodeScope(scope: Scope): NodeScope {
    return (scope.ofNodes ??= {
      attributes: scope.attributes,
      derived: (name, bound) => this.derived(scope.prefix + name, bound),
      isDerived: (name) => this.symbols.isDerived(name),
      assume: (node, condition) => this.assume(scope, node, condition),
      subgraph: (node, call) => this.subgraphAt(scope, node, call),
    });
  }

  /** Keeps what is told of the subgraph apart: a later call for the same attribute takes its place. */
  private subgraphAt(scope: Scope, node: Node, call: SubgraphCall): SubgraphResult {
    const { attribute } = call;
    const [reported, assumed] = [this.diagnostics.length, this.assumptions.length];
    const result = this.subgraph(scope, node, call);
    const diagnostics = this.diagnostics.splice(reported);
    const assumptions = this.assumptions.splice(assumed);
    const found = this.inSubgraphs.get(node) ?? new Map<string, Findings>();
    this.inSubgraphs.set(node, found);
    if (call.taken) found.set(attribute, { diagnostics, assumptions });
    return {
      ...result,
      failed: diagnostics.some((d) => d.code === 'shape-mismatch'),
      abandon: () => {
        found.delete(attribute);
        scope.setSubgraph(node, { attribute, inference: result.inference, taken: false });
      },
    };
  }

  private derived(name: string, bound: Dim | undefined): Dim {
    this.derivedByNode.push([name, bound]);
    return this.symbols.derived(name, bound);
  }

  private assume(scope: Scope, node: Node, condition: Dim): number | undefined {
    const assumed = evaluateDim(condition, this.sizes);
    if (assumed === undefined) return undefined;
    this.assumptions.push({ node: scope.idOf(node), condition, assumed });
    return assumed;
  }

  /** A subgraph at one node: its inputs have these types. A later call for the same attribute replaces the earlier. */
  private subgraph(
    outer: Scope,
    node: Node,
    { attribute, graph, types, taken }: SubgraphCall,
  ): Pick<SubgraphResult, 'inference' | 'outputs'> {
    const prefix = `${outer.prefix}${node.outputs[0] ?? node.name}/${attribute}/`;
    const scope = new Scope({
      graph,
      opsets: outer.opsets,
      prefix,
      parent: outer,
      parentNode: node,
      attribute,
    });
    graph.inputs.forEach((v, i) => scope.values.set(v.name, this.bodyInput(v, types[i])));
    const inference = this.body(scope, graph, node);
    outer.setSubgraph(node, { attribute, inference, taken });
    const outputs = graph.outputs.map((v) => scope.lookup(v.name) ?? unknown(`nothing gives ${v.name}`));
    return { inference, outputs };
  }

  /** A subgraph or function body, as long as there is effort left. */
  private body(scope: Scope, graph: Graph | LocalFunction, node: Node): GraphInference {
    this.bodyNodes += graph.nodes.length + 1;
    this.maxBodyNodes ??= bodyNodesInAnyCase + bodyNodesPerNode * countNodes(this.model);
    if (this.bodyNodes <= this.maxBodyNodes) return this.graph(scope, graph, false);
    if (!this.diagnostics.some((d) => d.code === 'too-much-nesting'))
      this.report(
        scope,
        node,
        'too-much-nesting',
        `more than ${this.maxBodyNodes} nodes in nested subgraphs and calls`,
      );
    for (const n of graph.nodes) {
      scope.unknown.set(n, 'nested too deeply');
      for (const o of n.outputs) scope.values.set(o, unknown('nested too deeply'));
    }
    return scope.inference(graph.nodes);
  }

  private bodyInput(v: Value, type: InferredType | undefined): InferredType {
    return withDeclared(type ?? unknown(`no value for ${v.name}`), v.type, {
      dimOf: (d) => (d.kind === 'size' && d.size >= 0 ? d.size : unknown('of a subgraph input')),
      isDerived: () => false,
      contradiction: () => undefined,
    });
  }

  /** A local function, with this call's types and attributes. */
  private call(
    outer: Scope,
    node: Node,
    f: LocalFunction,
    inputs: readonly (InferredType | undefined)[],
  ): readonly InferredType[] {
    if (outer.depth >= maxCallDepth) {
      this.report(
        outer,
        node,
        'call-depth',
        `calls of ${label(node)} are nested more than ${maxCallDepth} deep`,
      );
      return node.outputs.map(() => unknown('function calls itself'));
    }
    const opsets = new Map([...outer.opsets, ...f.opsetImports.map((o) => [o.domain, o.version] as const)]);
    const attributes = new Map(f.attributeDefaults.map((a) => [a.name, a]));
    for (const [name, a] of node.attributes) {
      const given = a.kind === 'ref' ? outer.attributes?.get(a.refName) : a;
      if (given) attributes.set(name, given);
    }
    const prefix = `${outer.prefix}${node.outputs[0] ?? node.name}/`;
    const scope = new Scope({
      graph: f,
      opsets,
      prefix,
      attributes,
      depth: outer.depth + 1,
      parentNode: node,
      caller: outer,
    });
    f.inputs.forEach((name, i) => {
      const type = inputs[i];
      if (type) scope.values.set(name, type);
      else scope.absent.add(name);
    });
    const inference = this.body(scope, f, node);
    outer.calls.set(node, inference);
    return f.outputs.map((name) => scope.lookup(name) ?? unknown(`nothing gives ${name}`));
  }

  private report(scope: Scope, node: Node, code: string, message: string): void {
    this.diagnostics.push({ severity: 'warning', code, message, node: scope.idOf(node) });
  }
}

function withoutDuplicates(assumptions: readonly Assumption[]): readonly Assumption[] {
  return [...new Map(assumptions.map((a) => [`${a.node} ${dimToString(a.condition)}`, a])).values()];
}

function functionKey(domain: string, name: string, overload: string): string {
  return `${domain}::${name}::${overload}`;
}

function noRuleFor(node: Node, output: number): Unknown {
  return unknown(`no rule for output ${output} of ${label(node)}`);
}

function label(node: Node): string {
  return `${node.domain || 'ai.onnx'}::${node.opType}`;
}
