/**
 * com.microsoft: quantized operators, as ONNX Runtime's quantization tools write them and its optimizer fuses them.
 * Input numbers are those of the operator's documentation.
 */
import { DataType } from '../../../onnx/model.ts';
import { mul, unknown } from '../../dim.ts';
import type { Dim } from '../../types.ts';
import { broadcastShapes } from '../broadcast.ts';
import { qLinearConv } from '../conv.ts';
import { concatDims } from '../joining.ts';
import { gemmShape, matMulInteger, matMulShape } from '../matmul.ts';
import { globallyPooled, pooledShape } from '../pool.ts';
import { dequantizeLinear, quantizeLinear } from '../quantization.ts';
import { reducedDims } from '../reduce.ts';
import { dimsOf, normalizeAxis, ofUnknownRank, sameAs, ShapeError, tensor, withDim } from '../rule.ts';
import type { Dims, Rule, RuleContext, RuleTable } from '../rule.ts';

/** The last dim replaced by N: a product with a matrix that is stored in a form of its own. */
function productWith(n: (c: RuleContext) => Dim, transposed?: string): Rule {
  return (c) => {
    const dims = c.dims(0);
    if (dims === undefined) return [tensor(c.elem(0), c.shape(0))];
    if (dims.length === 0) throw new ShapeError('a matrix product of a scalar');
    if (transposed === undefined || c.int(transposed, 1) !== 0) checkInner(c, dims);
    return [tensor(c.elem(0), withDim(dims, dims.length - 1, n(c)))];
  };
}

function checkInner(c: RuleContext, dims: Dims): void {
  const [inner, k] = [dims.at(-1), c.int('K')];
  if (typeof inner === 'number' && k !== undefined && inner !== k)
    throw new ShapeError(`the inner dims of a matrix product: ${inner} and ${k} should be the same`);
}

/** B in blocks of K: [N, blocks, bytes]; N is an attribute. */
const matMulNBits = productWith((c) => c.int('N') ?? c.dims(1)?.[0] ?? unknown('N is not given'));

/** A, B, b_scale, b_zero_point, bias */
const dynamicQuantizeMatMul: Rule = (c) => [
  tensor(c.elem(0) || DataType.float, matMulShape(c.dims(0), c.dims(1))),
];

/** A, B, a_scale, b_scale, a_zero_point, b_zero_point, bias: the type of the scales. */
const matMulIntegerToFloat: Rule = (c) => [
  tensor(c.elem(2) || c.elem(3) || DataType.float, matMulShape(c.dims(0), c.dims(1))),
];

/** A, a_scale, a_zero_point, B, b_scale, b_zero_point, C, y_scale, y_zero_point: float without the last two. */
const qGemm: Rule = (c) => [tensor(c.elem(8) || DataType.float, gemmShape(c, c.dims(0), c.dims(3)))];

/** A, A_scale, A_zero_point, B, …: A and B broadcast. */
const qLinearBinary: Rule = (c) => [tensor(c.elem(0), broadcastShapes([c.shape(0), c.shape(3)]))];

/** condition, X, x_scale, x_zero_point, Y, y_scale, y_zero_point, z_scale, z_zero_point */
const qLinearWhere: Rule = (c) => [tensor(c.elem(1), broadcastShapes([c.shape(0), c.shape(1), c.shape(4)]))];

/** Y_scale, Y_zero_point, then tensor, scale and zero point of each part. */
const qLinearConcat: Rule = (c) => {
  const parts = Array.from({ length: Math.floor((c.inputCount - 2) / 3) }, (_, i) => c.dims(2 + 3 * i));
  if (!parts.every((d) => d !== undefined)) return [ofUnknownRank(c.elem(1), 'an input of unknown rank')];
  return [tensor(c.elem(1), concatDims(parts, c.int('axis', 0)))];
};

const channelsLast = (c: RuleContext) => c.int('channels_last', 0) === 1;

const qLinearAveragePool: Rule = (c) => [tensor(c.elem(0), pooledShape(c, c.dims(0), channelsLast(c)))];
const qLinearGlobalAveragePool: Rule = (c) => [tensor(c.elem(0), globallyPooled(c.dims(0), channelsLast(c)))];

function reduced(elemType: (c: RuleContext) => number): Rule {
  return (c) => {
    const dims = c.dims(0);
    if (dims === undefined) return [tensor(elemType(c), c.shape(0))];
    const axes = c.ints('axes') ?? dims.map((_, i) => i);
    const over = new Set(axes.map((a) => normalizeAxis(a, dims.length)));
    return [tensor(elemType(c), reducedDims(dims, over, c.int('keepdims', 1) === 1))];
  };
}

/** A, A_zero_point, B, B_zero_point */
const mulInteger: Rule = (c) => [tensor(DataType.int32, broadcastShapes([c.shape(0), c.shape(2)]))];

/**
 * data, indices, scales, zero_points: as Gather, of elements in blocks along `quantize_axis`. uint8 data packs
 * 8 / bits elements a byte along its last axis; the output has the scales' type.
 */
