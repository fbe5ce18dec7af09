/**
 * The tiny model that shows whether products of unsigned and signed 8 bits overflow on this processor: a MatMulInteger of
 * the largest values there are, `x` uint8 [4, 64] · int8 [64, 16], each sum 64 · 255 · 127. What adds pairs of products
 * in 16 bits (x86 without VNNI) stops at 32,767 for each pair and gives about half of that.
 */
import { initializer, node, tinyModel, value } from './tiny-model.ts';

const [rows, depth, columns] = [4, 64, 16];
const [largestInput, largestWeight] = [255, 127];

export const overflowInput = {
  dims: [rows, depth],
  values: new Uint8Array(rows * depth).fill(largestInput),
} as const;

export function overflowModel(): Uint8Array {
  return tinyModel((g) => {
    node(g, 'MatMulInteger', ['x', 'W'], 'y');
    initializer(g, 'W', [depth, columns], new Int8Array(depth * columns).fill(largestWeight));
    value(g, 'input', 'x', [rows, depth], 'uint8');
    value(g, 'output', 'y', [rows, columns], 'int32');
  });
}

/** @returns undefined where the sums are neither right nor too small, which says nothing of overflow */
export function overflowShown(sums: ArrayLike<number>): boolean | undefined {
  const exact = depth * largestInput * largestWeight;
  const found = new Set(Array.from(sums));
  const [sum] = found;
  if (sums.length !== rows * columns || found.size !== 1 || sum === undefined || sum > exact)
    return undefined;
  return sum !== exact;
}
