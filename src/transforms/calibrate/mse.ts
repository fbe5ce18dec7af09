/**
 * The threshold with the least mean squared error: a wide range rounds coarsely (step² / 12 a value), a narrow one cuts
 * off what lies beyond. Bins count as their middle.
 */
import type { AbsHistogram } from '../../analysis/index.ts';

/**
 * @param spanOf width of the range that a threshold gives
 * @param steps of the integer type over that width, e.g. 255
 */
export function mseThreshold(
  { limit, counts }: AbsHistogram,
  spanOf: (threshold: number) => number,
  steps: number,
): number {
  const bins = counts.length;
  let best = { error: Infinity, threshold: limit };
  // of what lies beyond the threshold: count, Σ|x|, Σx²
  let [beyond, sum, squares] = [0, 0, 0];
  const total = counts.reduce((n, c) => n + c, 0);
  for (let end = bins; end > 0; end--) {
    const threshold = (limit * end) / bins;
    const cut = squares - 2 * threshold * sum + threshold ** 2 * beyond;
    const rounding = ((total - beyond) * (spanOf(threshold) / steps) ** 2) / 12;
    if (cut + rounding < best.error) best = { error: cut + rounding, threshold };
    const count = counts[end - 1] as number;
    const middle = (limit * (end - 0.5)) / bins;
    beyond += count;
    sum += count * middle;
    squares += count * middle ** 2;
  }
  return best.threshold;
}
