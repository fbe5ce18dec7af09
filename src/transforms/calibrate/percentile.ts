/** The threshold within which a share of all magnitudes lies. */
import type { AbsHistogram } from '../../analysis/index.ts';

/**
 * @param percentile 0..100
 * @returns the upper end of the first bin up to which at least that share lies
 */
export function percentileThreshold({ limit, counts }: AbsHistogram, percentile: number): number {
  const total = counts.reduce((sum, c) => sum + c, 0);
  const wanted = (total * percentile) / 100;
  let below = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    below += counts[bin] as number;
    if (below >= wanted) return (limit * (bin + 1)) / counts.length;
  }
  return limit;
}
