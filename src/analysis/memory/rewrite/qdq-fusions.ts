/**
 * Which operators between DequantizeLinear and QuantizeLinear ONNX Runtime has int8 kernels for, and on which types
 * (qdq_selectors.cc). As on x86, where products of signed data are not taken.
 */
import { DataType } from '../../../onnx/model.ts';
import type { Draft } from '../runtime.ts';
import { elemTypeOfValue } from '../values.ts';
import type { Value } from '../values.ts';
import type { GraphEditor } from './editor.ts';
import { asOp, isConstant } from './patterns.ts';

const microsoft = 'com.microsoft';

/** What a DequantizeLinear that only this node reads dequantizes. */
export interface Dequantized {
  readonly node: Draft;
  readonly data: Value | undefined;
  readonly scale: Value | undefined;
  readonly zeroPoint: Value | undefined;
}

export function dequantized(
  editor: GraphEditor,
  v: Value | undefined,
  reader: Draft,
): Dequantized | undefined {
  const node = asOp(editor.maker(v), 'DequantizeLinear');
  if (node === undefined || editor.soleReader(v) !== reader) return undefined;
  const [data, scale, zeroPoint] = node.inputs;
  return { node, data, scale, zeroPoint };
}

/** Computes on `inputs`, the dequantized ones, and gives what `quantize` gave, where there is one. */
export type Fusion = (inputs: readonly Dequantized[], quantize: Draft | undefined) => Fused | undefined;

export interface Fused {
  readonly opType: string;
  readonly domain: string;
  readonly inputs: readonly (Value | undefined)[];
}

export function isSigned(v: Value | undefined): boolean {
  return elemTypeOfValue(v) === DataType.int8;
}

const bytes: ReadonlySet<number> = new Set([DataType.int8, DataType.uint8]);

function areBytes(inputs: readonly Dequantized[]): boolean {
  return inputs.every((d) => bytes.has(elemTypeOfValue(d.data)));
}

function gives(quantize: Draft, d: Dequantized): boolean {
  return elemTypeOfValue(quantize.outputs[0]) === elemTypeOfValue(d.data);
}

function isBias(d: Dequantized | undefined): boolean {
  return d === undefined || elemTypeOfValue(d.data) === DataType.int32;
}

const parts = (d: Dequantized) => [d.data, d.scale, d.zeroPoint];

/** Scale and zero point of the output. */
const result = (quantize: Draft | undefined) => quantize?.inputs.slice(1, 3) ?? [];

const conv: Fusion = ([x, w, bias], q) => {
  if (!x || !w || !q || !isConstant(w.data)) return undefined;
  if (!areBytes([x, w]) || isSigned(x.data) || !gives(q, x) || !isBias(bias)) return undefined;
  return { opType: 'QLinearConv', domain: '', inputs: [...parts(x), ...parts(w), ...result(q), bias?.data] };
};

/** Without quantization after it, it gives float32. */
const gemm: Fusion = ([a, b, c], q) => {
  if (!a || !b || !areBytes([a, b]) || !isBias(c)) return undefined;
  if ((isSigned(a.data) && !isSigned(b.data)) || (q && !gives(q, a))) return undefined;
  return { opType: 'QGemm', domain: microsoft, inputs: [...parts(a), ...parts(b), c?.data, ...result(q)] };
};

const matMul: Fusion = ([a, b], q) => {
  if (!a || !b || !areBytes([a, b]) || isSigned(a.data)) return undefined;
  if (!q) {
    const inputs = [a.data, b.data, a.scale, b.scale, a.zeroPoint, b.zeroPoint];
    return { opType: 'MatMulIntegerToFloat', domain: microsoft, inputs };
  }
  if (!gives(q, a)) return undefined;
  return { opType: 'QLinearMatMul', domain: '', inputs: [...parts(a), ...parts(b), ...result(q)] };
};

/** Everything is of one type. */
function isUniform(inputs: readonly Dequantized[], q: Draft | undefined): boolean {
  return q !== undefined && inputs.length > 0 && areBytes(inputs) && inputs.every((d) => gives(q, d));
}

const linear =
  (opType: string): Fusion =>
  (inputs, q) =>
    isUniform(inputs, q)
      ? { opType, domain: microsoft, inputs: [...inputs.flatMap(parts), ...result(q)] }
      : undefined;

const concat: Fusion = (inputs, q) =>
  isUniform(inputs, q)
    ? { opType: 'QLinearConcat', domain: microsoft, inputs: [...result(q), ...inputs.flatMap(parts)] }
    : undefined;

export const quantizedFusions: Readonly<Record<string, Fusion>> = {
  Conv: conv,
  Gemm: gemm,
  MatMul: matMul,
  Add: linear('QLinearAdd'),
  Mul: linear('QLinearMul'),
  AveragePool: linear('QLinearAveragePool'),
  GlobalAveragePool: linear('QLinearGlobalAveragePool'),
  Sigmoid: linear('QLinearSigmoid'),
  LeakyRelu: linear('QLinearLeakyRelu'),
  Softmax: linear('QLinearSoftmax'),
  Concat: concat,
};
