/** Operators that pick elements by index: Gather, Slice, Scatter and their kin. */
import { DataType } from '../../onnx/model.ts';
import {
  add,
  ceilDiv,
  isUnknown,
  lessThan,
  lowerBound,
  max,
  min,
  mul,
  sameDim,
  sub,
  unknown,
  upperBound,
} from '../dim.ts';
import type { KnownContent } from '../inference.ts';
import type { Dim } from '../types.ts';
import { asNumbers, rowMajorStrides, smallStatic, staticCount } from './content.ts';
import { axesOf } from './reshape.ts';
import { normalizeAxis, ofUnknownRank, sameAs, ShapeError, tensor, withDim } from './rule.ts';
import type { Dims, Rule, RuleContext, RuleTable } from './rule.ts';

/** data.dims[:axis] + indices.dims + data.dims[axis + 1:] */
const gather: Rule = (c) => {
  const [data, indices] = [c.dims(0), c.dims(1)];
  if (data === undefined || indices === undefined)
    return [ofUnknownRank(c.elem(0), 'input rank is not known')];
  const axis = normalizeAxis(c.int('axis', 0), data.length);
  const shape = [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)];
  return [tensor(c.elem(0), shape, gatherContent(c, data, axis))];
};

function gatherContent(c: RuleContext, data: Dims, axis: number): KnownContent | undefined {
  if (axis !== 0 || !c.hasContent(0) || !c.hasContent(1)) return undefined;
  const [content, indices] = [c.content(0), asNumbers(c.content(1))];
  const small = smallStatic(data);
  if (content === undefined || indices === undefined || small === undefined) return undefined;
  const count = small[0] ?? 0;
  const block = small.slice(1).reduce((n, d) => n * d, 1);
  return indices.flatMap((i) => {
    const at = i < 0 ? i + count : i;
    if (at < 0 || at >= count) throw new ShapeError(`index ${i} is out of range for ${count} elements`);
    return content.slice(at * block, (at + 1) * block);
  });
}

/** The shape of the indices. */
const gatherElements: Rule = (c) => [tensor(c.elem(0), c.shape(1))];

/** indices.dims[:-1] + data.dims[batch_dims + indices.dims[-1]:] */
export const gatherND: Rule = (c) => {
  const [data, indices] = [c.dims(0), c.dims(1)];
  const depth = indices?.at(-1);
  if (data === undefined || indices === undefined || typeof depth !== 'number')
    return [ofUnknownRank(c.elem(0), 'depth of the indices is not known')];
  return [tensor(c.elem(0), [...indices.slice(0, -1), ...data.slice(c.int('batch_dims', 0) + depth)])];
};

interface SliceRange {
  readonly start: Dim | undefined;
  readonly end: Dim | undefined;
  readonly step: Dim | undefined;
}

/** Length of dims[start:end:step], by NumPy's rules. */
export function sliceLength(dim: Dim, { start, end, step }: SliceRange): Dim {
  if (start === undefined || end === undefined || step === undefined)
    return unknown('slice bounds are computed at run time');
  if (typeof step !== 'number') return unknown('slice step is computed at run time');
  if (step === 0) throw new ShapeError('the step of Slice is 0');
  if (step > 0) {
    const window = movingWindow(start, end, step);
    if (window !== undefined) return min(window, dim);
    const [from, to] = [clampIndex(start, dim, 0), clampIndex(end, dim, 0)];
    // A dim is never negative, which its formula may not show.
    if (from === 0 && sameDim(to, dim)) return ceilDiv(dim, step);
    return max(ceilDiv(sub(to, from), step), 0);
  }
  const span = sub(clampBackward(start, dim), clampBackward(end, dim));
  return max(ceilDiv(span, -step), 0);
}

/** Length of a window at a place that is a formula: it lies within the dim, or the model means nothing. */
function movingWindow(start: Dim, end: Dim, step: number): Dim | undefined {
  if (step !== 1 || typeof start === 'number' || lowerBound(start) < 0) return undefined;
  const length = sub(end, start);
  return lowerBound(length) >= 1 ? length : undefined;
}

/** An index as a position in [low, dim]: negative ones count from the end. */
function clampIndex(index: Dim, dim: Dim, low: number): Dim {
  if (isUnknown(index)) return index;
  if (typeof index === 'number' && index >= 2 ** 31 - 1) return dim;
  if (index === 0) return 0;
  const fromEnd = upperBound(index) < 0;
  if (!fromEnd && lowerBound(index) < 0 && typeof index !== 'number' && !isPlausiblySize(index, dim))
    return max(low, min(add(index, dim), dim));
  const at = fromEnd ? add(index, dim) : index;
  return max(low, min(at, dim));
}

/** Formulas like `seq − 1` have no known sign, but as slice bounds they mean positions. */
function isPlausiblySize(index: Dim, dim: Dim): boolean {
  return lessThan(index, add(dim, 1)) !== false;
}

