/**
 * Values inside of bodies as values of the main graph, since ONNX Runtime gives no others: a branch of an If hands its
 * own out, and the other branch nothing in its place (a tensor of no elements); Loop and Scan stack what each turn has.
 * Inside of a Loop or Scan, where another turn may have nothing, or more, a body hands out elements and dims apart, and
 * the turns are joined (`lift-gather.ts`): what comes out is stacked along one new axis, whatever lies within what.
 */
import { bodyOfValue } from '../analysis/calibration.ts';
import type { GraphInference, InferredType } from '../analysis/inference.ts';
import { inferShapes } from '../analysis/shapes/index.ts';
import {
  nodeIds,
  subgraphs,
  type Attribute,
  type Graph,
  type Model,
  type Node,
  type Value,
} from '../onnx/index.ts';
import { RunnerError } from './failure.ts';
import {
  constantOf,
  emptyParts,
  joinedTurns,
  leafParts,
  made,
  PARTS,
  whole,
  type Leaf,
} from './lift-gather.ts';
import { asLoop } from './lift-scan.ts';

export interface Lifted {
  readonly model: Model;
  /** Of what was lifted, as one turn of a Loop has it. */
  readonly types: ReadonlyMap<string, InferredType>;
}

export interface LiftOptions {
  /** The nodes stay as they are, and copies of them, whose own outputs nothing reads, hand the values out. */
  readonly aside?: boolean | undefined;
}

/** @param values names; values of bodies are named by `bodyValue`. Those that there are none of are left to the caller */
export function lifted(model: Model, values: readonly string[], { aside = false }: LiftOptions = {}): Lifted {
  const own = new Set([
    ...model.graph.inputs.map((i) => i.name),
    ...model.graph.nodes.flatMap((n) => n.outputs),
  ]);
  const wanted = values.filter((name) => !own.has(name) && bodyOfValue(name) !== undefined);
  if (wanted.length === 0) return { model, types: new Map() };
  const lift = new Lift();
  const graph = lift.main(model.graph, wanted, inferShapes(model).main, aside);
  return { model: { ...model, graph, range: undefined }, types: lift.types };
}

interface Body {
  readonly attribute: string;
  /** With the values of bodies further inside. */
  readonly graph: Graph;
  /** By key, the value's name; of those further inside, the key itself. */
  readonly values: ReadonlyMap<string, string>;
}

interface Place {
  readonly prefix: string;
  /** Inferences of the graph and of those around it, the innermost first. */
  readonly around: readonly GraphInference[];
  /** Whether a Loop or Scan is around it. */
  readonly isTurning: boolean;
}

class Lift {
  readonly types = new Map<string, InferredType>();
  /** Keys that bodies hand out in parts. */
  readonly #gathered = new Set<string>();

  main(graph: Graph, wanted: readonly string[], inference: GraphInference, aside: boolean): Graph {
    const place = { prefix: '', around: [inference], isTurning: false };
    const nodes = this.#nodes(graph, wanted, place, (node, changed) =>
      aside ? [node, ...changed.map((n) => apart(n, node))] : changed,
    );
    const joined = [...this.#gathered].flatMap((key) => whole(key));
    return { ...graph, nodes: [...nodes, ...joined], range: undefined };
  }

