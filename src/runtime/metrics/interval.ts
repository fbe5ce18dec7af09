/** How far a figure of a sample may be from that of all data: 95 % confidence intervals. */
import { generator } from '../data/random.ts';
import { quantile } from './outputs.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** 97.5 % quantile of the standard normal. */
const z = 1.959964;
const resamples = 1000;
/** Values drawn in all: about a quarter of a second. */
const maxDraws = 2e7;

/** Wilson's score interval of `right` of `total`; undefined of none. */
export function wilson(right: number, total: number): Interval | undefined {
  if (total === 0) return undefined;
  const share = right / total;
  const spread = z * Math.sqrt((share * (1 - share)) / total + z ** 2 / (4 * total ** 2));
  const centre = share + z ** 2 / (2 * total);
  const scale = 1 + z ** 2 / total;
  // exact at the ends, where rounding would leave a trace
  return {
    low: right === 0 ? 0 : (centre - spread) / scale,
    high: right === total ? 1 : (centre + spread) / scale,
  };
}

/**
 * The mean's interval by the percentile bootstrap, always with the same draws; of a set too large for it by the normal
 * distribution, which then comes to the same. Undefined of fewer than two values.
 */
export function meanInterval(values: readonly number[]): Interval | undefined {
  const n = values.length;
  if (n < 2) return undefined;
  if (n * resamples > maxDraws) return normalInterval(values);
  const random = generator(0, 'bootstrap', 0);
  const means = Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[Math.floor(random() * n)] ?? 0;
    return sum / n;
  });
  return { low: quantile(means, 0.025) ?? Number.NaN, high: quantile(means, 0.975) ?? Number.NaN };
}

function normalInterval(values: readonly number[]): Interval {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / (n - 1);
  const spread = z * Math.sqrt(variance / n);
  return { low: mean - spread, high: mean + spread };
}
