/** Operators that move dims: Reshape, Transpose, Squeeze, Expand, Tile, DepthToSpace, … */
import { attributeInt, attributeInts, attributeString } from '../../../../onnx/model.ts';
import { FIXED, isTracked, type Axis } from '../axis.ts';
import { Refusal, type Rule, type RuleContext, type RuleTable } from '../rule.ts';
import { product, reshapeAxes, splitAxis } from './reshape.ts';
import { rewriteShape } from './shape-input.ts';

const reshape: Rule = (c) => {
  const axes = reshapeAxes(c, c.dims(0), c.axes(0), c.outDims(0));
  if (c.has(1)) rewriteShape(c, 1, axes);
  else for (const axis of axes) c.block(axis, 'has its shape as an attribute');
  return [axes];
};

const flatten: Rule = (c) => [reshapeAxes(c, c.dims(0), c.axes(0), c.outDims(0))];

const transpose: Rule = (c) => {
  const axes = c.axes(0);
  const perm = attributeInts(c.node, 'perm') ?? axes.map((_, i) => axes.length - 1 - i);
  return [perm.map((p) => axes[p] ?? FIXED)];
};

/** Axes given as attribute (older opsets) or input, counted from 0. */
export function givenAxes(c: RuleContext, rank: number): number[] | undefined {
  const given = attributeInts(c.node, 'axes') ?? (c.has(1) ? c.ints(1, 'axes') : undefined);
  return given?.map((a) => (a < 0 ? a + rank : a));
}

const squeeze: Rule = (c) => {
  const [axes, dims] = [c.axes(0), c.dims(0)];
  const gone = new Set(givenAxes(c, axes.length) ?? dims.flatMap((d, i) => (d === 1 ? [i] : [])));
  return [axes.filter((_, i) => !gone.has(i))];
};

const unsqueeze: Rule = (c) => {
  const axes = c.axes(0);
  const rank = c.outDims(0).length;
  const added = new Set(givenAxes(c, rank) ?? []);
  let next = 0;
  return [Array.from({ length: rank }, (_, k) => (added.has(k) ? FIXED : (axes[next++] ?? FIXED)))];
};

/** Dims that the shape input makes longer hold the same at each index. */
const expand: Rule = (c) => {
  const [axes, dims, out] = [c.axes(0), c.dims(0), c.outDims(0)];
  const result = out.map((size, k): Axis => {
    const at = k - (out.length - dims.length);
    const own = at < 0 || (dims[at] === 1 && size !== 1) ? undefined : axes[at];
    return own ?? filled(c, size, false);
  });
  rewriteShape(c, 1, result);
  return [result];
};

function filled(c: RuleContext, size: unknown, zero: boolean): Axis {
  if (typeof size !== 'number' || size <= 1) return c.stays('its size is not static');
  return { atoms: c.register(c.fresh(size)), zero, isFill: true };
}

const constantOfShape: Rule = (c) => {
  const value = c.node.attributes.get('value');
  const bytes = value?.kind === 'tensor' ? value.value.smallData : undefined;
  const isZero = value === undefined || bytes?.every((b) => b === 0) === true;
  const result = c.outDims(0).map((size) => filled(c, size, isZero));
  rewriteShape(c, 0, result);
  return [result];
};

const tile: Rule = (c) => {
  const axes = c.axes(0);
  const repeats = c.ints(1, 'repeats');
  return [
    axes.map((axis, k) => {
      const times = repeats[k] ?? 1;
      if (times === 1 || !isTracked(axis)) return times === 1 ? axis : c.stays('repeats it');
      const { atoms } = axis;
      const length = atoms.length * times;
      return {
        ...axis,
        atoms: c.register(Int32Array.from({ length }, (_, i) => atoms[i % atoms.length] ?? 0)),
      };
    }),
  ];
};

/** Channels are (block, block, C) in mode DCR, (C, block, block) in CRD; C stays a dim. */
const depthToSpace: Rule = (c) => {
  const [n = FIXED, channels = FIXED] = c.axes(0);
  const [, size] = c.dims(0);
  const block = attributeInt(c.node, 'blocksize', 1) ** 2;
  const rest = Number(size) / block;
  if (!Number.isInteger(rest)) throw new Refusal('its channels are not static');
  const isCrd = attributeString(c.node, 'mode') === 'CRD';
  const sizes = isCrd ? [rest, block] : [block, rest];
  const factor = isCrd ? 0 : 1;
  const left = isTracked(channels) ? splitAxis(c, channels, sizes, c.id, factor)[factor] : channels;
  return [[n, left ?? FIXED, ...spatial(c)]];
};

/** Channels become (block · block, C). */
const spaceToDepth: Rule = (c) => {
  const [n = FIXED, channels = FIXED] = c.axes(0);
  const block = attributeInt(c.node, 'blocksize', 1) ** 2;
  if (!isTracked(channels)) return [[n, FIXED, ...spatial(c)]];
  const { atoms } = channels;
  const length = product([atoms.length, block]);
  const moved = Int32Array.from({ length }, (_, i) => atoms[i % atoms.length] ?? 0);
  return [[n, { ...channels, atoms: c.register(moved) }, ...spatial(c)]];
};

function spatial(c: RuleContext): Axis[] {
  return c
    .axes(0)
    .slice(2)
    .map((axis) => {
      c.block(axis, 'moves it to other dims');
      return c.stays('moves it to other dims');
    });
}

export const layoutRules: RuleTable = {
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  ConstantOfShape: constantOfShape,
  Tile: tile,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
};