  #nodes(
    graph: Graph,
    wanted: readonly string[],
    place: Place,
    put: (node: Node, changed: readonly Node[]) => readonly Node[] = (_, changed) => changed,
  ): Node[] {
    const ids = nodeIds(graph.nodes, place.prefix);
    return graph.nodes.flatMap((node, i) => {
      const inside = wanted.filter((key) => bodyOfValue(key)?.body.startsWith(`${ids[i] ?? ''}/`) === true);
      const isLifted = inside.length > 0 && isLiftable(node);
      return isLifted ? put(node, this.#node(node, ids[i] ?? '', inside, place)) : [node];
    });
  }

  #node(node: Node, id: string, wanted: readonly string[], place: Place): Node[] {
    const bodies = subgraphs(node).map(({ attribute, graph }) => {
      const inferred = place.around[0]?.subgraphs
        .get(node)
        ?.find((s) => s.inference.graph === graph)?.inference;
      const around = inferred === undefined ? place.around : [inferred, ...place.around];
      return this.#body(attribute, graph, `${id}/${attribute}`, wanted, {
        ...{ prefix: `${id}/${attribute}/`, around },
        isTurning: place.isTurning || node.opType !== 'If',
      });
    });
    const keys = wanted.filter((key) => bodies.some((b) => b.values.has(key)));
    // what another turn of an outer Loop may not have
    if (place.isTurning) for (const key of keys) this.#gathered.add(key);
    const plain = keys.filter((key) => !this.#gathered.has(key));
    const gathered = keys.filter((key) => this.#gathered.has(key));
    const attributes = new Map(node.attributes);
    for (const body of bodies) attributes.set(body.attribute, this.#withOutputs(body, plain, gathered, node));
    if (node.opType === 'Scan') inOrder(attributes, plain.length);
    const results = (bodies[0]?.graph.outputs.length ?? 0) - (node.opType === 'Loop' ? 1 : 0);
    // outputs at the end may have been left out
    const unused = Array.from(
      { length: Math.max(0, results - node.outputs.length) },
      (_, i) => `${id}/unused/${i}`,
    );
    const outputs = [...node.outputs, ...unused, ...plain];
    const changed = { ...node, attributes, outputs, range: undefined };
    if (gathered.length === 0) return [changed];
    if (node.opType === 'If')
      return [{ ...changed, outputs: [...outputs, ...gathered.flatMap((key) => PARTS.map((p) => key + p))] }];
    const leaves = new Map(gathered.map((key) => [key, this.#leaf(key)]));
    if (node.opType === 'Loop') return joinedTurns(changed, leaves);
    const { before, loop, after } = asLoop(changed, id, (name) => this.#rankOf(name, place.around));
    return [...before, ...joinedTurns(loop, leaves), ...after];
  }

  #body(attribute: string, graph: Graph, id: string, wanted: readonly string[], place: Place): Body {
    const deeper = wanted.filter((key) => bodyOfValue(key)?.body.startsWith(`${id}/`) === true);
    const inner = { ...graph, nodes: this.#nodes(graph, deeper, place), range: undefined };
    const values = new Map(deeper.flatMap((key) => (this.types.has(key) ? [[key, key] as const] : [])));
    for (const key of wanted) {
      const found = bodyOfValue(key);
      const type = found?.body === id ? typeIn(place.around, found.name) : undefined;
      if (found === undefined || type === undefined) continue;
      this.types.set(key, type);
      values.set(key, found.name);
    }
    return { attribute, graph: inner, values };
  }

  /** Each key an output, in that order; of a branch, those in parts come last, and of a Loop are joined later. */
  #withOutputs(
    { attribute, graph, values }: Body,
    plain: readonly string[],
    gathered: readonly string[],
    { opType }: Node,
  ): Attribute {
    const added = plain.flatMap((key): Node[] => {
      const name = values.get(key);
      if (name === undefined) return [nothing(key, this.types.get(key))];
      return name === key ? [] : [made('Identity', [name], key)];
    });
    const parts = gathered.flatMap((key): Node[] => {
      const name = values.get(key);
      if (name === undefined) return emptyParts(key, this.#leaf(key));
      return name === key ? [] : leafParts(key, name);
    });
    const handedOut = opType === 'If' ? gathered.flatMap((key) => PARTS.map((p) => key + p)) : [];
    // without a type: ONNX Runtime infers it
    const outputs = [...graph.outputs, ...[...plain, ...handedOut].map((name): Value => ({ name }))];
    const value = { ...graph, nodes: [...graph.nodes, ...added, ...parts], outputs, range: undefined };
    return { name: attribute, kind: 'graph', value };
  }

  #leaf(key: string): Leaf {
    const type = this.types.get(key);
    if (type?.kind !== 'tensor' || 'kind' in type.shape) {
      const message = `"${key}" lies inside of a Loop or Scan in a body of its own, and its rank is not known, so nothing can be collected of it.`;
      throw new RunnerError('model', message);
    }
    return { dataType: type.elemType, rank: type.shape.length };
  }

  #rankOf(name: string, around: readonly GraphInference[]): number | undefined {
    const type = typeIn(around, name);
    return type?.kind !== 'tensor' || 'kind' in type.shape ? undefined : type.shape.length;
  }
}

function isLiftable({ domain, opType }: Node): boolean {
  return domain === '' && ['If', 'Loop', 'Scan'].includes(opType);
}

/** The node again, its outputs under names of their own but for those that are new. */
function apart(node: Node, original: Node): Node {
  const own = new Set(original.outputs);
  const outputs = node.outputs.map((name) => (own.has(name) && name !== '' ? `${name} aside` : name));
  return { ...node, name: '', outputs, range: undefined };
}

function typeIn(around: readonly GraphInference[], name: string): InferredType | undefined {
  for (const { values } of around) {
    const type = values.get(name);
    if (type !== undefined) return type.kind === 'tensor' && type.elemType !== 0 ? type : undefined;
  }
  return undefined;
}

/** What the branch that does not have the value gives for it. */
function nothing(key: string, type: InferredType | undefined): Node {
  return constantOf(key, type?.kind === 'tensor' ? type.elemType : 0, [0], new Uint8Array(0));
}

/** A Scan that says where and in which order its outputs are stacked says so of the new ones, too. */
function inOrder(attributes: Map<string, Attribute>, count: number): void {
  for (const name of ['scan_output_axes', 'scan_output_directions']) {
    const given = attributes.get(name);
    if (given?.kind !== 'ints') continue;
    const value = [...given.value, ...Array.from({ length: count }, () => 0n)];
    attributes.set(name, { name, kind: 'ints', value });
  }
}
