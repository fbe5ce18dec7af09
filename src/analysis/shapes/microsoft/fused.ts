/** com.microsoft: what the optimizer makes of several nodes, and activations and normalisations of its own. */
import { DataType } from '../../../onnx/model.ts';
import { add, floorDiv, mul, sub, unknown } from '../../dim.ts';
import type { Dim, Shape } from '../../types.ts';
import { broadcastRule } from '../binary.ts';
import { convDims, convTransposed } from '../conv.ts';
import { gemmShape, matMulShape, swapped } from '../matmul.ts';
import { simplifiedLayerNormalization } from '../normalization.ts';
import { dimsOf, sameAs, tensor, withDim } from '../rule.ts';
import type { Dims, Rule, RuleTable } from '../rule.ts';
import { rankUnknown } from '../spatial.ts';

const fusedConv: Rule = (c) => [tensor(c.elem(0), convDims(c, c.dims(0), c.dims(1)))];
const fusedGemm: Rule = (c) => [tensor(c.elem(0), gemmShape(c, c.dims(0), c.dims(1)))];

/** trans_: the last two dims exchanged; transBatch_: before that, the first dim moved before the last. */
const fusedMatMul: Rule = (c) => {
  const side = (i: number, name: string) =>
    swapped(
      c.int(`transBatch${name}`, 0) === 0 ? c.dims(i) : batchMoved(c.dims(i)),
      c.int(`trans${name}`, 0) !== 0,
    );
  return [tensor(c.elem(0), matMulShape(side(0, 'A'), side(1, 'B')))];
};

/** [m, b1, …, k] as [b1, …, m, k] */
function batchMoved(dims: Dims | undefined): Dims | undefined {
  if (dims === undefined || dims.length < 3) return dims;
  return [...dims.slice(1, -1), dims[0] ?? 1, dims.at(-1) ?? 1];
}

/** A is sparse. */
const sparseToDense: Rule = (c) => [
  tensor(
    c.elem(0) || c.elem(1),
    matMulShape(swapped(c.dims(0), c.int('transA', 0) !== 0), swapped(c.dims(1), c.int('transB', 0) !== 0)),
  ),
];

/** X × W, then FastGelu. */
const gemmFastGelu: Rule = (c) => [tensor(c.elem(0), matMulShape(c.dims(0), c.dims(1)))];

/** output, mean and inverse deviation (training only), sum of input, skip and bias. */
const skipLayerNormalization: Rule = (c) => {
  const dims = c.dims(0);
  const statistics: Shape = dims ? [...dims.slice(0, -1), 1] : rankUnknown;
  return [
    tensor(c.elem(0), c.shape(0)),
    tensor(DataType.float, statistics),
    tensor(DataType.float, statistics),
    tensor(c.elem(0), c.shape(0)),
  ];
};

/** X, gamma, beta, skip, bias → Y and the sum, both as X. */
const skipGroupNorm: Rule = (c) => [tensor(c.elem(0), c.shape(0)), tensor(c.elem(0), c.shape(0))];

/** [B, S] ids → [B, S, D], mask index [B], sum of the embeddings [B, S, D]. */
function embedding(word: number, elem: number): Rule {
  return (c) => {
    const ids = c.dims(0);
    const hidden: Dim = c.dims(word)?.[1] ?? unknown('embeddings of unknown rank');
    const shape: Shape = ids ? [...ids, hidden] : rankUnknown;
    const type = c.elem(elem);
    return [tensor(type, shape), tensor(DataType.int32, [ids?.[0] ?? rankUnknown]), tensor(type, shape)];
  };
}

/** [N, S, D] → [N, S, D / 2] */
const biasSplitGelu: Rule = (c) => {
  const dims = c.dims(0);
  return [
    tensor(c.elem(0), dims ? withDim(dims, dims.length - 1, floorDiv(dims.at(-1) ?? 1, 2)) : c.shape(0)),
  ];
};

/** data, bias, residual, ratio, training_mode → output, mask; the bitmask holds 32 elements in a uint32. */
function dropout(packed: boolean): Rule {
  return (c) => {
    const dims = c.dims(0);
    const bits: Shape = dims ? [floorDiv(add(mul(...dims), 31), 32)] : rankUnknown;
    const mask = packed ? tensor(DataType.uint32, bits) : tensor(DataType.bool, c.shape(0));
    return [tensor(c.elem(0), c.shape(0)), mask];
  };
}

/** X, W, pads, B: pads are an input. */
const convTransposeWithDynamicPads: Rule = (c) => {
  const pads = c.content(2);
  const shape = convTransposed(c, c.dims(0), c.dims(1));
  const dims = dimsOf(shape);
  if (dims === undefined || !c.has(2)) return [tensor(c.elem(0), shape)];
  const n = dims.length - 2;
  const padded = dims.map((d, i) =>
    i < 2 ? d : pads ? sub(d, add(pads[i - 2] ?? 0, pads[i - 2 + n] ?? 0)) : c.derived(0, `d${i}`, d),
  );
  return [tensor(c.elem(0), padded)];
};

/** [..., size of the last axis for each window of `size`, `step` apart along `dim`, …, size] */
const unfold: Rule = (c) => {
  const dims = c.dims(0);
  const size = c.int('size', 1);
  if (dims === undefined) return [tensor(c.elem(0), c.shape(0))];
  const at = c.int('dim', -1);
  const axis = at < 0 ? at + dims.length : at;
  const windows = add(floorDiv(sub(dims[axis] ?? 1, size), c.int('step', 1)), 1);
  return [tensor(c.elem(0), [...withDim(dims, axis, windows), size])];
};

/** a [B, T, H] → decay, beta: as a. */
const linearAttentionGate: Rule = (c) => [tensor(c.elem(0), c.shape(0)), tensor(c.elem(0), c.shape(0))];

const plain = [
  ...[
    'BiasAdd',
    'BiasGelu',
    'BiasSoftmax',
    'FastGelu',
    'EngramGate',
    'GatedAdd',
    'GatedRMSNorm',
    'Gelu',
    'GroupNorm',
  ],
  ...['Inverse', 'QuickGelu', 'Trilu', 'SampleOp', 'MoE', 'QMoE'],
];

export const fused: RuleTable = {
  ...Object.fromEntries(plain.map((op) => [op, sameAs(0)])),
  FusedConv: fusedConv,
  FusedGemm: fusedGemm,
  FusedMatMul: fusedMatMul,
  FusedMatMulActivation: fusedMatMul,
  TransposeMatMul: fusedMatMul,
  SparseToDenseMatMul: sparseToDense,
  GemmFastGelu: gemmFastGelu,
  SkipLayerNormalization: skipLayerNormalization,
  SkipSimplifiedLayerNormalization: skipLayerNormalization,
  SimplifiedLayerNormalization: simplifiedLayerNormalization,
  SkipGroupNorm: skipGroupNorm,
  EmbedLayerNormalization: embedding(2, 2),
  QEmbedLayerNormalization: embedding(2, 8),
  BiasSplitGelu: biasSplitGelu,
  BiasDropout: dropout(false),
  BitmaskDropout: dropout(true),
  BitmaskBiasDropout: dropout(true),
  ConvTransposeWithDynamicPads: convTransposeWithDynamicPads,
  UnfoldTensor: unfold,
  LinearAttentionGate: linearAttentionGate,
  ComplexMul: broadcastRule(),
  ComplexMulConj: broadcastRule(),
  IsAllFinite: () => [tensor(DataType.bool, [])],
};