/** Positions for a negative step: clamped to [−1, dim − 1]. */
function clampBackward(index: Dim, dim: Dim): Dim {
  if (isUnknown(index)) return index;
  if (typeof index === 'number' && index <= -(2 ** 31 - 1)) return -1;
  if (typeof index === 'number' && index >= 2 ** 31 - 1) return sub(dim, 1);
  const at = upperBound(index) < 0 ? add(index, dim) : index;
  return max(-1, min(at, sub(dim, 1)));
}

interface SliceParts {
  readonly starts: KnownContent | undefined;
  readonly ends: KnownContent | undefined;
  readonly axes: readonly number[] | undefined;
  readonly steps: KnownContent | undefined;
}

function attributeParts(c: RuleContext): SliceParts {
  const starts = c.ints('starts');
  return {
    starts,
    ends: c.ints('ends'),
    axes: c.ints('axes') ?? starts?.map((_, i) => i),
    steps: starts?.map(() => 1),
  };
}

/** data, starts, ends, axes, steps */
function inputParts(c: RuleContext, rank: number): SliceParts | undefined {
  const count = [1, 2, 3].map((i) => c.dims(i)?.[0]).find((d) => typeof d === 'number');
  const given = axesOf(c, 0, 3);
  if (given === null || (given === undefined && typeof count !== 'number')) return undefined;
  const axes = given ?? Array.from({ length: Math.min(Number(count), rank) }, (_, i) => i);
  return {
    starts: c.content(1),
    ends: c.content(2),
    axes,
    steps: c.has(4) ? c.content(4) : axes.map(() => 1),
  };
}

function sliced(c: RuleContext, partsOf: (c: RuleContext, rank: number) => SliceParts | undefined) {
  const dims = c.dims(0);
  if (dims === undefined) return [ofUnknownRank(c.elem(0), 'input rank is not known')];
  const parts = partsOf(c, dims.length);
  if (parts?.axes === undefined)
    return [
      tensor(
        c.elem(0),
        dims.map((d, i) => c.derived(0, `d${i}`, d)),
      ),
    ];
  const out = [...dims];
  parts.axes.forEach((axis, i) => {
    const at = normalizeAxis(axis, dims.length);
    const length = sliceLength(dims[at] ?? 1, {
      start: parts.starts?.[i],
      end: parts.ends?.[i],
      step: parts.steps?.[i],
    });
    out[at] =
      isUnknown(length) || falls(c, length, parts.starts?.[i]) ? c.derived(0, `d${at}`, dims[at]) : length;
  });
  return [tensor(c.elem(0), out, c.hasContent(0) ? sliceContent(c, dims, parts) : undefined)];
}

/** A length that is least where what only running tells is greatest has no use for its bound. */
function falls(c: RuleContext, length: Dim, start: Dim | undefined): boolean {
  return start !== undefined && !c.isFree(start) && !c.isFree(length);
}

/** Content of a slice, where all bounds are numbers. */
function sliceContent(
  c: RuleContext,
  dims: Dims,
  { axes, starts, ends, steps }: SliceParts,
): KnownContent | undefined {
  const content = c.content(0);
  const small = smallStatic(dims);
  if (content === undefined || small === undefined || axes === undefined) return undefined;
  const picked: (readonly number[])[] = small.map((n) => Array.from({ length: n }, (_, i) => i));
  for (const [i, axis] of axes.entries()) {
    const at = normalizeAxis(axis, dims.length);
    const [start, end, step] = [starts?.[i], ends?.[i], steps?.[i]];
    if (typeof start !== 'number' || typeof end !== 'number' || typeof step !== 'number') return undefined;
    picked[at] = slicedIndices(small[at] ?? 0, start, end, step);
  }
  const strides = rowMajorStrides(small);
  const offsets = picked.reduce<readonly number[]>(
    (all, indices, k) => all.flatMap((o) => indices.map((i) => o + i * (strides[k] ?? 1))),
    [0],
  );
  return offsets.map((o) => content[o] ?? 0);
}

function slicedIndices(n: number, start: number, end: number, step: number): number[] {
  const clamp = (i: number, low: number, high: number) => Math.min(Math.max(i < 0 ? i + n : i, low), high);
  const indices: number[] = [];
  if (step > 0) for (let i = clamp(start, 0, n); i < clamp(end, 0, n); i += step) indices.push(i);
  else for (let i = clamp(start, -1, n - 1); i > clamp(end, -1, n - 1); i += step) indices.push(i);
  return indices;
}

/** ScatterElements of known content along one axis of a vector, ScatterND of single elements. */
const scatter: Rule = (c) => [tensor(c.elem(0), c.shape(0), scatteredContent(c))];

