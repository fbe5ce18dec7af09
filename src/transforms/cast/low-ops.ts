/** Which operators compute in 16 bits, and which of their inputs stay float32 all the same. */
import type { CastType } from '../recipe/cast.ts';

/**
 * ai.onnx operators that take float16 in every version from opset 7 on and whose kernels keep their sums in float32 or
 * have short ones. Left out, as in ONNX Runtime's converter: Min, Max, CumSum, Range, TopK, NonMaxSuppression,
 * RoiAlign, Upsample, and all that holds subgraphs, random numbers or sequences; and long sums of squares.
 */
const FLOAT16_OPS: ReadonlySet<string> = new Set([
  // layers
  ...['MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'LSTM', 'GRU', 'RNN', 'Einsum'],
  // normalization and pooling
  ...['BatchNormalization', 'InstanceNormalization', 'LayerNormalization', 'GroupNormalization', 'LRN'],
  ...['Softmax', 'LogSoftmax', 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool'],
  ...['ReduceMean', 'ReduceMax', 'ReduceMin'],
  // elementwise
  ...['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Sqrt', 'Neg', 'Abs', 'Exp', 'Log', 'Reciprocal', 'Sum', 'Mean'],
  ...['Relu', 'LeakyRelu', 'PRelu', 'Elu', 'Selu', 'Gelu', 'Sigmoid', 'HardSigmoid', 'HardSwish'],
  ...['Mish', 'Softplus', 'Softsign', 'ThresholdedRelu', 'Tanh', 'Erf', 'Sin', 'Cos', 'Clip', 'Where'],
  ...['Floor', 'Ceil', 'Round', 'Sign'],
  // movement
  ...['Reshape', 'Transpose', 'Concat', 'Split', 'Slice', 'Gather', 'GatherElements', 'GatherND', 'Squeeze'],
  ...['Unsqueeze', 'Flatten', 'Expand', 'Tile', 'Pad', 'Resize', 'SpaceToDepth', 'DepthToSpace', 'Identity'],
  ...['ScatterND', 'ScatterElements'],
  ...['Cast', 'ConstantOfShape'],
]);

/** In bfloat16 all but those that take it from opset 28 and 20 on only. */
const BFLOAT16_OPS: ReadonlySet<string> = new Set(
  [...FLOAT16_OPS].filter((op) => op !== 'Einsum' && op !== 'ConstantOfShape'),
);

/** Make a float32 of something else: in 16 bits where nothing takes it in float32, which could say more. */
export const MAKERS: ReadonlySet<string> = new Set(['Cast', 'ConstantOfShape']);

/** Take every type, and answer the same whichever it is: what is there in 16 bits needs no Cast for them. */
export const READERS: ReadonlySet<string> = new Set(['Shape', 'Size', 'Cast']);

/** Of the others, the input whose element type the first output has. */
export function typedLikeInput(opType: string): number | undefined {
  if (!FLOAT16_OPS.has(opType) || MAKERS.has(opType)) return undefined;
  return opType === 'Where' ? 1 : 0;
}

export const CAST_OPS: Readonly<Record<CastType, ReadonlySet<string>>> = {
  float16: FLOAT16_OPS,
  bfloat16: BFLOAT16_OPS,
};

/** The first opset in which most operators take bfloat16, and those that came later (onnx, docs/Changelog.md). */
const BFLOAT16_OPSET = 13;
const LATER_BFLOAT16: ReadonlyMap<string, number> = new Map(
  Object.entries({
    14: ['BatchNormalization'],
    15: ['Pow'],
    16: ['LeakyRelu', 'PRelu', 'Where'],
    17: ['LayerNormalization'],
    18: ['GroupNormalization'],
    20: ['Gelu'],
    22: [
      ...['Conv', 'ConvTranspose', 'LSTM', 'GRU', 'RNN', 'InstanceNormalization'],
      ...['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool', 'Elu', 'Selu', 'HardSigmoid'],
      ...['HardSwish', 'Mish', 'Softplus', 'Softsign', 'ThresholdedRelu', 'Sin', 'Cos', 'Round'],
    ],
  }).flatMap(([opset, ops]) => ops.map((op) => [op, Number(opset)] as const)),
);

/** The ai.onnx opset from which on the operator takes the type; 0 where every one does. */
export function opsetFor(type: CastType, opType: string): number {
  return type === 'float16' ? 0 : (LATER_BFLOAT16.get(opType) ?? BFLOAT16_OPSET);
}

/** Inputs that are float32 by definition: Resize's roi and scales; a Cast takes what it gets. */
const FLOAT32_INPUTS: ReadonlyMap<string, ReadonlySet<number>> = new Map([
  ['Resize', new Set([1, 2])],
  ['Cast', new Set([0])],
]);

export function staysFloat32(opType: string, input: number): boolean {
  return FLOAT32_INPUTS.get(opType)?.has(input) === true;
}

/** Outputs that are float32 whatever the input is: the mean and deviation of a LayerNormalization. */
const FLOAT32_OUTPUTS: ReadonlyMap<string, ReadonlySet<number>> = new Map([
  ['LayerNormalization', new Set([1, 2])],
]);

export function givesFloat32(opType: string, output: number): boolean {
  return FLOAT32_OUTPUTS.get(opType)?.has(output) === true;
}
