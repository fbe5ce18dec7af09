/** Operators that move values, and what looks at many places of one channel: of such their distribution stays. */
import type { Dim } from '../../../../analysis/types.ts';
import { attributeInt, attributeInts } from '../../../../onnx/model.ts';
import { reshaped } from './reshaped.ts';
import { axisIn, type FlowRule, type FlowTable } from './rule.ts';
import {
  averaged,
  gaussian,
  indexed,
  momentsOf,
  picked,
  stepsOf,
  stretched,
  transposed,
  Unfit,
  type Spread,
} from './spread.ts';

const same: FlowRule = async (c) => [await c.spread(0)];

const reshape: FlowRule = async (c) => [reshaped(await c.spread(0), c.dims(0), c.outDims(0))];

const transpose: FlowRule = async (c) => {
  const spread = await c.spread(0);
  const order = attributeInts(c.node, 'perm') ?? spread.dims.map((_, i) => spread.dims.length - 1 - i);
  return [transposed(spread, order)];
};

/** New dims at the front. */
const expand: FlowRule = async (c) => {
  const spread = await c.spread(0);
  const more = c.outDims(0).length - spread.dims.length;
  return [{ ...spread, dims: [...Array.from({ length: Math.max(0, more) }, () => 1), ...spread.dims] }];
};

const concat: FlowRule = async (c) => {
  const rank = c.outDims(0).length;
  const axis = axisIn(attributeInt(c.node, 'axis', 0), rank);
  const parts: Spread[] = [];
  for (const i of c.node.inputs.keys()) parts.push(await c.spread(i));
  if (parts.every((p) => p.dims[axis] === 1) && parts.length === 1) return parts;
  return [
    joined(
      parts,
      parts.map((_, i) => sizeOf(c.dims(i)[axis])),
      axis,
    ),
  ];
};

function joined(parts: readonly Spread[], sizes: readonly number[], axis: number): Spread {
  const [first] = parts;
  if (first === undefined) throw new Unfit();
  const dims = first.dims.map((_, k) => Math.max(...parts.map((p) => p.dims[k] ?? 1)));
  dims[axis] = sizes.reduce((sum, s) => sum + s, 0);
  const own = parts.map((p, i) =>
    momentsOf(
      stretched(
        p,
        dims.map((d, k) => (k === axis ? (sizes[i] ?? 1) : d)),
      ),
    ),
  );
  const count = dims.reduce((n, d) => n * d, 1);
  const [mean, variance] = [new Float64Array(count), new Float64Array(count)];
  const outer = dims.slice(0, axis).reduce((n, d) => n * d, 1);
  let at = 0;
  for (let o = 0; o < outer; o++)
    for (const part of own) {
      const each = part.mean.length / outer;
      mean.set(part.mean.subarray(o * each, (o + 1) * each), at);
      variance.set(part.variance.subarray(o * each, (o + 1) * each), at);
      at += each;
    }
  return gaussian({ dims, mean, variance });
}

function sizeOf(dim: Dim | undefined): number {
  if (typeof dim !== 'number') throw new Unfit();
  return dim;
}

const split: FlowRule = async (c) => {
  const spread = await c.spread(0);
  const axis = axisIn(attributeInt(c.node, 'axis', 0), spread.dims.length);
  if ((spread.dims[axis] ?? 1) === 1) return c.node.outputs.map(() => spread);
  let from = 0;
  return c.node.outputs.map((name, o) => {
    const size = name === '' ? 0 : sizeOf(c.outDims(o)[axis]);
    const part = indexed(spread, axis, range(from, size, 1));
    from += size;
    return part;
  });
};

const range = (from: number, count: number, step: number): number[] =>
  Array.from({ length: count }, (_, i) => from + i * step);

const slice: FlowRule = async (c) => {
  let spread = await c.spread(0);
  const [from, to] = [c.dims(0), c.outDims(0)];
  const starts = attributeInts(c.node, 'starts') ?? c.ints(1);
  if (starts === undefined) throw new Unfit();
  const axes = attributeInts(c.node, 'axes') ?? (c.has(3) ? c.ints(3) : range(0, starts.length, 1));
  const steps = c.has(4) ? c.ints(4) : starts.map(() => 1);
  axes?.forEach((a, i) => {
    const axis = axisIn(a, from.length);
    if ((spread.dims[axis] ?? 1) === 1) return;
    const [size, start, step] = [sizeOf(from[axis]), starts[i] ?? 0, steps?.[i] ?? 1];
    const first = Math.min(start < 0 ? Math.max(0, start + size) : start, step < 0 ? size - 1 : size);
    spread = indexed(spread, axis, range(first, sizeOf(to[axis]), step));
  });
  return [spread];
};

/** Rows of a table, or some indices of values. */
const gather: FlowRule = async (c) => {
  const spread = await c.spread(0);
  const axis = axisIn(attributeInt(c.node, 'axis', 0), spread.dims.length);
  const added = c.dims(1).length;
  const indices = c.ints(1);
  const size = spread.dims[axis] ?? 1;
  const isKnown = indices !== undefined && (added === 1 || indices.length === 1);
  const own = isKnown
    ? indexed(
        spread,
        axis,
        indices.map((i) => (i < 0 ? i + size : i)),
      )
    : averaged(spread, [axis]);
  if (added === 1) return [own];
  const ones = Array.from({ length: added }, () => 1);
  return [{ ...own, dims: [...own.dims.slice(0, axis), ...ones, ...own.dims.slice(axis + 1)] }];
};

const reduce: FlowRule = async (c) => {
  const spread = await c.spread(0);
  const rank = spread.dims.length;
  const given = attributeInts(c.node, 'axes') ?? (c.has(1) ? c.ints(1) : undefined);
  const axes = (given ?? range(0, rank, 1)).map((a) => axisIn(a, rank));
  const mean = averaged(spread, axes);
  if (attributeInt(c.node, 'keepdims', 1) !== 0) return [mean];
  return [{ ...mean, dims: mean.dims.filter((_, k) => !axes.includes(k)) }];
};

const tile: FlowRule = async (c) => {
  const spread = await c.spread(0);
  const [from, to] = [c.dims(0), c.outDims(0)];
  const dims = spread.dims.map((d, k) => (d === 1 ? 1 : sizeOf(to[k])));
  const steps = stepsOf(spread.dims);
  return [
    picked(spread, dims, (place) =>
      place.reduce(
        (at, p, k) => at + (spread.dims[k] === 1 ? 0 : (p % sizeOf(from[k])) * (steps[k] ?? 0)),
        0,
      ),
    ),
  ];
};

export const layoutRules: FlowTable = {
  ...Object.fromEntries(
    (
      'Identity Cast Dropout MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool GlobalLpPool Pad Resize ' +
      'Upsample RotaryEmbedding'
    )
      .split(' ')
      .map((name) => [name, same]),
  ),
  Reshape: reshape,
  Flatten: reshape,
  Squeeze: reshape,
  Unsqueeze: reshape,
  Transpose: transpose,
  Expand: expand,
  Tile: tile,
  Concat: concat,
  Split: split,
  Slice: slice,
  Gather: gather,
  ReduceMean: reduce,
  ReduceMax: reduce,
};
