/** Operators that put tensors together, cut them apart, repeat or pad them. */
import { add, ceilDiv, isUnknown, mul, sub, unknown } from '../dim.ts';
import type { KnownContent } from '../inference.ts';
import type { Dim } from '../types.ts';
import { mergeDim } from './broadcast.ts';
import { asNumbers, maxContent, staticCount } from './content.ts';
import { normalizeAxis, ofUnknownRank, ShapeError, tensor, unknownDims, withDim } from './rule.ts';
import type { Dims, Rule, RuleContext, RuleTable } from './rule.ts';

/** The dims of tensors joined at `axis`: those of any input elsewhere, their sum there. */
export function concatDims(inputs: readonly Dims[], axis: number): Dims {
  const [first] = inputs;
  if (first === undefined) throw new ShapeError('Concat of nothing');
  const at = normalizeAxis(axis, first.length);
  return first.map((_, k) => {
    const dims = inputs.map((d): Dim => {
      if (d.length !== first.length)
        throw new ShapeError(`ranks ${first.length} and ${d.length} cannot be joined`);
      return d[k] ?? 1;
    });
    return k === at
      ? add(...dims)
      : dims.reduce((a, b) => mergeDim(a, b, `dim ${k} of tensors that are joined`));
  });
}

const concat: Rule = (c) => {
  const axis = c.version < 4 ? c.int('axis', 1) : c.int('axis', 0);
  const inputs = Array.from({ length: c.inputCount }, (_, i) => c.dims(i));
  const elemType = c.elem(0);
  if (!inputs.every((d) => d !== undefined)) return [ofUnknownRank(elemType, 'an input of unknown rank')];
  const dims = concatDims(inputs, axis);
  return [tensor(elemType, dims, dims.length === 1 ? joinedContent(c, inputs) : undefined)];
};

/** Elements of vectors one after the other; those of an input that is not known are unknown each. */
function joinedContent(c: RuleContext, inputs: readonly Dims[]): KnownContent | undefined {
  if (!inputs.some((_, i) => c.hasContent(i))) return undefined;
  const parts = inputs.map((dims, i): KnownContent | undefined => {
    const content = c.hasContent(i) ? c.content(i) : undefined;
    const count = staticCount(dims);
    if (content || count === undefined || count > maxContent) return content;
    return Array<Dim>(count).fill(unknown('computed at run time'));
  });
  const joined = parts.every((p) => p !== undefined) ? parts.flat() : undefined;
  return joined && joined.length <= maxContent ? joined : undefined;
}

/** Sizes of the parts: given, or equal ones with a smaller last (opset 18) or exactly equal. */
function partSizes(c: RuleContext, dim: Dim): readonly Dim[] {
  const count = c.outputCount;
  const given =
    c.version >= 13 || (c.version === 1 && c.has(1))
      ? c.has(1)
        ? (c.content(1) ?? null)
        : undefined
      : c.ints('split');
  if (given === null) return Array.from({ length: count }, (_, i) => c.derived(i, 'part', dim));
  if (given) {
    const [total, whole] = [add(...given), dim];
    if (typeof total === 'number' && typeof whole === 'number' && total !== whole)
      throw new ShapeError(`parts of ${total} in all do not fit a dim of ${whole}`);
    return given;
  }
  const parts = c.int('num_outputs', count);
  const size = ceilDiv(dim, parts);
  return Array.from({ length: count }, (_, i) => (i === parts - 1 ? sub(dim, mul(size, parts - 1)) : size));
}

const split: Rule = (c) => {
  const dims = c.dims(0);
  if (dims === undefined)
    return Array.from({ length: c.outputCount }, () => ofUnknownRank(c.elem(0), 'input rank is not known'));
  const axis = normalizeAxis(c.int('axis', 0), dims.length);
  const sizes = partSizes(c, dims[axis] ?? 1);
  const content = c.hasContent(0) && dims.length === 1 ? c.content(0) : undefined;
  let at = 0;
  return sizes.map((size) => {
    const part = content && typeof size === 'number' ? content.slice(at, at + size) : undefined;
    at += typeof size === 'number' ? size : 0;
    return tensor(c.elem(0), withDim(dims, axis, size), part);
  });
};

