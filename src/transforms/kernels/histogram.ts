/** Moments of a chunk's values, and how they and their rounded selves spread over bins. */
import { roundedValues, type ChunkRounding } from './rounded.ts';
import { floatsOf, type Values } from './values.ts';

/** Of the finite values. */
export interface Moments {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly sum: number;
  readonly sumOfSquares: number;
  readonly zeros: number;
  readonly notFinite: number;
}

export function moments({ values: given }: { readonly values: Values }): Moments {
  let [count, sum, sumOfSquares, zeros, notFinite] = [0, 0, 0, 0, 0];
  let [min, max] = [Infinity, -Infinity];
  for (const v of floatsOf(given)) {
    if (!Number.isFinite(v)) {
      notFinite++;
      continue;
    }
    count++;
    if (v < min) min = v;
    if (v > max) max = v;
    if (v === 0) zeros++;
    sum += v;
    sumOfSquares += v * v;
  }
  return { count, min, max, sum, sumOfSquares, zeros, notFinite };
}

export interface HistogramArgs {
  readonly values: Values;
  readonly start: number;
  /** Equal bins from `low` to `high`; what lies beyond counts to the outer ones. */
  readonly low: number;
  readonly high: number;
  readonly bins: number;
  readonly rounding?: ChunkRounding | undefined;
}

export interface Histogram {
  readonly counts: Float64Array;
  /** Of the rounded values; empty where there is no rounding. */
  readonly roundedCounts: Float64Array;
  readonly badIndex: number;
}

export function histogram({ values: given, start, low, high, bins, rounding }: HistogramArgs): Histogram {
  const values = floatsOf(given);
  const found = rounding === undefined ? undefined : roundedValues(values, start, rounding);
  return {
    counts: countsOf(values, low, high, bins),
    roundedCounts: found === undefined ? new Float64Array(0) : countsOf(found.rounded, low, high, bins),
    badIndex: found?.badIndex ?? -1,
  };
}

function countsOf(values: Float32Array, low: number, high: number, bins: number): Float64Array {
  const counts = new Float64Array(bins);
  const perUnit = high > low ? bins / (high - low) : 0;
  for (const v of values) {
    if (!Number.isFinite(v)) continue;
    const bin = Math.min(bins - 1, Math.max(0, Math.floor((v - low) * perUnit)));
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts;
}