const gatherBlockQuantized: Rule = (c) => {
  const [data, indices] = [c.dims(0), c.dims(1)];
  const elemType = c.elem(2);
  if (data === undefined || indices === undefined)
    return [ofUnknownRank(elemType, 'input rank is not known')];
  const axis = normalizeAxis(c.int('gather_axis', 0), data.length);
  const perByte = c.elem(0) === DataType.uint8 ? Math.floor(8 / c.int('bits', 4)) : 1;
  const whole = data.map((d, i) => (i === data.length - 1 ? mul(d, perByte) : d));
  return [tensor(elemType, [...whole.slice(0, axis), ...indices, ...whole.slice(axis + 1)])];
};

/** A [..., K] × a blob, whose shape [K, N] is the third input. */
const matMulFpQ4 = productWith((c) => c.content(2)?.[1] ?? c.derived(0, 'n'));

/** A × B packed in one vector: [N, K], or with transB 0 [K, N] read the other way round. */
const matMulBnb4 = productWith(
  (c) => c.int(c.int('transB', 1) === 0 ? 'K' : 'N') ?? unknown('N is not given'),
  'transB',
);

/** [..., K] × [N, K or K/2] */
const productWithRows = productWith((c) => c.dims(1)?.[0] ?? unknown('weights of unknown rank'));

/** One output per projection of a quantized product: Q has Nq columns, K and V have Nkv. */
const matMulNBitsQkv: Rule = (c) => {
  const dims = c.dims(0);
  const of = (n: number | undefined) =>
    dims === undefined
      ? tensor(c.elem(0), c.shape(0))
      : tensor(c.elem(0), withDim(dims, dims.length - 1, n ?? unknown('size is not given')));
  const [q, kv] = [c.int('Nq'), c.int('Nkv')];
  return [of(q), of(kv), of(kv), tensor(c.elem(0), c.shape(0))];
};

/** Output columns N, or what both gates and the second projection make of it; and the sum with the skip. */
const matMulNBitsMlp: Rule = (c) => {
  const dims = c.dims(0);
  const shape =
    dims === undefined ? c.shape(0) : withDim(dims, dims.length - 1, c.int('N') ?? unknown('N is not given'));
  return [tensor(c.elem(0), shape), tensor(c.elem(0), c.shape(0))];
};

/** [M, N], of type `dtype`. */
const gemmFloat8: Rule = (c) => [tensor(c.int('dtype', DataType.float), gemmShape(c, c.dims(0), c.dims(1)))];

/** X in a layout of the GPU library: same shape. */
const ordered =
  (to: number): Rule =>
  (c) => [tensor(to, c.shape(0))];

/** A, scale_A, B, …: [batch…, rows, K] × [K, cols] */
const qOrderedMatMul: Rule = (c) => [tensor(c.elem(0), matMulShape(c.dims(0), c.dims(2)))];

/** x, shape, strides: what it was before. */
const dequantizeBfp: Rule = (c) => {
  const rank = c.dims(1)?.[0];
  const known =
    typeof rank === 'number' ? Array.from({ length: rank }, (_, i) => c.derived(0, `d${i}`)) : undefined;
  return [
    tensor(c.int('dtype', DataType.float), c.content(1) ?? known ?? unknown('shape is computed at run time')),
  ];
};

const quantizeBfp: Rule = (c) => {
  const dims = dimsOf(c.shape(0));
  const rank = dims === undefined ? unknown('input rank is not known') : dims.length;
  return [
    tensor(DataType.uint8, [c.derived(0, 'd0')]),
    tensor(DataType.int64, [rank], dims),
    tensor(DataType.int64, [rank]),
  ];
};

export const quantized: RuleTable = {
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeMatMul: dynamicQuantizeMatMul,
  MatMulIntegerToFloat: matMulIntegerToFloat,
  MatMulInteger16: matMulInteger,
  MatMulNBits: matMulNBits,
  MatMulNBitsMlp: matMulNBitsMlp,
  MatMulNBitsQkv: matMulNBitsQkv,
  MatMulFpQ4: matMulFpQ4,
  MatMulBnb4: matMulBnb4,
  MatMulBlockQuantizedFp4Weight: productWithRows,
  MatMulBlockQuantizedFp8Weight: productWithRows,
  GatherBlockQuantized: gatherBlockQuantized,
  GemmFloat8: gemmFloat8,
  QGemm: qGemm,
  QLinearConv: qLinearConv,
  QLinearAdd: qLinearBinary,
  QLinearMul: qLinearBinary,
  QLinearWhere: qLinearWhere,
  QLinearConcat: qLinearConcat,
  QLinearAveragePool: qLinearAveragePool,
  QLinearGlobalAveragePool: qLinearGlobalAveragePool,
  QLinearLeakyRelu: sameAs(0),
  QLinearSigmoid: sameAs(0),
  QLinearSoftmax: sameAs(0),
  QLinearReduceMean: reduced((c) => c.elem(0)),
  ReduceSumInteger: reduced((c) => (c.elem(0) === DataType.uint8 ? DataType.uint32 : DataType.int32)),
  MulInteger: mulInteger,
  QOrderedMatMul: qOrderedMatMul,
  QOrderedGelu: sameAs(0),
  QOrderedLayerNormalization: sameAs(0),
  QuantizeWithOrder: ordered(DataType.int8),
  DequantizeWithOrder: (c) => [tensor(c.int('to', DataType.float), c.shape(0))],
  QuantizeBFP: quantizeBfp,
  DequantizeBFP: dequantizeBfp,
};
