/** Matrix products: mlas packs constant B into panels of 16 columns. */
import { attributeInt } from '../../../onnx/model.ts';
import { DataType } from '../../../onnx/model.ts';
import { thisMachine } from '../../../machine.ts';
import type { Draft } from '../runtime.ts';
import { elemTypeOfValue } from '../values.ts';
import { constantDims, product } from './kernel.ts';
import type { Kernel, KernelContext, Packing } from './kernel.ts';

const panel = 16;
/** mlas aligns what it packs and quantizes for MatMulNBits to this; each of its parts may lose one byte less. */
const partUnit = 64;
const partAlignment = partUnit - 1;

function roundTo(n: number, unit: number): number {
  return Math.ceil(n / unit) * unit;
}

/** MlasGemmPackBSize, float32 [K, N]. */
export function packedFloats(k: number, n: number): number {
  return roundTo(n, panel) * k * 4;
}

/** MlasGemmPackBSize, int8 [K, N]: K filled up as the processor's kernels want it, and one int32 sum per column. */
export function packedInt8(k: number, n: number): number {
  return roundTo(n, panel) * roundTo(k, thisMachine().int8Depth) + roundTo(n, panel) * 4;
}

function isFloat(n: Draft, input: number): boolean {
  return elemTypeOfValue(n.inputs[input]) === DataType.float;
}

/** B of two dims; `transposed`: [N, K]. */
function matrix(n: Draft, input: number, transposed: boolean): readonly [k: number, n: number] | undefined {
  const dims = constantDims(n, input);
  if (dims?.length !== 2 || dims.includes(0)) return undefined;
  const [rows = 0, columns = 0] = dims;
  return transposed ? [columns, rows] : [rows, columns];
}

function packsFloats(transposeAttribute?: string): Packing {
  return (n) => {
    const transposed = transposeAttribute !== undefined && attributeInt(n.node, transposeAttribute, 0) !== 0;
    const size = isFloat(n, 1) ? matrix(n, 1, transposed) : undefined;
    return size ? [{ input: 1, bytes: packedFloats(...size) }] : [];
  };
}

function packsInt8(input: number, transposeAttribute?: string): Packing {
  return (n) => {
    const transposed = transposeAttribute !== undefined && attributeInt(n.node, transposeAttribute, 0) !== 0;
    const size = matrix(n, input, transposed);
    return size ? [{ input, bytes: packedInt8(...size) }] : [];
  };
}

/** The int32 product before it is scaled back. */
const int32Output = (c: KernelContext) => [product(c.outputDims(0)) * 4];

/** B as [N, blocks, bytes] in any number of dims; `accuracy_level` 4 computes in int8 and packs scales and, in panels, sums, too. */
const nBits: Kernel = {
  packing: (n) => {
    const b = constantDims(n, 1);
    if (b === undefined) return [];
    const level4 = attributeInt(n.node, 'accuracy_level', 0) === 4;
    const bits = attributeInt(n.node, 'bits', 4);
    if (!level4) return bits === 4 ? [{ input: 1, bytes: product(b) }] : [];
    const scales = product(constantDims(n, 2) ?? [0]);
    const columns = Math.max(1, attributeInt(n.node, 'N', 0));
    const sums = (scales / columns) * roundTo(columns, panel);
    return [{ input: 1, bytes: product(b) + (scales + sums) * 4 + 2 * partAlignment }];
  },
  scratch: (c) => {
    const { node } = c.node;
    const [k, columns] = [attributeInt(node, 'K', 0), attributeInt(node, 'N', 0)];
    const bits = attributeInt(node, 'bits', 4);
    const block = attributeInt(node, 'block_size', 32);
    if (attributeInt(node, 'accuracy_level', 0) !== 4)
      return bits === 4 ? [] : [{ reserved: columns * k * 4 }]; // B in float32
    // rows of A, block by block: int8 values, a scale and a sum
    const rows = product(c.inputDims(0).slice(0, -1));
    return [{ reserved: roundTo(rows * Math.ceil(k / block) * (block + 8), partUnit) + partAlignment }];
  },
};

export const matrixKernels: Readonly<Record<string, Kernel>> = {
  MatMul: { packing: packsFloats() },
  Gemm: { packing: packsFloats('transB') },
  MatMulInteger: { packing: packsInt8(1) },
  QLinearMatMul: { packing: packsInt8(3), scratch: int32Output },
  'com.microsoft::FusedMatMul': { packing: packsFloats('transB') },
  'com.microsoft::FusedGemm': { packing: packsFloats('transB') },
  'com.microsoft::MatMulIntegerToFloat': { packing: packsInt8(1) },
  'com.microsoft::DynamicQuantizeMatMul': {
    packing: packsInt8(1),
    scratch: (c) => [{ early: product(c.inputDims(0)) }], // A as uint8
  },
  'com.microsoft::QGemm': { packing: packsInt8(3, 'transB'), scratch: int32Output },
  'com.microsoft::MatMulNBits': nBits,
};
