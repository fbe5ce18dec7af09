/** Large constants: tables of which rows are picked or added. */
import type { WeightSource } from '../../../weights/stream.ts';
import { eachCell } from './cells.ts';
import { countOf, gaussian, type Spread } from './spread.ts';

/** Mean and variance over all rows, of each index of the last dim. */
export async function tableMoments(source: WeightSource, signal: AbortSignal | undefined): Promise<Spread> {
  const { dims } = source.tensor;
  const columns = dims.at(-1) ?? 1;
  const rows = countOf(dims) / columns;
  const [mean, variance] = [new Float64Array(columns), new Float64Array(columns)];
  await eachCell(
    source,
    [rows, columns],
    (_, c, sum, square) => {
      mean[c] = (mean[c] ?? 0) + sum / rows;
      variance[c] = (variance[c] ?? 0) + square / rows;
    },
    signal,
  );
  const own = dims.map((_, k) => (k === dims.length - 1 ? columns : 1));
  return gaussian({ dims: own, mean, variance: variance.map((v, i) => v - (mean[i] ?? 0) ** 2) });
}
