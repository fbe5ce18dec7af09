/** The graph without the channels that go: new nodes, new constants, and a check that every shape is as planned. */
import { isUnknown } from '../../../analysis/dim.ts';
import { inferShapes } from '../../../analysis/shapes/index.ts';
import { DataType, type Graph, type Model, type Node, type TensorRef } from '../../../onnx/model.ts';
import { indicesOf, isTracked } from './axis.ts';
import { makeNode } from '../../graph/nodes.ts';
import { withOriginal } from '../../weights/original.ts';
import { decodeFloats, encodeFloats } from './floats.ts';
import type { ChannelPlan } from './plan.ts';
import type { NewBias, Repairs } from './repair/repair.ts';
import type { Rewriter } from './rule.ts';
import { selectedTensor } from './select-tensor.ts';

export interface Rewritten {
  /** By node that changes: what takes its place, itself the last. */
  readonly nodes: ReadonlyMap<Node, readonly Node[]>;
  /** By name: constants that shrink. */
  readonly tensors: ReadonlyMap<string, TensorRef>;
  /** Constants that are new. */
  readonly added: readonly TensorRef[];
  /** Values whose shapes change. */
  readonly reshaped: readonly string[];
}

export interface GraphNames {
  readonly unique: (base: string) => string;
  /** The constant of that name, as it is now. */
  readonly tensor: (name: string) => TensorRef | undefined;
  readonly model: Model;
}

export function rewriteGraph(plan: ChannelPlan, names: GraphNames, repairs?: Repairs): Rewritten {
  const { trace } = plan;
  const tensors = new Map<string, TensorRef>();
  const reshaped: string[] = [];
  for (const [name, axes] of trace.valueAxes) {
    const touched = axes.flatMap((a, axis) =>
      isTracked(a) && plan.isTouched(a.atoms) ? [{ axis, own: a }] : [],
    );
    if (touched.length === 0) continue;
    reshaped.push(name);
    const tensor = trace.constants.has(name) ? names.tensor(name) : undefined;
    if (tensor === undefined) continue;
    const user = [...trace.ids].find(([n]) => n.inputs.includes(name))?.[1] ?? '';
    const kept = touched.map(({ axis, own }) => ({
      axis,
      groups: own.groups,
      count: indicesOf(own, plan.count(own.atoms)),
      positions: (signal?: AbortSignal) => plan.kept(own.atoms, signal),
    }));
    const selected = selectedTensor({ model: names.model, tensor, name, node: user }, kept, tensor.name);
    const scaled = trace.scaled.get(name);
    tensors.set(name, scaled === undefined ? selected : scaledTensor(selected, scaled, plan));
  }
  for (const [name, repaired] of repairs?.tensors ?? []) {
    const bare = tensors.get(name) ?? names.tensor(name);
    if (bare !== undefined) tensors.set(name, repaired(bare));
  }
  const { nodes, added } = changedNodes(plan, names);
  for (const bias of repairs?.biases ?? []) addBias(plan, names, bias, nodes, added);
  return { tensors, reshaped, nodes, added };
}

function scaledTensor(tensor: TensorRef, atoms: Int32Array, plan: ChannelPlan): TensorRef {
  const { location, dataType } = tensor;
  const count = plan.count(atoms);
  if (location.kind !== 'computed' || count === atoms.length) return tensor;
  const factor = Math.sqrt(atoms.length / count);
  const { produce } = location;
  const scaled = async function* (signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of produce(signal))
      yield encodeFloats(
        decodeFloats(Uint8Array.from(chunk), dataType).map((v) => v * factor),
        dataType,
      );
  };
  return withOriginal({ ...tensor, location: { ...location, produce: scaled } }, tensor);
}

/** Conv and Gemm take a bias; behind a MatMul stands an Add. */
function addBias(
  { trace }: ChannelPlan,
  names: GraphNames,
  { node, output, size, repaired }: NewBias,
  nodes: Map<Node, readonly Node[]>,
  added: TensorRef[],
): void {
  const id = trace.ids.get(node) ?? node.name;
  const name = names.unique(`${id}_repair`);
  const bytes = new Uint8Array(4 * size);
  added.push(repaired({ name, dataType: DataType.float, dims: [size], location: { kind: 'inline', bytes } }));
  const sofar = nodes.get(node) ?? [node];
  const current = sofar.at(-1) ?? node;
  const before = sofar.slice(0, -1);
  if (current.opType !== 'MatMul') {
    const inputs = [...current.inputs.slice(0, 2), name];
    nodes.set(node, [...before, { ...current, inputs, range: undefined }]);
    return;
  }
  const sum = names.unique(`${output}_before_repair`);
  const add = makeNode('Add', [sum, name], [output], `${id}_repair_add`);
  nodes.set(node, [...before, { ...current, outputs: [sum], range: undefined }, add]);
}

