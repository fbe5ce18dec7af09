/** Pooling. Shapes are [N, C, d1, …]. */
import { DataType } from '../../onnx/model.ts';
import { add, sub, mul, unknown } from '../dim.ts';
import type { Shape } from '../types.ts';
import { tensor } from './rule.ts';
import type { Dims, Rule, RuleContext, RuleTable } from './rule.ts';
import { rankUnknown, windowAttributes, windowedDims } from './spatial.ts';

/** The pooled shape; `channelsLast`: data is [N, d1, …, C]. */
export function pooledShape(c: RuleContext, data: Dims | undefined, channelsLast = false): Shape {
  const kernel = c.ints('kernel_shape');
  if (data === undefined) return rankUnknown;
  if (kernel === undefined) return unknown('pool without kernel_shape');
  const w = windowAttributes(c, kernel);
  return channelsLast
    ? [data[0] ?? 1, ...windowedDims(data.slice(1, -1), w), data.at(-1) ?? 1]
    : [...data.slice(0, 2), ...windowedDims(data.slice(2), w)];
}

/** Second output (MaxPool): indices. */
const pool: Rule = (c) => {
  const shape = pooledShape(c, c.dims(0));
  return [tensor(c.elem(0), shape), tensor(DataType.int64, shape)];
};

/** Every spatial dim becomes 1. */
export function globallyPooled(data: Dims | undefined, channelsLast = false): Shape {
  if (data === undefined) return rankUnknown;
  return data.map((d, i) => (i === 0 || i === (channelsLast ? data.length - 1 : 1) ? d : 1));
}
const globalPool: Rule = (c) => [tensor(c.elem(0), globallyPooled(c.dims(0)))];

/** output_shape input where given, else stride·(d − 1) + kernel − pads. */
const maxUnpool: Rule = (c) => {
  const data = c.dims(0);
  const kernel = c.ints('kernel_shape');
  if (c.has(2))
    return [tensor(c.elem(0), c.content(2) ?? data?.map((_, i) => c.derived(0, `d${i}`)) ?? rankUnknown)];
  if (data === undefined || kernel === undefined) return [tensor(c.elem(0), rankUnknown)];
  const w = windowAttributes(c, kernel);
  const n = kernel.length;
  const spatial = data
    .slice(2)
    .map((d, i) =>
      sub(add(mul(w.strides[i] ?? 1, sub(d, 1)), kernel[i] ?? 1), (w.pads[i] ?? 0) + (w.pads[i + n] ?? 0)),
    );
  return [tensor(c.elem(0), [...data.slice(0, 2), ...spatial])];
};

/** [number of regions, C, pooled_shape…] */
const maxRoiPool: Rule = (c) => {
  const [data, rois] = [c.dims(0), c.dims(1)];
  return [
    tensor(c.elem(0), [
      rois?.[0] ?? rankUnknown,
      data?.[1] ?? rankUnknown,
      ...(c.ints('pooled_shape') ?? []),
    ]),
  ];
};

/** [number of regions, C, output_height, output_width] */
const roiAlign: Rule = (c) => {
  const [data, rois] = [c.dims(0), c.dims(1)];
  return [
    tensor(c.elem(0), [
      rois?.[0] ?? c.dims(2)?.[0] ?? rankUnknown,
      data?.[1] ?? rankUnknown,
      c.int('output_height', 1),
      c.int('output_width', 1),
    ]),
  ];
};

export const pools: RuleTable = {
  AveragePool: pool,
  MaxPool: pool,
  LpPool: pool,
  GlobalAveragePool: globalPool,
  GlobalLpPool: globalPool,
  GlobalMaxPool: globalPool,
  MaxUnpool: maxUnpool,
  MaxRoiPool: maxRoiPool,
  RoiAlign: roiAlign,
};
