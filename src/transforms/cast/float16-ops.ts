/** Which operators compute in float16, and which of their inputs stay float32 all the same. */

/**
 * ai.onnx operators that take float16 in every version from opset 7 on and whose kernels keep their sums in float32 or
 * have short ones. Left out, as in ONNX Runtime's converter: Min, Max, CumSum, Range, TopK, NonMaxSuppression,
 * RoiAlign, Upsample, and all that holds subgraphs, random numbers or sequences; and long sums of squares.
 */
export const FLOAT16_OPS: ReadonlySet<string> = new Set([
  // layers
  ...['MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'LSTM', 'GRU', 'RNN', 'Einsum'],
  // normalization and pooling
  ...['BatchNormalization', 'InstanceNormalization', 'LayerNormalization', 'GroupNormalization', 'LRN'],
  ...['Softmax', 'LogSoftmax', 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool'],
  ...['ReduceMean', 'ReduceMax', 'ReduceMin'],
  // elementwise
  ...['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Sqrt', 'Neg', 'Abs', 'Exp', 'Log', 'Reciprocal', 'Sum', 'Mean'],
  ...['Relu', 'LeakyRelu', 'PRelu', 'Elu', 'Selu', 'Celu', 'Gelu', 'Sigmoid', 'HardSigmoid', 'HardSwish'],
  ...['Mish', 'Softplus', 'Softsign', 'ThresholdedRelu', 'Tanh', 'Erf', 'Sin', 'Cos', 'Clip', 'Where'],
  ...['Floor', 'Ceil', 'Round', 'Sign'],
  // movement
  ...['Reshape', 'Transpose', 'Concat', 'Split', 'Slice', 'Gather', 'GatherElements', 'GatherND', 'Squeeze'],
  ...['Unsqueeze', 'Flatten', 'Expand', 'Tile', 'Pad', 'Resize', 'SpaceToDepth', 'DepthToSpace', 'Identity'],
  ...['ScatterND', 'ScatterElements'],
]);

/** Inputs that are float32 by definition: Resize's roi and scales. */
const FLOAT32_INPUTS: ReadonlyMap<string, ReadonlySet<number>> = new Map([['Resize', new Set([1, 2])]]);

export function staysFloat32(opType: string, input: number): boolean {
  return FLOAT32_INPUTS.get(opType)?.has(input) === true;
}
