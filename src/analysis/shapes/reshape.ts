/** Operators that give the same elements another shape, and those that read a shape. */
import { DataType } from '../../onnx/model.ts';
import { equal, floorDiv, isUnknown, max, mul, unknown } from '../dim.ts';
import type { KnownContent } from '../inference.ts';
import type { Dim, Shape } from '../types.ts';
import { maxContent, rowMajorStrides, smallStatic, staticCount } from './content.ts';
import { shapeFromInput } from './constant.ts';
import { dimsOf, normalizeAxis, ofUnknownRank, ShapeError, tensor, unknownDims } from './rule.ts';
import type { Dims, Rule, RuleContext, RuleTable, TensorType } from './rule.ts';

/** Same elements in the same order, in another shape. */
function reshaped(c: RuleContext, shape: Shape): TensorType {
  const type = c.type(0);
  const fill = type?.kind === 'tensor' ? type.fill : undefined;
  const content = c.hasContent(0) && dimsOf(shape) ? c.content(0) : undefined;
  return { ...tensor(c.elem(0), shape, content), ...(fill === undefined ? {} : { fill }) };
}

/** Dims that Reshape's `target` gives to a tensor of `from`: 0 copies (unless `allowZero`), −1 is what is left. */
export function reshapeDims(from: Shape, target: Dims, allowZero: boolean): Dims {
  const source = dimsOf(from);
  const dims = target.map((d, i): Dim => {
    if (d !== 0 || allowZero) return d;
    if (source === undefined) return isUnknown(from) ? from : unknown('rank is not known');
    const copied = source[i];
    if (copied === undefined)
      throw new ShapeError(`Reshape copies dim ${i} of a tensor of rank ${source.length}`);
    return copied;
  });
  const inferred = dims.map((d, i) => (d === -1 ? i : -1)).filter((i) => i >= 0);
  // One dim whose formula is not known is what is left as well, if nothing else is.
  const open = inferred.length === 0 ? dims.flatMap((d, i) => (isUnknown(d) ? [i] : [])) : inferred;
  if (inferred.length > 1) throw new ShapeError('Reshape with more than one -1');
  const [at] = open;
  if (at === undefined) return checkedCount(source, dims);
  if (open.length > 1) return dims;
  const rest = remaining(source, from, dims, at);
  return dims.map((d, i) => (i !== at ? d : inferred.length > 0 || !isUnknown(rest) ? rest : d));
}

function remaining(source: Dims | undefined, from: Shape, dims: Dims, at: number): Dim {
  if (source === undefined) return isUnknown(from) ? from : unknown('rank is not known');
  // Dims on both sides cancel, also unknown ones that are copied.
  const others = dims.filter((_, i) => i !== at);
  const left = [...source];
  const kept = others.filter((d) => {
    const i = left.findIndex((s) => s === d || (!isUnknown(s) && !isUnknown(d) && equal(s, d) === true));
    if (i >= 0) left.splice(i, 1);
    return i < 0;
  });
  const [total, given] = [mul(...left), mul(...kept)];
  if (given === 0) return 0;
  if (typeof total === 'number' && typeof given === 'number' && total % given !== 0)
    throw new ShapeError(`${String(total)} elements cannot be reshaped to a multiple of ${given}`);
  return floorDiv(total, given);
}

function checkedCount(source: Dims | undefined, dims: Dims): Dims {
  const [a, b] = [staticCount(source), staticCount(dims)];
  if (a !== undefined && b !== undefined && a !== b)
    throw new ShapeError(`${a} elements cannot be reshaped to ${b}`);
  return dims;
}

const reshape: Rule = (c) => {
  const target = c.version < 5 ? c.ints('shape') : shapeFromInput(c, 1);
  if (target === undefined) return [ofUnknownRank(c.elem(0), 'shape is computed at run time')];
  return [reshaped(c, reshapeDims(c.shape(0), target, c.int('allowzero', 0) === 1))];
};

/** [d0·…·d(axis−1), d(axis)·…] */
const flatten: Rule = (c) => {
  const dims = c.dims(0);
  if (dims === undefined) return [tensor(c.elem(0), unknownDims(2, 'input rank is not known'))];
  const axis = c.int('axis', 1);
  const at = axis < 0 ? axis + dims.length : axis;
  if (at < 0 || at > dims.length)
    throw new ShapeError(`axis ${axis} is out of range for rank ${dims.length}`);
  return [reshaped(c, [mul(...dims.slice(0, at)), mul(...dims.slice(at))])];
};

/** `axes` attribute, or second input since `inputSince`; null: given, but not known. */
export function axesOf(c: RuleContext, inputSince: number, input = 1): readonly number[] | null | undefined {
  if (c.version < inputSince) return c.ints('axes');
  if (!c.has(input)) return undefined;
  const content = c.content(input);
  if (content === undefined) return null;
  return content.every((d) => typeof d === 'number') ? content : null;
}

const axesUnknown = unknown('axes are computed at run time');

/** The dims without `count` of them, which only running tells: the k-th that is left was one of k … k + count. */
export function withoutSome(c: RuleContext, dims: Dims, count: number): Dims {
  return dims
    .slice(0, Math.max(dims.length - count, 0))
    .map((_, k) => c.derived(0, `d${k}`, max(...dims.slice(k, k + count + 1))));
}

/** The dims with `count` dims of 1 put in, where only running tells. */
export function withSome(c: RuleContext, dims: Dims, count: number): Dims {
  return Array.from({ length: dims.length + count }, (_, k) =>
    c.derived(0, `d${k}`, max(1, ...dims.slice(Math.max(k - count, 0), k + 1))),
  );
}