/** Opset 1 has `tiles` and `axis` as scalars; since 6 one count per axis. */
const tile: Rule = (c) => {
  const dims = c.dims(0);
  if (dims === undefined) return [ofUnknownRank(c.elem(0), 'input rank is not known')];
  const repeats = c.content(1);
  if (c.version < 6) {
    const axis = asNumbers(c.content(2))?.[0];
    if (axis === undefined)
      return [tensor(c.elem(0), unknownDims(dims.length, 'axis is computed at run time'))];
    const at = normalizeAxis(axis, dims.length);
    return [
      tensor(
        c.elem(0),
        withDim(dims, at, mul(dims[at] ?? 1, repeats?.[0] ?? unknown('computed at run time'))),
      ),
    ];
  }
  if (repeats && repeats.length !== dims.length)
    throw new ShapeError(`Tile has ${repeats.length} counts for rank ${dims.length}`);
  const shape = dims.map((d, i) => {
    const size = mul(d, repeats?.[i] ?? unknown('repeats are computed at run time'));
    return isUnknown(size) && !isUnknown(d) ? c.derived(0, `d${i}`) : size;
  });
  const count = staticCount(shape);
  const content =
    c.hasContent(0) && dims.length === 1 && count !== undefined && count <= maxContent
      ? c.content(0)
      : undefined;
  const tiled =
    content && content.length > 0 && count !== undefined
      ? Array.from({ length: count }, (_, i) => content[i % content.length] ?? 0)
      : undefined;
  return [tensor(c.elem(0), shape, tiled)];
};

/** [begin of each axis, …, end of each axis, …]; negative ones crop. */
const padBy = (c: RuleContext, pads: KnownContent | undefined): ReturnType<Rule> => {
  const dims = c.dims(0);
  if (dims === undefined) return [ofUnknownRank(c.elem(0), 'input rank is not known')];
  const axesGiven = c.has(3) ? asNumbers(c.content(3)) : dims.map((_, i) => i);
  if (pads === undefined || axesGiven === undefined)
    return [
      tensor(
        c.elem(0),
        dims.map((_, i) => c.derived(0, `d${i}`)),
      ),
    ];
  const axes = axesGiven.map((a) => normalizeAxis(a, dims.length));
  if (pads.length !== 2 * axes.length)
    throw new ShapeError(`Pad has ${pads.length} pads for ${axes.length} axes`);
  const shape = [...dims];
  axes.forEach((axis, i) => {
    const padded = add(dims[axis] ?? 1, pads[i] ?? 0, pads[i + axes.length] ?? 0);
    shape[axis] = isUnknown(padded) && !isUnknown(dims[axis]) ? c.derived(0, `d${axis}`) : padded;
  });
  return [tensor(c.elem(0), shape)];
};

/** data, pads, value, axes */
export const padByInputs: Rule = (c) => padBy(c, c.content(1));
const padByAttributes: Rule = (c) => padBy(c, c.ints('pads') ?? c.ints('paddings'));

/** The axes named get the sizes given. */
const centerCropPad: Rule = (c) => {
  const dims = c.dims(0);
  if (dims === undefined) return [ofUnknownRank(c.elem(0), 'input rank is not known')];
  const axes = (c.ints('axes') ?? dims.map((_, i) => i)).map((a) => normalizeAxis(a, dims.length));
  const sizes = c.content(1);
  const out = [...dims];
  axes.forEach((axis, i) => (out[axis] = sizes?.[i] ?? c.derived(0, `d${axis}`)));
  return [tensor(c.elem(0), out)];
};

export const joining: RuleTable = {
  Concat: concat,
  Split: split,
  Tile: tile,
  Pad: [
    [1, padByAttributes],
    [11, padByInputs],
  ],
  CenterCropPad: centerCropPad,
};
