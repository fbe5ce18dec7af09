/**
 * Channel shuffles: a Reshape, a Transpose and a Reshape that only put the indices of one dim in another order. As they
 * are, indices can only go so that the dim still is a product of factors; as a Gather, any of them can.
 *
 *     [N, 6, H, W] → [N, 3, 2, H, W] → [N, 2, 3, H, W] → [N, 6, H, W]
 *     // { axis: 1, from: [0, 2, 4, 1, 3, 5], tied: 2 }
 */
import { sameDim } from '../../../analysis/dim.ts';
import type { Dim } from '../../../analysis/types.ts';
import { attributeInts, subgraphs, type Graph, type Node } from '../../../onnx/model.ts';
import { intAttribute, makeNode } from '../../graph/nodes.ts';
import { isTracked } from './axis.ts';
import { namesInside } from './names-inside.ts';
import { pickedIndices } from './picked-indices.ts';
import type { Rewrite } from './rule.ts';
import type { Tracer } from './trace.ts';

export interface Shuffle {
  /** The Reshape, the Transpose and the Reshape. */
  readonly nodes: readonly [Node, Node, Node];
  readonly input: string;
  readonly axis: number;
  /** Of each index of the output, the index of the input that it is. */
  readonly from: Int32Array;
  /** So many indices go together at least as long as it is a Reshape: all but the largest factor. */
  readonly tied: number;
}

export function findShuffles(
  { nodes, outputs }: Graph,
  dimsOf: (value: string) => readonly Dim[] | undefined,
): Shuffle[] {
  if (!nodes.some((n) => isPlain(n, 'Transpose'))) return [];
  const producers = new Map(nodes.flatMap((n) => n.outputs.map((name) => [name, n] as const)));
  const uses = new Map<string, number>();
  const use = (name: string): unknown => uses.set(name, (uses.get(name) ?? 0) + 1);
  for (const { name } of outputs) use(name);
  for (const node of nodes) {
    node.inputs.forEach(use);
    for (const { graph } of subgraphs(node)) namesInside(graph, use);
  }
  return nodes.flatMap((close) => {
    const turn = isPlain(close, 'Reshape') ? producers.get(close.inputs[0] ?? '') : undefined;
    const open = isPlain(turn, 'Transpose') ? producers.get(turn.inputs[0] ?? '') : undefined;
    if (turn === undefined || !isPlain(open, 'Reshape')) return [];
    const [input = ''] = open.inputs;
    const [opened = ''] = open.outputs;
    if (uses.get(opened) !== 1 || uses.get(turn.outputs[0] ?? '') !== 1) return [];
    const [before, taken, after] = [dimsOf(input), dimsOf(opened), dimsOf(close.outputs[0] ?? '')];
    if (before === undefined || taken === undefined || after === undefined) return [];
    if (!isSameShape(before, after)) return [];
    const perm = attributeInts(turn, 'perm') ?? taken.map((_, i) => taken.length - 1 - i);
    const moved = movedDim(before, taken, perm);
    return moved === undefined ? [] : [{ nodes: [open, turn, close], input, ...moved }];
  });
}

function isPlain(node: Node | undefined, opType: string): node is Node {
  return node?.opType === opType && node.domain === '';
}

function isSameShape(a: readonly Dim[], b: readonly Dim[]): boolean {
  return a.length === b.length && a.every((dim, k) => sameDim(dim, b[k] ?? 0));
}

/** The dim of `before` whose factors in `taken` are all that `perm` moves. */
function movedDim(
  before: readonly Dim[],
  taken: readonly Dim[],
  perm: readonly number[],
): Pick<Shuffle, 'axis' | 'from' | 'tied'> | undefined {
  const isMoved = (p: number, i: number): boolean => p !== i;
  const [first, last] = [perm.findIndex(isMoved), perm.findLastIndex(isMoved)];
  if (first < 0) return undefined;
  for (const [axis, size] of before.entries()) {
    for (let from = 0; from <= first; from++) {
      if (!isAlike(before.slice(0, axis), taken.slice(0, from))) continue;
      const factors = factorsOf(taken.slice(from), size);
      if (factors === undefined || from + factors.length <= last) continue;
      const order = perm.slice(from, from + factors.length).map((p) => p - from);
      return { axis, from: reordered(factors, order), tied: Number(size) / Math.max(...factors) };
    }
  }
  return undefined;
}

/** Whether the dims hold as many elements, for all that is known. */
function isAlike(a: readonly Dim[], b: readonly Dim[]): boolean {
  const isStatic = [...a, ...b].every((d) => typeof d === 'number');
  return isStatic ? product(a) === product(b) : isSameShape(a, b);
}

function product(dims: readonly Dim[]): number {
  return dims.reduce<number>((n, d) => n * Number(d), 1);
}

/** The first dims, as many as make up `size`. */
function factorsOf(dims: readonly Dim[], size: Dim): number[] | undefined {
  const found: number[] = [];
  let sofar = 1;
  for (const dim of dims) {
    if (typeof dim !== 'number' || dim < 1) return undefined;
    found.push(dim);
    sofar *= dim;
    if (sofar === size) return found;
  }
  return undefined;
}

function reordered(factors: readonly number[], order: readonly number[]): Int32Array {
  const strides = factors.map((_, f) => product(factors.slice(f + 1)));
  return Int32Array.from({ length: product(factors) }, (_, out) => {
    let [rest, index] = [out, 0];
    for (const f of order.toReversed()) {
      const size = factors[f] ?? 1;
      index += (rest % size) * (strides[f] ?? 0);
      rest = Math.floor(rest / size);
    }
    return index;
  });
}

/** Its nodes as one, which puts indices in another order; where some of them go, a Gather. */
export function traceShuffle(
  tracer: Tracer,
  { nodes: [open, turn, close], input, axis, from }: Shuffle,
): void {
  const axes = [...(tracer.axes.get(input) ?? [])];
  const [output = ''] = close.outputs;
  const own = axes[axis];
  if (isTracked(own)) {
    const { atoms } = own;
    const out = tracer.register(Int32Array.from(from, (i) => atoms[i] ?? 0));
    axes[axis] = { ...own, atoms: out };
    const gather: Rewrite = ({ name }, w) => {
      const inputs = [input, pickedIndices(w, atoms, from, out)];
      return [makeNode('Gather', inputs, [output], name, [intAttribute('axis', axis)])];
    };
    for (const node of [open, turn]) tracer.sites.push({ node, atoms: [atoms], change: () => [] });
    tracer.sites.push({ node: close, atoms: [atoms], change: gather });
  }
  tracer.axes.set(output, axes);
}
