/** Resampling and rearranging of images. */
import { DataType } from '../../onnx/model.ts';
import { floorDiv, floorReal, isUnknown, mul, unknown } from '../dim.ts';
import type { KnownContent } from '../inference.ts';
import type { Dim, Shape } from '../types.ts';
import { normalizeAxis, ShapeError, tensor } from './rule.ts';
import type { Dims, Rule, RuleContext, RuleTable } from './rule.ts';
import { rankUnknown } from './spatial.ts';

/** ⌊dim·scale⌋ per axis. */
function scaled(c: RuleContext, dims: Dims, scales: KnownContent | undefined, axes: readonly number[]): Dims {
  const out = [...dims];
  axes.forEach((axis, i) => {
    const scale = scales?.[i];
    const size =
      scale === undefined
        ? unknown('scales are computed at run time')
        : floorReal(mul(dims[axis] ?? 1, scale));
    out[axis] = isUnknown(size) && !isUnknown(dims[axis]) ? c.derived(0, `d${axis}`) : size;
  });
  return out;
}

/** Opset 1: width_scale, height_scale; 7: attribute scales; 9: input. */
const upsample: Rule = (c) => {
  const dims = c.dims(0);
  if (dims === undefined) return [tensor(c.elem(0), rankUnknown)];
  const all = dims.map((_, i) => i);
  if (c.version >= 9) return [tensor(c.elem(0), scaled(c, dims, c.content(1), all))];
  const scales = c.floats('scales') ?? [1, 1, c.float('height_scale', 1), c.float('width_scale', 1)];
  return [tensor(c.elem(0), scaled(c, dims, scales, all))];
};

/** Resize since 11: X, roi, scales, sizes. Version 10: X, scales. */
const resize: Rule = (c) => {
  const dims = c.dims(0);
  if (dims === undefined) return [tensor(c.elem(0), rankUnknown)];
  const axes = (c.ints('axes') ?? dims.map((_, i) => i)).map((a) => normalizeAxis(a, dims.length));
  if (c.version < 11) return [tensor(c.elem(0), scaled(c, dims, c.content(1), axes))];
  if (c.has(3) && c.dims(3)?.[0] !== 0) return [tensor(c.elem(0), resizedTo(c, dims, axes))];
  return [tensor(c.elem(0), scaled(c, dims, c.content(2), axes))];
};

function resizedTo(c: RuleContext, dims: Dims, axes: readonly number[]): Dims {
  const sizes = c.content(3);
  const policy = c.text('keep_aspect_ratio_policy', 'stretch');
  if (policy !== 'stretch') return keepingAspect(c, dims, axes, policy);
  const out = [...dims];
  axes.forEach((axis, i) => {
    const size = sizes?.[i];
    out[axis] = size === undefined || isUnknown(size) ? c.derived(0, `d${axis}`) : size;
  });
  return out;
}

/** One scale for all axes: the least (not_larger) or the greatest (not_smaller) of size / dim; dims are rounded half up. */
function keepingAspect(c: RuleContext, dims: Dims, axes: readonly number[], policy: string): Dims {
  const sizes = c.content(3);
  const ratios = axes.map((axis, i) => {
    const [size, dim] = [sizes?.[i], dims[axis]];
    return typeof size === 'number' && typeof dim === 'number' ? size / dim : undefined;
  });
  const out = [...dims];
  if (!ratios.every((r) => r !== undefined)) {
    for (const axis of axes) out[axis] = c.derived(0, `d${axis}`);
    return out;
  }
  const scale = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  for (const axis of axes) out[axis] = Math.floor(Number(dims[axis]) * scale + 0.5);
  return out;
}

/** X [N, C, …], grid [N, o1, …, on, n] → [N, C, o1, …, on] */
export const gridSample: Rule = (c) => {
  const [x, grid] = [c.dims(0), c.dims(1)];
  if (x === undefined && grid === undefined) return [tensor(c.elem(0), rankUnknown)];
  const spatial = grid?.slice(1, -1) ?? x?.slice(2).map((_, i) => c.derived(0, `d${i + 2}`)) ?? [];
  return [tensor(c.elem(0), [x?.[0] ?? grid?.[0] ?? rankUnknown, x?.[1] ?? rankUnknown, ...spatial])];
};

/** size is [N, C, (D,) H, W]; the grid [N, (D,) H, W, 2 or 3]. */
const affineGrid: Rule = (c) => {
  const size = c.content(1);
  const rank = c.dims(1)?.[0];
  const n = size?.length ?? rank;
  if (typeof n !== 'number') return [tensor(c.elem(0), rankUnknown)];
  const known: Dims = size ?? Array.from({ length: n }, (_, i) => c.derived(0, `d${i}`));
  return [tensor(c.elem(0), [known[0] ?? 1, ...known.slice(2), n - 2])];
};

const depthToSpace: Rule = (c) => {
  const dims = c.dims(0);
  if (dims?.length !== 4) return [tensor(c.elem(0), badRank(dims))];
  const b = c.int('blocksize', 1);
  return [
    tensor(c.elem(0), [dims[0] ?? 1, divided(dims[1], b * b), mul(dims[2] ?? 1, b), mul(dims[3] ?? 1, b)]),
  ];
};

const spaceToDepth: Rule = (c) => {
  const dims = c.dims(0);
  if (dims?.length !== 4) return [tensor(c.elem(0), badRank(dims))];
  const b = c.int('blocksize', 1);
  return [
    tensor(c.elem(0), [dims[0] ?? 1, mul(dims[1] ?? 1, b * b), divided(dims[2], b), divided(dims[3], b)]),
  ];
};

function divided(d: Dim | undefined, by: number): Dim {
  if (typeof d === 'number' && d % by !== 0) throw new ShapeError(`a dim of ${d} cannot be divided by ${by}`);
  return d === undefined ? rankUnknown : floorDiv(d, by);
}

function badRank(dims: Dims | undefined): Shape {
  if (dims === undefined) return rankUnknown;
  throw new ShapeError(`an image has 4 dims, this has ${dims.length}`);
}

/** [height, width, channels], of the file's own size. */
const imageDecoder: Rule = (c) => [
  tensor(DataType.uint8, [
    c.derived(0, 'height'),
    c.derived(0, 'width'),
    c.text('pixel_format', 'RGB') === 'Grayscale' ? 1 : 3,
  ]),
];

export const images: RuleTable = {
  Upsample: upsample,
  Resize: resize,
  GridSample: gridSample,
  AffineGrid: affineGrid,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  ImageDecoder: imageDecoder,
};
