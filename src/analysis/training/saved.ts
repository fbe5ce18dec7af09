/**
 * What the backward pass of each operator needs of its forward pass: for the gradient of each input, which inputs
 * (`x0`, `x1`, …) and outputs (`y0`, …) have to be kept. Dims alone are not kept tensors.
 *
 * As PyTorch's autograd saves them (tools/autograd/derivatives.yaml), which ONNX Runtime's training agrees with but for
 * pooling (orttraining/core/graph/gradient_builder.cc keeps a mask only). Measured against PyTorch in docs/memory.md.
 */
import { attributeInt } from '../../onnx/model.ts';
import { add, mul, unknown } from '../dim.ts';
import { dimsOfValue } from '../memory/values.ts';
import type { Dim } from '../types.ts';
import type { TrainedNode } from './graph.ts';

export interface Backward {
  /** What the gradient of input i needs; undefined where there is none (a setting, a statistic). */
  needs(input: number): readonly Saved[] | undefined;
  /** Bytes that it saves beside: statistics, masks, gates. */
  readonly extra: ((n: TrainedNode) => Dim) | undefined;
}

export interface Saved {
  readonly of: 'input' | 'output';
  readonly index: number;
}

/** Undefined where nothing is known of the operator's backward. */
export function backwardOf(n: TrainedNode): Backward | undefined {
  const { domain, opType } = n;
  return domain === '' || domain === 'com.microsoft' ? table[opType] : undefined;
}

/** By input: what its gradient needs; '' nothing, '-' that it has none. The last stands for all further inputs. */
function rule(perInput: readonly string[], extra?: Backward['extra']): Backward {
  const parsed = perInput.map(parse);
  return { needs: (i) => parsed[Math.min(i, parsed.length - 1)], extra };
}

function parse(text: string): readonly Saved[] | undefined {
  if (text === '-') return undefined;
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => ({ of: word.startsWith('x') ? 'input' : 'output', index: Number(word.slice(1)) }));
}

function each(names: string, made: Backward): Record<string, Backward> {
  return Object.fromEntries(names.split(' ').map((name) => [name, made]));
}

const noDims = unknown('its dims are not known');
const float32Bytes = 4;

function elements(n: TrainedNode, output: number): Dim {
  const dims = dimsOfValue(n.outputs[output]);
  return dims === undefined ? noDims : mul(...dims);
}

/** One float32 per row of the normalised axes. */
function rows(n: TrainedNode): Dim {
  const dims = dimsOfValue(n.inputs[0]);
  if (dims === undefined) return noDims;
  const axis = attributeInt(n.node, 'axis', -1);
  return mul(float32Bytes, ...dims.slice(0, axis < 0 ? dims.length + axis : axis));
}

/** Mean and deviation of each. */
const perRow = (n: TrainedNode): Dim => mul(2, rows(n));
const perChannel = (n: TrainedNode): Dim => mul(2 * float32Bytes, dimsOfValue(n.inputs[0])?.[1] ?? noDims);
const perGroup = (n: TrainedNode): Dim => {
  const dims = dimsOfValue(n.inputs[0]);
  const groups = n.opType === 'GroupNormalization' ? attributeInt(n.node, 'num_groups', 1) : dims?.[1];
  return mul(2 * float32Bytes, dims?.[0] ?? noDims, groups ?? noDims);
};
/** Where each maximum was: int64. */
const places = (n: TrainedNode): Dim => mul(8, elements(n, 0));
/** A byte for each element. */
const mask = (n: TrainedNode): Dim => elements(n, 0);
/** Of each step the gates and, of an LSTM, the cell and its tanh: [sequence, directions, batch, count · hidden]. */
const gates =
  (count: number) =>
  (n: TrainedNode): Dim =>
    mul(count * float32Bytes, elements(n, 0));
/** log-sum-exp of each query and head, as flash attention keeps it (Dao et al. 2022). */
const logSumExp = (n: TrainedNode): Dim => {
  const query = dimsOfValue(n.inputs[0]);
  const heads = attributeInt(n.node, 'num_heads', attributeInt(n.node, 'q_num_heads', 0));
  if (query === undefined || (heads === 0 && query.length !== 4)) return noDims;
  const [batch = 1, second = 1, third = 1] = query;
  return mul(float32Bytes, batch, query.length === 4 ? mul(second, third) : mul(second, heads));
};

const nothing = rule(['']);
const fromOutput = rule(['y0', '-']);
const fromInput = rule(['x0', '-']);