function changedNodes(
  plan: ChannelPlan,
  names: GraphNames,
): { nodes: Map<Node, readonly Node[]>; added: TensorRef[] } {
  const { trace } = plan;
  const nodes = new Map<Node, readonly Node[]>();
  const added: TensorRef[] = [];
  for (const site of trace.sites) {
    if (!site.atoms.some((a) => plan.isTouched(a))) continue;
    const id = trace.ids.get(site.node) ?? site.node.name;
    const rewriter = rewriterFor(plan, names, id, added);
    const sofar = nodes.get(site.node) ?? [site.node];
    const current = sofar.at(-1) ?? site.node;
    nodes.set(site.node, [...sofar.slice(0, -1), ...site.change(current, rewriter)]);
  }
  return { nodes, added };
}

function rewriterFor(plan: ChannelPlan, names: GraphNames, id: string, added: TensorRef[]): Rewriter {
  const constant: Rewriter['constant'] = (tensor, suffix) => {
    const name = names.unique(`${id}_${suffix}`);
    added.push({ ...tensor, name });
    return name;
  };
  return {
    count: (atoms) => plan.count(atoms),
    kept: (atoms, signal) => plan.kept(atoms, signal),
    value: (suffix) => names.unique(`${id}_${suffix}`),
    constant,
    float: (value, dataType, suffix) => {
      const bytes = encodeFloats(Float64Array.of(value), dataType);
      const tensor = { dataType, dims: [], smallData: bytes };
      return constant({ ...tensor, location: { kind: 'inline', bytes } }, suffix);
    },
    ints: (values, suffix) => {
      const bytes = new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer);
      const tensor = { dataType: DataType.int64, dims: [values.length], smallData: bytes };
      return constant({ ...tensor, location: { kind: 'inline', bytes } }, suffix);
    },
  };
}

/** The main graph of `model` as `rewritten` makes it. */
export function rewrittenGraph({ graph }: Model, { nodes, tensors, added, reshaped }: Rewritten): Graph {
  const gone = new Set(reshaped);
  const initializers = new Map(graph.initializers);
  for (const [name, tensor] of tensors) if (initializers.has(name)) initializers.set(name, tensor);
  for (const tensor of added) initializers.set(tensor.name, tensor);
  return {
    ...graph,
    initializers,
    nodes: graph.nodes.flatMap((n) => nodes.get(n) ?? [withTensor(n, tensors)]),
    valueInfo: new Map([...graph.valueInfo].filter(([name]) => !gone.has(name))),
    range: undefined,
  };
}

function withTensor(node: Node, tensors: ReadonlyMap<string, TensorRef>): Node {
  const tensor = node.opType === 'Constant' ? tensors.get(node.outputs[0] ?? '') : undefined;
  if (tensor === undefined) return node;
  const attributes = new Map(node.attributes).set('value', { name: 'value', kind: 'tensor', value: tensor });
  return { ...node, attributes, range: undefined };
}

/**
 * Infers the shapes of the rewritten graph.
 * @returns the first value whose shape is not the planned one; undefined where all are
 */
export function firstMismatch(plan: ChannelPlan, model: Model, rewritten: Rewritten): string | undefined {
  const graph = rewrittenGraph(model, rewritten);
  const { main } = inferShapes({ ...model, graph, range: undefined });
  for (const [name, axes] of plan.trace.valueAxes) {
    const before = plan.trace.inference.main.values.get(name);
    const after = main.values.get(name);
    if (before?.kind !== 'tensor' || isUnknown(before.shape)) continue;
    if (after?.kind !== 'tensor' || isUnknown(after.shape)) return name;
    const { shape } = after;
    const isAsPlanned = before.shape.every((dim, k) => {
      const axis = axes[k];
      const planned = isTracked(axis) ? indicesOf(axis, plan.count(axis.atoms)) : dim;
      return typeof planned !== 'number' || planned === shape[k];
    });
    if (!isAsPlanned || shape.length !== before.shape.length) return name;
  }
  return undefined;
}
