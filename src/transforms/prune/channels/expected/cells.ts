/** Weights in a stream, as matrices of kernels. */
import { elementChunks, notFinite, type WeightSource } from '../../../weights/stream.ts';
import { decodeFloats } from '../floats.ts';
import { elementBytes } from '../select-tensor.ts';

/** @param sum,square Σw and Σw² of the kernel at that row and column */
export type VisitCell = (row: number, column: number, sum: number, square: number) => void;

/**
 * Goes once through a weight of dims [rows, columns, kernel], the kernel of as many elements as are left.
 * @throws OnnxError where the weight holds NaN or an infinity
 */
export async function eachCell(
  source: WeightSource,
  [rows, columns]: readonly [number, number],
  visit: VisitCell,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { dims, dataType } = source.tensor;
  const kernel = dims.reduce((n, d) => n * d, 1) / (rows * columns);
  let [row, column, left, sum, square, all] = [0, 0, kernel, 0, 0, 0];
  for await (const { bytes } of elementChunks(source, elementBytes(dataType) ?? 1, signal)) {
    const values = decodeFloats(bytes, dataType);
    for (let i = 0; i < values.length; i++) {
      const v = values[i] ?? 0;
      sum += v;
      square += v * v;
      if (--left > 0) continue;
      visit(row, column, sum, square);
      all += square;
      [left, sum, square] = [kernel, 0, 0];
      if (++column === columns) [row, column] = [row + 1, 0];
    }
  }
  if (!Number.isFinite(all)) throw notFinite(source, 0);
}
