/**
 * Operators in layouts that ONNX Runtime's optimizer chooses, as they stand in a model it has saved: channels last
 * (com.microsoft's Nhwc… and com.ms.internal.nhwc), and channels in blocks (com.microsoft.nchwc).
 */
import { ceilDiv, floorDiv, mul } from '../../dim.ts';
import type { Dim, Shape } from '../../types.ts';
import { convDims, convTransposed } from '../conv.ts';
import { globallyPooled, pooledShape } from '../pool.ts';
import { sameAs, tensor } from '../rule.ts';
import type { Dims, Rule, RuleContext, RuleTable } from '../rule.ts';
import { rankUnknown } from '../spatial.ts';

const conv: Rule = (c) => [tensor(c.elem(0), convDims(c, c.dims(0), c.dims(1), { channelsLast: true }))];
const convTranspose: Rule = (c) => [tensor(c.elem(0), convTransposed(c, c.dims(0), c.dims(1), true))];
/** x, x_scale, x_zero_point, w, …, y_scale, y_zero_point */
const qLinearConv: Rule = (c) => [
  tensor(c.elem(7) || c.elem(0), convDims(c, c.dims(0), c.dims(3), { channelsLast: true })),
];
const pool: Rule = (c) => [tensor(c.elem(0), pooledShape(c, c.dims(0), true))];
const globalPool: Rule = (c) => [tensor(c.elem(0), globallyPooled(c.dims(0), true))];

/** X [N, H, W, C], grid [N, h, w, 2] → [N, h, w, C] */
const gridSample: Rule = (c) => {
  const [x, grid] = [c.dims(0), c.dims(1)];
  return [tensor(c.elem(0), x && grid ? [...grid.slice(0, -1), x.at(-1) ?? 1] : rankUnknown)];
};

/** Blocks of b × b positions to b² channels, or the other way round. */
const depthToSpace: Rule = (c) => {
  const [n = 1, h = 1, w = 1, channels = 1] = c.dims(0) ?? [];
  const b = c.int('blocksize', 1);
  return [tensor(c.elem(0), c.dims(0) ? [n, mul(h, b), mul(w, b), floorDiv(channels, b * b)] : rankUnknown)];
};

const spaceToDepth: Rule = (c) => {
  const [n = 1, h = 1, w = 1, channels = 1] = c.dims(0) ?? [];
  const b = c.int('blocksize', 1);
  return [
    tensor(c.elem(0), c.dims(0) ? [n, floorDiv(h, b), floorDiv(w, b), mul(channels, b * b)] : rankUnknown),
  ];
};

export const channelsLast: RuleTable = {
  NhwcConv: conv,
  NhwcFusedConv: conv,
  NhwcMaxPool: pool,
};

export const internalChannelsLast: RuleTable = {
  Conv: conv,
  ConvTranspose: convTranspose,
  QLinearConv: qLinearConv,
  AveragePool: pool,
  LpPool: pool,
  MaxPool: pool,
  QLinearAveragePool: pool,
  GlobalAveragePool: globalPool,
  GlobalLpPool: globalPool,
  GlobalMaxPool: globalPool,
  GridSample: gridSample,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  BatchNormalization: sameAs(0),
  InstanceNormalization: sameAs(0),
  LRN: sameAs(0),
};

/** Channels are filled up to whole blocks, of 8 or 16 by the processor. */
const largestBlock = 16;

/** [N, C, …] (or [N, …, C]) as [N, C in whole blocks, …]. */
const reorderInput: Rule = (c) => {
  const dims = c.dims(0);
  if (dims === undefined) return [tensor(c.elem(0), rankUnknown)];
  const [batch, channels, spatial] = parts(dims, c.int('channels_last', 0) === 1);
  return [tensor(c.elem(0), [batch, blocked(c, channels), ...spatial])];
};

function parts(dims: Dims, last: boolean): [batch: Dim, channels: Dim, spatial: Dims] {
  const batch = dims[0] ?? 1;
  return last ? [batch, dims.at(-1) ?? 1, dims.slice(1, -1)] : [batch, dims[1] ?? 1, dims.slice(2)];
}

function blocked(c: RuleContext, channels: Dim): Dim {
  const most = mul(ceilDiv(channels, largestBlock), largestBlock);
  return typeof channels === 'number' && most === channels ? channels : c.derived(0, 'd1', most);
}

/** Back to `channels` of them, first or last. */
const reorderOutput: Rule = (c) => {
  const dims = c.dims(0);
  if (dims === undefined) return [tensor(c.elem(0), rankUnknown)];
  const [batch = 1, inBlocks = 1, ...spatial] = dims;
  const channels = c.int('channels') ?? inBlocks;
  return [
    tensor(
      c.elem(0),
      c.int('channels_last', 0) === 1 ? [batch, ...spatial, channels] : [batch, channels, ...spatial],
    ),
  ];
};

/** W's channels are in whole blocks, X's may not be: they are not compared. */
const blockedConv: Rule = (c) => [
  tensor(c.elem(0), convDims(c, c.dims(0), c.dims(1), { channelsChecked: false })),
];

const blockedPool: Rule = (c) => [tensor(c.elem(0), pooledShape(c, c.dims(0)))];
const blockedGlobalPool: Rule = (c) => [tensor(c.elem(0), globallyPooled(c.dims(0)))];

const blockedUpsample: Rule = (c) => {
  const scales = c.ints('scales');
  const shape: Shape = c.dims(0)?.map((d, i) => mul(d, scales?.[i] ?? 1)) ?? rankUnknown;
  return [tensor(c.elem(0), shape)];
};

export const channelsBlocked: RuleTable = {
  ReorderInput: reorderInput,
  ReorderOutput: reorderOutput,
  Conv: blockedConv,
  MaxPool: blockedPool,
  AveragePool: blockedPool,
  GlobalMaxPool: blockedGlobalPool,
  GlobalAveragePool: blockedGlobalPool,
  Upsample: blockedUpsample,
};
