/**
 * The threshold that loses the least information: of all places at which the histogram of |x| could be cut, the one
 * where the distribution in steps differs least from the whole one, by the Kullback–Leibler divergence (S. Migacz,
 * "8-bit Inference with TensorRT", GTC 2017). Two things differ from the published method, which counts every value
 * once and folds what is cut into the last bin: behind Relu, where most values are small, it cuts far too much.
 *
 * - It is the distribution of the signal's energy, so that a value weighs x². Zeros, which any step keeps, weigh nothing.
 * - What is cut is compared with the next to nothing that is left at its place.
 */
import type { AbsHistogram } from '../../analysis/index.ts';

/** What an empty bin has, as a share of one value; as in ONNX Runtime's calibrator. */
const EPSILON = 1e-4;

/**
 * @param levelsOf steps of the integers between 0 and a threshold
 * @returns the threshold; the histogram's limit where it has too few bins to cut any
 */
export function entropyThreshold(
  { limit, counts }: AbsHistogram,
  levelsOf: (threshold: number) => number,
): number {
  const bins = counts.length;
  const energy = new RunningSums(energies(counts));
  const filled = new RunningSums(counts.map((c) => Math.sign(c)));
  let best = { loss: Infinity, end: bins };
  for (let end = bins; end > 0; end--) {
    const levels = Math.max(1, Math.round(levelsOf((limit * end) / bins)));
    if (end < levels && end < bins) break;
    const loss = lossAt(end, levels, energy, filled);
    if (loss < best.loss) best = { loss, end };
  }
  return (limit * best.end) / bins;
}

/** Energy in each bin, of which the lower end counts, so that zeros have none; all have as much together as there are values. */
function energies(counts: Float64Array): Float64Array {
  const found = counts.map((c, i) => c * i ** 2);
  const values = sum(counts.subarray(1));
  const unit = values === 0 ? 0 : values / sum(found);
  return found.map((e) => e * unit);
}

function sum(values: Float64Array): number {
  return values.reduce((total, v) => total + v, 0);
}

/**
 * The divergence of what the steps leave of the distribution, but for the factor and the summand that every threshold
 * has alike: −Σ p log q. A step covers what is rounded to it, of 0 only half as much, and spreads its energy evenly over
 * those of its bins that were not empty; the last one has that of what lies beyond, too.
 */
function lossAt(end: number, levels: number, energy: RunningSums, filled: RunningSums): number {
  const beyond = energy.total - energy.below(end);
  let total = beyond * Math.log(EPSILON);
  for (let level = 0, from = 0; level < levels; level++) {
    const isLast = level === levels - 1;
    const to = isLast ? end : Math.round(((level + 0.5) * end) / (levels - 0.5));
    const inside = energy.below(to) - energy.below(from);
    const spread = filled.below(to) - filled.below(from);
    if (inside > 0) total += inside * Math.log((inside + (isLast ? beyond : 0)) / spread);
    from = to;
  }
  return -total;
}

/** Sums of the first elements of an array. */
class RunningSums {
  private readonly sums: Float64Array;

  constructor(values: Float64Array) {
    this.sums = new Float64Array(values.length + 1);
    for (const [i, v] of values.entries()) this.sums[i + 1] = (this.sums[i] as number) + v;
  }

  get total(): number {
    return this.below(this.sums.length - 1);
  }

  below(end: number): number {
    return this.sums[end] as number;
  }
}