const table: Readonly<Record<string, Backward>> = {
  // sums, copies and views: the dims tell everything
  ...each(
    'Add Sub Neg Sum Mean Concat Identity Cast Transpose Reshape Flatten Squeeze Unsqueeze Expand Split Tile ReduceMean ' +
      'ReduceSum CumSum DepthToSpace SpaceToDepth Trilu BiasAdd',
    nothing,
  ),
  ...each('Slice Pad Resize Upsample', rule(['', '-'])),
  // products
  ...each('MatMul FusedMatMul', rule(['x1', 'x0'])),
  Gemm: rule(['x1', 'x0', '']),
  ...each('Conv ConvTranspose', rule(['x1', 'x0', ''])),
  Mul: rule(['x1', 'x0']),
  Div: rule(['x1', 'x0 x1']),
  Pow: rule(['x0 x1', 'x0 y0']),
  MatMulNBits: rule(['', '-']),
  // pointwise, from the result
  ...each(
    'Relu Sigmoid Tanh Exp Sqrt Softmax LogSoftmax Reciprocal ThresholdedRelu Elu Selu Celu HardSigmoid',
    fromOutput,
  ),
  // pointwise, from the argument
  ...each(
    'LeakyRelu Gelu FastGelu QuickGelu Erf Abs Log Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Softplus ' +
      'Softsign HardSwish Mish Clip Swish',
    fromInput,
  ),
  BiasGelu: rule(['x0 x1', 'x0 x1']),
  PRelu: rule(['x0 x1', 'x0']),
  Where: rule(['-', 'x0', 'x0']),
  ...each('Min Max', rule(['x0 x1', 'x0 x1'])),
  ...each('ReduceMax ReduceMin ReduceL2 ReduceProd ReduceLogSumExp', rule(['x0 y0', '-'])),
  // places
  ...each('Gather GatherElements GatherND', rule(['x1', '-'])),
  ...each('ScatterElements ScatterND', rule(['x1', '-', 'x1'])),
  // windows
  MaxPool: rule(['x0'], places),
  ...each('AveragePool LpPool GlobalAveragePool GlobalMaxPool', fromInput),
  // normalisation
  BatchNormalization: rule(['x0 x1', 'x0', '', '-'], perChannel),
  LayerNormalization: rule(['x0 x1', 'x0', ''], perRow),
  ...each('RMSNormalization SimplifiedLayerNormalization', rule(['x0 x1', 'x0'], rows)),
  SkipLayerNormalization: rule(['x0 x1 x2', 'x0 x1 x2', 'x0 x1', '', ''], perRow),
  SkipSimplifiedLayerNormalization: rule(['x0 x1 x2', 'x0 x1 x2', 'x0 x1', ''], rows),
  ...each('InstanceNormalization GroupNormalization', rule(['x0 x1', 'x0', ''], perGroup)),
  Dropout: rule(['', '-'], mask),
  // recurrent: every step's state and gates
  LSTM: rule(['x1 y0', 'x0', 'y0', '', '-', '', '', '-'], (n) => add(gates(4)(n), gates(2)(n))),
  GRU: rule(['x1 y0', 'x0', 'y0', '', '-', ''], gates(4)),
  RNN: rule(['x1 y0', 'x0', 'y0', '', '-', '']),
  // fused attention, as flash attention: queries, keys, values, result
  ...each(
    'MultiHeadAttention GroupQueryAttention',
    rule(['x0 x1 x2 y0', 'x0 x1 x2 y0', 'x0 x1 x2 y0', '-'], logSumExp),
  ),
  RotaryEmbedding: rule(['x1 x2 x3', '-']),
};

/** Operators through which no gradient flows. */
const stops: ReadonlySet<string> = new Set(
  (
    'Shape Size ArgMax ArgMin Equal Greater GreaterOrEqual Less LessOrEqual Not And Or Xor NonZero IsNaN IsInf Floor ' +
    'Ceil Round Sign Range ConstantOfShape OneHot EyeLike QuantizeLinear DequantizeLinear DynamicQuantizeLinear ' +
    'MatMulInteger ConvInteger QLinearConv QLinearMatMul MatMulIntegerToFloat DynamicQuantizeMatMul QGemm BitShift Mod ' +
    'RandomNormal RandomNormalLike RandomUniform RandomUniformLike Bernoulli Multinomial NonMaxSuppression Unique'
  ).split(' '),
);

export function stopsGradient(n: TrainedNode): boolean {
  return stops.has(n.opType);
}
