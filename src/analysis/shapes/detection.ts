/** Choosing boxes, and operators of the first opsets and of TensorRT that ONNX Runtime still has schemas of. */
import { DataType } from '../../onnx/model.ts';
import { isUnknown, min, mul, sub, unknown } from '../dim.ts';
import type { Dim } from '../types.ts';
import { shapeFromInput } from './constant.ts';
import { sameAs, tensor, unknownDims } from './rule.ts';
import type { Rule, RuleTable } from './rule.ts';

const rankUnknown = unknown('input rank is not known');

/** boxes [B, N, 4], scores [B, classes, N], max_output_boxes_per_class (0 where absent) → [selected, 3] */
const nonMaxSuppression: Rule = (c) => {
  const scores = c.dims(1);
  const batch = scores?.[0] ?? c.dims(0)?.[0] ?? rankUnknown;
  const boxes = c.dims(0)?.[1] ?? scores?.[2] ?? rankUnknown;
  const most = c.has(2) ? c.content(2)?.[0] : 0;
  const perClass = most === undefined || isUnknown(most) ? boxes : min(most, boxes);
  const bound = mul(batch, scores?.[1] ?? rankUnknown, perClass);
  return [tensor(DataType.int64, [bound === 0 ? 0 : c.derived(0, 'd0', bound), 3])];
};

/** [N, C, H, W] less a border of left, top, right, bottom; or `scale` [height, width] from there. */
const crop: Rule = (c) => {
  const [n = 1, channels = 1, h = 1, w = 1] = c.dims(0) ?? unknownDims(4, 'input rank is not known');
  const [left = 0, top = 0, right = 0, bottom = 0] = c.ints('border') ?? [];
  const scale = c.ints('scale');
  return [
    tensor(c.elem(0), [n, channels, scale?.[0] ?? sub(h, top + bottom), scale?.[1] ?? sub(w, left + right)]),
  ];
};

/** `shape`, or what the input holds, and `extra_shape` after it. */
const givenTensorFill: Rule = (c) => {
  const extra = c.ints('extra_shape') ?? [];
  const given = c.int('input_as_shape', 0) === 1 ? shapeFromInput(c, 0) : (c.ints('shape') ?? c.dims(0));
  return [tensor(DataType.float, given ? [...given, ...extra] : unknown('shape is computed at run time'))];
};

/** boxes [B, N, …], scores [B, N, classes] → numbers [B, 1], boxes [B, k, 4], scores and classes [B, k] */
const efficientNms: Rule = (c) => {
  const batch: Dim = c.dims(0)?.[0] ?? rankUnknown;
  const k = c.int('max_output_boxes', 1);
  return [
    tensor(DataType.int32, [batch, 1]),
    tensor(c.elem(0), [batch, k, 4]),
    tensor(c.elem(0), [batch, k]),
    tensor(DataType.int32, [batch, k]),
  ];
};

/** boxes [B, N, 4], feature maps [B, C, H, W] … → [B, N, C, size, size] */
const alignedRegions: Rule = (c) => {
  const [boxes, features] = [c.dims(0), c.dims(1)];
  const size = c.int('pooled_size', 1);
  return [
    tensor(c.elem(0), [
      boxes?.[0] ?? rankUnknown,
      boxes?.[1] ?? rankUnknown,
      features?.[1] ?? rankUnknown,
      size,
      size,
    ]),
  ];
};

export const detection: RuleTable = {
  NonMaxSuppression: nonMaxSuppression,
  Crop: crop,
  GivenTensorFill: givenTensorFill,
  Scale: sameAs(0),
  GRUUnit: sameAs(0),
  MemcpyFromHost: sameAs(0),
  MemcpyToHost: sameAs(0),
  EfficientNMS_TRT: efficientNms,
  PyramidROIAlign_TRT: alignedRegions,
  MultilevelCropAndResize_TRT: alignedRegions,
  DisentangledAttention_TRT: sameAs(0),
};