const squeeze: Rule = (c) => {
  const dims = c.dims(0);
  const axes = axesOf(c, 13);
  if (dims === undefined) return [ofUnknownRank(c.elem(0), 'input rank is not known')];
  if (axes === null) {
    const count = c.dims(1)?.[0];
    return [tensor(c.elem(0), typeof count === 'number' ? withoutSome(c, dims, count) : axesUnknown)];
  }
  if (axes === undefined) {
    if (!dims.every((d) => typeof d === 'number'))
      return [ofUnknownRank(c.elem(0), 'which dims are 1 is not known')];
    return [
      reshaped(
        c,
        dims.filter((d) => d !== 1),
      ),
    ];
  }
  const drop = new Set(axes.map((a) => normalizeAxis(a, dims.length)));
  for (const i of drop) {
    const d = dims[i];
    if (typeof d === 'number' && d !== 1) throw new ShapeError(`dim ${i} is ${d} and cannot be squeezed`);
  }
  return [
    reshaped(
      c,
      dims.filter((_, i) => !drop.has(i)),
    ),
  ];
};

const unsqueeze: Rule = (c) => {
  const dims = c.dims(0);
  const axes = axesOf(c, 13);
  if (dims === undefined) return [ofUnknownRank(c.elem(0), 'input rank is not known')];
  if (axes === null || axes === undefined) {
    const count = c.dims(1)?.[0];
    return [tensor(c.elem(0), typeof count === 'number' ? withSome(c, dims, count) : axesUnknown)];
  }
  const rank = dims.length + axes.length;
  const added = new Set(axes.map((a) => normalizeAxis(a, rank)));
  const rest = dims.values();
  return [
    reshaped(
      c,
      Array.from({ length: rank }, (_, i): Dim => (added.has(i) ? 1 : (rest.next().value ?? 1))),
    ),
  ];
};

const transpose: Rule = (c) => {
  const dims = c.dims(0);
  if (dims === undefined) return [ofUnknownRank(c.elem(0), 'input rank is not known')];
  const perm = c.ints('perm') ?? dims.map((_, i) => dims.length - 1 - i);
  if (perm.length !== dims.length)
    throw new ShapeError(`perm has ${perm.length} axes for rank ${dims.length}`);
  const axes = perm.map((p) => normalizeAxis(p, dims.length));
  const shape = axes.map((p): Dim => dims[p] ?? 1);
  return [tensor(c.elem(0), shape, c.hasContent(0) ? transposed(c.content(0), dims, axes) : undefined)];
};

function transposed(
  content: KnownContent | undefined,
  dims: Dims,
  perm: readonly number[],
): KnownContent | undefined {
  const small = smallStatic(dims);
  if (content === undefined || small === undefined) return undefined;
  const to = perm.map((p) => small[p] ?? 1);
  const [fromStrides, toStrides] = [rowMajorStrides(small), rowMajorStrides(to)];
  return content.map((_, i) => {
    let from = 0;
    perm.forEach((p, k) => {
      from += (Math.floor(i / (toStrides[k] ?? 1)) % (to[k] ?? 1)) * (fromStrides[p] ?? 1);
    });
    return content[from] ?? 0;
  });
}

/** [rank], or dims[start:end] since opset 15. */
const shapeOf: Rule = (c) => {
  const dims = c.dims(0);
  if (dims === undefined) return [tensor(DataType.int64, [c.derived(0, 'rank')])];
  const bound = (v: number) => Math.min(Math.max(v < 0 ? v + dims.length : v, 0), dims.length);
  const part = dims.slice(bound(c.int('start', 0)), bound(c.int('end', dims.length)));
  return [tensor(DataType.int64, [part.length], part)];
};

const size: Rule = (c) => {
  const dims = c.dims(0);
  return [tensor(DataType.int64, [], dims && [mul(...dims)])];
};

/** Broadcasts to what the second input says; either side's 1 gives way. */
const expand: Rule = (c) => {
  const target = shapeFromInput(c, 1);
  const dims = c.dims(0);
  if (target === undefined || dims === undefined)
    return [ofUnknownRank(c.elem(0), 'shape is computed at run time')];
  const shape = expandedDims(dims, target);
  const type = c.type(0);
  const single = staticCount(dims) === 1 && c.hasContent(0) ? c.content(0)?.[0] : undefined;
  const fill = (type?.kind === 'tensor' ? type.fill : undefined) ?? single;
  const count = staticCount(shape);
  const content =
    fill !== undefined && count !== undefined && count <= maxContent
      ? Array<Dim>(count).fill(fill)
      : undefined;
  return [{ ...tensor(c.elem(0), shape, content), ...(fill === undefined ? {} : { fill }) }];
};

function expandedDims(dims: Dims, target: Dims): Dims {
  const rank = Math.max(dims.length, target.length);
  return Array.from({ length: rank }, (_, i): Dim => {
    const [a, b] = [dims[i - rank + dims.length] ?? 1, target[i - rank + target.length] ?? 1];
    if (b === 1) return a;
    if (a === 1) return b;
    // Expanding a formula to a formula: they are equal, or one of them is 1. The target says what is meant.
    if (isUnknown(b)) return typeof a === 'number' ? a : b;
    if (typeof a === 'number' && typeof b === 'number' && a !== b)
      throw new ShapeError(`a dim of ${a} cannot be expanded to ${b}`);
    return typeof a === 'number' ? a : b;
  });
}

export const reshaping: RuleTable = {
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Shape: shapeOf,
  Size: size,
  Expand: expand,
};
