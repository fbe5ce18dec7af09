/** com.microsoft: what came before ai.onnx had it, and odds and ends. */
import { DataType } from '../../../onnx/model.ts';
import { add, floorDiv, mul, sub, unknown } from '../../dim.ts';
import type { Dim, Shape } from '../../types.ts';
import { range } from '../constant.ts';
import { gridSample } from '../image.ts';
import { gatherND } from '../indexing.ts';
import { padByInputs } from '../joining.ts';
import { pooledShape } from '../pool.ts';
import { recurrent } from '../recurrent.ts';
import { withSome } from '../reshape.ts';
import { tensor, withDim } from '../rule.ts';
import type { Rule, RuleTable } from '../rule.ts';
import { rankUnknown } from '../spatial.ts';

/** A [M, N], B [K, N] → [M, K] */
const cDist: Rule = (c) => [
  tensor(c.elem(0), [c.dims(0)?.[0] ?? rankUnknown, c.dims(1)?.[0] ?? rankUnknown]),
];

/** X [N, C, H, W], rois [R, 4], batch_indices, crop_size [2] → [R, C, height, width] */
const cropAndResize: Rule = (c) => {
  const size = (i: number): Dim => c.content(3)?.[i] ?? c.derived(0, `d${i + 2}`);
  return [
    tensor(c.elem(0), [c.dims(1)?.[0] ?? rankUnknown, c.dims(0)?.[1] ?? rankUnknown, size(0), size(1)]),
  ];
};

/** X with a dim of 1 put in at the axis, which is an input. */
const expandDims: Rule = (c) => {
  const [dims, axis] = [c.dims(0), c.content(1)?.[0]];
  if (dims === undefined) return [tensor(c.elem(0), c.shape(0))];
  if (typeof axis !== 'number') return [tensor(c.elem(0), withSome(c, dims, 1))];
  return [tensor(c.elem(0), dims.toSpliced(axis < 0 ? axis + dims.length + 1 : axis, 0, 1))];
};

/** The last `signal_ndim` dims; of the last one half is kept, and complex numbers get an axis of 2. */
const rfft: Rule = (c) => {
  const dims = c.dims(0);
  if (dims === undefined) return [tensor(c.elem(0), c.shape(0))];
  const last = dims.length - 1;
  return [tensor(c.elem(0), [...withDim(dims, last, add(floorDiv(dims[last] ?? 1, 2), 1)), 2])];
};

const irfft: Rule = (c) => {
  const dims = c.dims(0)?.slice(0, -1);
  if (dims === undefined || dims.length === 0) return [tensor(c.elem(0), c.shape(0))];
  const last = dims.length - 1;
  return [tensor(c.elem(0), withDim(dims, last, mul(sub(dims[last] ?? 1, 1), 2)))];
};

/** A path through an M × N cost: [2, x] with max(M, N) ≤ x < M + N. */
const dynamicTimeWarping: Rule = (c) => {
  const dims = c.dims(0)?.slice(-2);
  const bound = dims && sub(add(dims[0] ?? 1, dims[1] ?? 1), 1);
  return [tensor(DataType.int32, [2, c.derived(0, 'd1', bound)])];
};

/** weight [N, M], indices → indices.dims + [M] */
const torchEmbedding: Rule = (c) => {
  const indices = c.dims(1);
  return [tensor(c.elem(0), indices ? [...indices, c.dims(0)?.[1] ?? rankUnknown] : c.shape(1))];
};

/** words [S, characters], conv [filters, 1, window, char size] → [S, filters] */
const wordConvEmbedding: Rule = (c) => {
  const words = c.dims(0);
  const size: Dim = c.int('embedding_size') ?? c.dims(1)?.[0] ?? rankUnknown;
  return [tensor(c.elem(1), words ? [words[0] ?? 1, size] : rankUnknown)];
};

/** [...] strings → [..., tokens] */
const tokenizer: Rule = (c) => {
  const dims = c.dims(0);
  return [tensor(DataType.string, dims ? [...dims, c.derived(0, `d${dims.length}`)] : c.shape(0))];
};

/** Unique values in order of appearance, where each was, and how often. */
const unique: Rule = (c) => {
  const count = c.derived(0, 'd0', c.dims(0)?.[0]);
  return [tensor(c.elem(0), [count]), tensor(DataType.int64, c.shape(0)), tensor(DataType.int64, [count])];
};

const murmurHash: Rule = (c) => [
  tensor(c.int('positive', 1) === 1 ? DataType.uint32 : DataType.int32, c.shape(0)),
];

/** X, and a mask of its shape. */
const maxPoolWithMask: Rule = (c) => [tensor(c.elem(0), pooledShape(c, c.dims(0)))];

/** Compiled by an execution provider: nothing but its declared outputs is known. */
const opaque: Rule = (c) =>
  Array.from({ length: c.outputCount }, () => unknown(`${c.node.opType} is compiled for one device`));

/** packed [T, C], kernel [C, 1, k], …, initial_state: as the input, as the state, and captured positions. */
const varlenCausalConv: Rule = (c) => {
  const state = c.dims(4);
  const captured: Shape = state
    ? [state[0] ?? 1, c.int('state_update_capacity', 0), state[1] ?? 1]
    : rankUnknown;
  return [tensor(c.elem(0), c.shape(0)), tensor(c.elem(4), c.shape(4)), tensor(c.elem(0), captured)];
};

export const other: RuleTable = {
  CDist: cDist,
  CropAndResize: cropAndResize,
  ExpandDims: expandDims,
  Rfft: rfft,
  Irfft: irfft,
  DynamicTimeWarping: dynamicTimeWarping,
  TorchEmbedding: torchEmbedding,
  WordConvEmbedding: wordConvEmbedding,
  Tokenizer: tokenizer,
  Unique: unique,
  MurmurHash3: murmurHash,
  MaxpoolWithMask: maxPoolWithMask,
  EPContext: opaque,
  Snpe: opaque,
  VarlenCausalConvWithState: varlenCausalConv,
  Range: range,
  Pad: padByInputs,
  GatherND: gatherND,
  GridSample: gridSample,
  AttnLSTM: recurrent(4),
  DynamicQuantizeLSTM: recurrent(4, true),
};
