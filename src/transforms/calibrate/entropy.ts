/**
 * The threshold that loses the least information: of all places at which the histogram of |x| could be cut, the one
 * where the distribution in `levels` steps differs least from the one before, by the Kullback–Leibler divergence
 * (S. Migacz, "8-bit Inference with TensorRT", GTC 2017). Where bins are empty, both distributions are smoothed as
 * ONNX Runtime's calibrator does it.
 */
import type { AbsHistogram } from '../../analysis/index.ts';

/** Steps of one sign in 8 bits; wider types lose so little that 8 bits decide where to cut, too. */
const LEVELS = 128;
const EPSILON = 1e-4;

/** @returns the threshold; the histogram's limit where it has too few bins to cut any */
export function entropyThreshold({ limit, counts: found }: AbsHistogram, levels = LEVELS): number {
  const counts = withoutZeros(found);
  const bins = counts.length;
  let best = { divergence: Infinity, end: bins };
  let beyond = sum(counts, levels, bins);
  for (let end = levels; end <= bins; end++) {
    const divergence = divergenceAt(counts, end, beyond, levels);
    if (divergence < best.divergence) best = { divergence, end };
    beyond -= counts[end] ?? 0;
  }
  return (limit * best.end) / bins;
}

/** Behind Relu most values are 0, which any step keeps exactly: they would outweigh all others (NVIDIA's calibrator, too). */
function withoutZeros(counts: Float64Array): Float64Array {
  const [zeros = 0, next = 0] = counts;
  return counts.length < 2
    ? counts
    : Float64Array.from(counts, (c, i) => (i === 0 ? Math.min(zeros, next) : c));
}

/** Kullback–Leibler divergence of what `levels` steps keep from bins [0, end), with what lies beyond in the last bin. */
function divergenceAt(counts: Float64Array, end: number, beyond: number, levels: number): number {
  const before = counts.slice(0, end);
  before[end - 1] = (before[end - 1] as number) + beyond;
  const after = inSteps(counts, before, levels);
  const [p, q] = [smoothed(before), smoothed(after)];
  if (p === undefined || q === undefined) return Infinity;
  const [pTotal, qTotal] = [sum(p, 0, end), sum(q, 0, end)];
  let divergence = 0;
  for (let i = 0; i < end; i++) {
    const share = (p[i] as number) / pTotal;
    divergence += share * Math.log(share / ((q[i] as number) / qTotal));
  }
  return divergence;
}

/** The counts merged into `levels` steps, each spread evenly over those of its bins that are not empty in `before`. */
function inSteps(counts: Float64Array, before: Float64Array, levels: number): Float64Array {
  const spread = new Float64Array(before.length);
  const width = Math.floor(before.length / levels);
  for (let level = 0; level < levels; level++) {
    const from = level * width;
    const to = level === levels - 1 ? before.length : from + width;
    let filled = 0;
    for (let i = from; i < to; i++) if (before[i] !== 0) filled++;
    if (filled === 0) continue;
    const each = sum(counts, from, to) / filled;
    for (let i = from; i < to; i++) if (before[i] !== 0) spread[i] = each;
  }
  return spread;
}

/** A little of what the filled bins hold goes to the empty ones; undefined where all are empty. */
function smoothed(counts: Float64Array): Float64Array | undefined {
  const empty = counts.reduce((n, c) => n + (c === 0 ? 1 : 0), 0);
  const filled = counts.length - empty;
  if (filled === 0) return undefined;
  const taken = (EPSILON * empty) / filled;
  return counts.map((c) => (c === 0 ? EPSILON : c - taken));
}

function sum(values: Float64Array, from: number, to: number): number {
  let total = 0;
  for (let i = from; i < to; i++) total += values[i] as number;
  return total;
}
