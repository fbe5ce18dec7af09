/**
 * Values inside of bodies as values of the main graph, since ONNX Runtime gives no others: a branch of an If hands its
 * own out, and the other branch nothing in its place (a tensor of no elements); Loop and Scan stack what each turn has.
 */
import { bodyOfValue } from '../../analysis/calibration.ts';
import type { GraphInference, InferredType } from '../../analysis/inference.ts';
import { inferShapes } from '../../analysis/shapes/index.ts';
import {
  nodeIds,
  subgraphs,
  type Attribute,
  type Graph,
  type Model,
  type Node,
  type Value,
} from '../../onnx/index.ts';

export interface Lifted {
  readonly model: Model;
  /** Of what was lifted, as one turn of a Loop has it. */
  readonly types: ReadonlyMap<string, InferredType>;
}

/** @param values names; values of bodies are named by `bodyValue`. Those that there are none of are left to the caller */
export function lifted(model: Model, values: readonly string[]): Lifted {
  const own = new Set([
    ...model.graph.inputs.map((i) => i.name),
    ...model.graph.nodes.flatMap((n) => n.outputs),
  ]);
  const wanted = values.filter((name) => !own.has(name) && bodyOfValue(name) !== undefined);
  if (wanted.length === 0) return { model, types: new Map() };
  const lift = new Lift();
  const graph = lift.graph(model.graph, '', wanted, [inferShapes(model).main]);
  return { model: { ...model, graph, range: undefined }, types: lift.types };
}

interface Body {
  readonly attribute: string;
  /** With the values of bodies further inside. */
  readonly graph: Graph;
  /** By key, the value's name; of those further inside, the key itself. */
  readonly values: ReadonlyMap<string, string>;
}

class Lift {
  readonly types = new Map<string, InferredType>();

  /** @param around inferences of the graph and of those around it, the innermost first */
  graph(graph: Graph, prefix: string, wanted: readonly string[], around: readonly GraphInference[]): Graph {
    const ids = nodeIds(graph.nodes, prefix);
    const nodes = graph.nodes.map((node, i) => {
      const inside = wanted.filter((key) => bodyOfValue(key)?.body.startsWith(`${ids[i] ?? ''}/`) === true);
      return inside.length > 0 && isLiftable(node) ? this.#node(node, ids[i] ?? '', inside, around) : node;
    });
    return { ...graph, nodes, range: undefined };
  }

  #node(node: Node, id: string, wanted: readonly string[], around: readonly GraphInference[]): Node {
    const bodies = subgraphs(node).map(({ attribute, graph }) => {
      const inferred = around[0]?.subgraphs.get(node)?.find((s) => s.inference.graph === graph)?.inference;
      const inner = inferred === undefined ? around : [inferred, ...around];
      return this.#body(attribute, graph, `${id}/${attribute}`, wanted, inner);
    });
    const keys = wanted.filter((key) => bodies.some((b) => b.values.has(key)));
    const attributes = new Map(node.attributes);
    for (const body of bodies) attributes.set(body.attribute, this.#withOutputs(body, keys));
    if (node.opType === 'Scan') inOrder(attributes, keys.length);
    const results = (bodies[0]?.graph.outputs.length ?? 0) - (node.opType === 'Loop' ? 1 : 0);
    // outputs at the end may have been left out
    const unused = Array.from(
      { length: Math.max(0, results - node.outputs.length) },
      (_, i) => `${id}/unused/${i}`,
    );
    return { ...node, attributes, outputs: [...node.outputs, ...unused, ...keys], range: undefined };
  }

  #body(
    attribute: string,
    graph: Graph,
    id: string,
    wanted: readonly string[],
    around: readonly GraphInference[],
  ): Body {
    const deeper = wanted.filter((key) => bodyOfValue(key)?.body.startsWith(`${id}/`) === true);
    const inner = this.graph(graph, `${id}/`, deeper, around);
    const values = new Map(deeper.flatMap((key) => (this.types.has(key) ? [[key, key] as const] : [])));
    for (const key of wanted) {
      const found = bodyOfValue(key);
      const type = found?.body === id ? typeIn(around, found.name) : undefined;
      if (found === undefined || type === undefined) continue;
      this.types.set(key, type);
      values.set(key, found.name);
    }
    return { attribute, graph: inner, values };
  }

  /** Each key an output, in that order. */
  #withOutputs({ attribute, graph, values }: Body, keys: readonly string[]): Attribute {
    const added = keys.flatMap((key): Node[] => {
      const name = values.get(key);
      if (name === undefined) return [nothing(key, this.types.get(key))];
      return name === key ? [] : [made('Identity', [name], key)];
    });
    // without a type: ONNX Runtime infers it
    const outputs = [...graph.outputs, ...keys.map((name): Value => ({ name }))];
    const value = { ...graph, nodes: [...graph.nodes, ...added], outputs, range: undefined };
    return { name: attribute, kind: 'graph', value };
  }
}

function isLiftable({ domain, opType }: Node): boolean {
  return domain === '' && ['If', 'Loop', 'Scan'].includes(opType);
}

function typeIn(around: readonly GraphInference[], name: string): InferredType | undefined {
  for (const { values } of around) {
    const type = values.get(name);
    if (type !== undefined) return type.kind === 'tensor' && type.elemType !== 0 ? type : undefined;
  }
  return undefined;
}

function made(
  opType: string,
  inputs: readonly string[],
  output: string,
  attributes: Node['attributes'] = new Map(),
): Node {
  return { name: '', opType, domain: '', inputs, outputs: [output], attributes };
}

/** What the branch that does not have the value gives for it. */
function nothing(key: string, type: InferredType | undefined): Node {
  const dataType = type?.kind === 'tensor' ? type.elemType : 0;
  const bytes = new Uint8Array(0);
  const value = {
    name: '',
    dataType,
    dims: [0],
    location: { kind: 'inline', bytes },
    smallData: bytes,
  } as const;
  return made('Constant', [], key, new Map([['value', { name: 'value', kind: 'tensor', value } as const]]));
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