function scatteredContent(c: RuleContext): KnownContent | undefined {
  if (![0, 1, 2].every((i) => c.hasContent(i)) || c.dims(0)?.length !== 1) return undefined;
  if (c.text('reduction', 'none') !== 'none') return undefined;
  const [data, indices, updates] = [c.content(0), asNumbers(c.content(1)), c.content(2)];
  if (data === undefined || indices === undefined || updates?.length !== indices.length) return undefined;
  const out = [...data];
  indices.forEach(
    (index, i) => (out[index < 0 ? index + out.length : index] = updates[i] ?? unknown('no update')),
  );
  return out;
}

/** At most all elements; the number only running tells. */
const compress: Rule = (c) => {
  const dims = c.dims(0);
  const axis = c.int('axis');
  const kept = asNumbers(c.content(1))?.filter((v) => v !== 0).length;
  if (axis === undefined) return [tensor(c.elem(0), [kept ?? c.derived(0, 'd0', dims && mul(...dims))])];
  if (dims === undefined) return [ofUnknownRank(c.elem(0), 'input rank is not known')];
  const at = normalizeAxis(axis, dims.length);
  return [tensor(c.elem(0), withDim(dims, at, kept ?? c.derived(0, `d${at}`, dims[at])))];
};

/** [rank, number of nonzero elements] */
const nonZero: Rule = (c) => {
  const dims = c.dims(0);
  if (dims === undefined) return [tensor(DataType.int64, [c.derived(0, 'rank'), c.derived(0, 'd1')])];
  const rank = Math.max(dims.length, 1);
  const type = c.type(0);
  const fill = type?.kind === 'tensor' ? type.fill : undefined;
  if (typeof fill === 'number') return [tensor(DataType.int64, [rank, fill === 0 ? 0 : mul(...dims)])];
  const content = asNumbers(c.content(0));
  const small = smallStatic(dims);
  if (content === undefined || small === undefined)
    return [tensor(DataType.int64, [rank, c.derived(0, 'd1', mul(...dims))])];
  const found = content.flatMap((v, i) => (v === 0 ? [] : [i]));
  const strides = rowMajorStrides(small);
  const coordinates =
    small.length === 0
      ? found
      : small.flatMap((d, k) => found.map((i) => Math.floor(i / (strides[k] ?? 1)) % d));
  return [tensor(DataType.int64, [rank, found.length], coordinates)];
};

/** indices.dims with `depth` put in at `axis`. */
const oneHot: Rule = (c) => {
  const indices = c.dims(0);
  if (indices === undefined) return [ofUnknownRank(c.elem(2), 'input rank is not known')];
  const depth = c.content(1)?.[0];
  const at = normalizeAxis(c.int('axis', -1), indices.length + 1);
  const dim = depth === undefined || isUnknown(depth) ? c.derived(0, `d${at}`) : depth;
  return [tensor(c.elem(2), [...indices.slice(0, at), dim, ...indices.slice(at)])];
};

/** Values and indices: dims with k at `axis`. */
const topK: Rule = (c) => {
  const dims = c.dims(0);
  const types = [c.elem(0), DataType.int64];
  if (dims === undefined) return types.map((t) => ofUnknownRank(t, 'input rank is not known'));
  const at = normalizeAxis(c.int('axis', -1), dims.length);
  const k = c.version < 10 ? c.int('k') : c.content(1)?.[0];
  const dim = k === undefined || isUnknown(k) ? c.derived(0, `d${at}`, dims[at]) : k;
  return types.map((t) => tensor(t, withDim(dims, at, dim)));
};

/** Y, indices, inverse indices, counts. */
const unique: Rule = (c) => {
  const dims = c.dims(0);
  const axis = c.int('axis');
  const total = dims && mul(...dims);
  const at = dims && axis !== undefined ? normalizeAxis(axis, dims.length) : undefined;
  const all = at === undefined ? total : dims?.[at];
  const count = staticCount(dims) === 1 ? 1 : c.derived(0, `d${at ?? 0}`, all);
  const y =
    axis === undefined
      ? [count]
      : dims && at !== undefined
        ? withDim(dims, at, count)
        : unknown('input rank is not known');
  const ints = [[count], [all ?? unknown('input rank is not known')], [count]].map((d) =>
    tensor(DataType.int64, d),
  );
  return [tensor(c.elem(0), y), ...ints];
};

export const indexing: RuleTable = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  Slice: [
    [1, (c) => sliced(c, attributeParts)],
    [10, (c) => sliced(c, inputParts)],
  ],
  DynamicSlice: (c) => sliced(c, inputParts),
  Scatter: scatter,
  ScatterElements: scatter,
  ScatterND: scatter,
  TensorScatter: sameAs(0),
  Compress: compress,
  NonZero: nonZero,
  OneHot: oneHot,
  TopK: topK,
  Unique: unique,
};
