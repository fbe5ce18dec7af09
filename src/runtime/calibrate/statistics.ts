/**
 * What is counted of one tensor over any number of batches: range, histogram of |x|, moments per channel. Nothing but
 * the counts is kept. Values that are not finite (masks hold −∞) are left out, and counted.
 *
 *     const s = new TensorCounter([1]);
 *     s.push(Float32Array.of(1, -2, 3, NaN), [2, 2]);   // channels are the columns
 *     s.result();                                        // count 3, min −2, max 3
 */
import type { AbsHistogram, ChannelStatistics } from '../../analysis/calibration.ts';

/** One tensor's counts as they cross the process boundary. */
export interface CollectedTensor {
  readonly tensor: string;
  readonly rank: number;
  /** Finite elements. */
  readonly count: number;
  readonly nonFinite: number;
  readonly min: number;
  readonly max: number;
  /** By axis, counted from the start. */
  readonly channels: readonly (ChannelStatistics & { readonly axis: number })[];
}

export class TensorCounter {
  readonly #axes: readonly number[];
  readonly #channels = new Map<number, ChannelCounter>();
  #rank = 0;
  #count = 0;
  #nonFinite = 0;
  #min = Infinity;
  #max = -Infinity;

  /** `axes`: to count by channel; negative ones from the end. */
  constructor(axes: readonly number[] = []) {
    this.#axes = axes;
  }

  /**
   * One batch's tensor; without elements, it tells nothing. RangeError where it has no such axis, or another number of
   * channels than before.
   */
  push(values: ArrayLike<number>, dims: readonly number[]): void {
    if (values.length === 0) return;
    this.#rank = dims.length;
    let { min, max } = { min: this.#min, max: this.#max };
    let nonFinite = 0;
    for (let i = 0; i < values.length; i++) {
      const v = values[i] ?? 0;
      if (v - v !== 0) nonFinite++;
      else {
        if (v < min) min = v;
        if (v > max) max = v;
      }
    }
    this.#min = min;
    this.#max = max;
    this.#nonFinite += nonFinite;
    this.#count += values.length - nonFinite;
    for (const given of this.#axes) this.#counterOf(axisOf(given, dims.length), dims).push(values, dims);
  }

  get absMax(): number {
    return this.#count === 0 ? 0 : Math.max(Math.abs(this.#min), Math.abs(this.#max));
  }

  result(tensor: string): CollectedTensor {
    const isEmpty = this.#count === 0;
    return {
      tensor,
      rank: this.#rank,
      count: this.#count,
      nonFinite: this.#nonFinite,
      min: isEmpty ? 0 : this.#min,
      max: isEmpty ? 0 : this.#max,
      channels: [...this.#channels].map(([axis, c]) => ({ axis, ...c.result() })),
    };
  }

  #counterOf(axis: number, dims: readonly number[]): ChannelCounter {
    const found = this.#channels.get(axis) ?? new ChannelCounter(axis, dims[axis] ?? 1);
    this.#channels.set(axis, found);
    return found;
  }
}

function axisOf(axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (at < 0 || at >= rank) throw new RangeError(`it has ${rank} dims and no axis ${axis}`);
  return at;
}

/** Mean, mean of squares and largest |x| for each index of one axis. */
class ChannelCounter {
  readonly #axis: number;
  readonly #finite: Float64Array;
  readonly #sum: Float64Array;
  readonly #squares: Float64Array;
  readonly #absMax: Float64Array;

  constructor(axis: number, size: number) {
    this.#axis = axis;
    this.#finite = new Float64Array(size);
    this.#sum = new Float64Array(size);
    this.#squares = new Float64Array(size);
    this.#absMax = new Float64Array(size);
  }

  push(values: ArrayLike<number>, dims: readonly number[]): void {
    const size = dims[this.#axis] ?? 1;
    if (size !== this.#sum.length) {
      throw new RangeError(`its axis ${this.#axis} had ${this.#sum.length} channels, then ${size}`);
    }
    const inner = dims.slice(this.#axis + 1).reduce((a, b) => a * b, 1);
    if (inner === 0) return;
    for (let at = 0, channel = 0; at < values.length; at += inner) {
      this.#add(channel, values, at, at + inner);
      channel = channel + 1 === size ? 0 : channel + 1;
    }
  }

  #add(channel: number, values: ArrayLike<number>, from: number, to: number): void {
    let [count, sum, squares] = [0, 0, 0];
    let absMax = this.#absMax[channel] ?? 0;
    for (let i = from; i < to; i++) {
      const v = values[i] ?? 0;
      if (v - v !== 0) continue;
      count++;
      sum += v;
      squares += v * v;
      const size = Math.abs(v);
      if (size > absMax) absMax = size;
    }
    this.#absMax[channel] = absMax;
    this.#finite[channel] = (this.#finite[channel] ?? 0) + count;
    this.#sum[channel] = (this.#sum[channel] ?? 0) + sum;
    this.#squares[channel] = (this.#squares[channel] ?? 0) + squares;
  }

  result(): ChannelStatistics {
    const perCount = (sums: Float64Array) => sums.map((s, i) => s / Math.max(1, this.#finite[i] ?? 0));
    return {
      count: this.#finite.reduce((a, b) => Math.max(a, b), 0),
      mean: perCount(this.#sum),
      meanSquare: perCount(this.#squares),
      absMax: this.#absMax,
    };
  }
}

/** Counts of |x| in equal bins from 0 to `limit`, which is known from a first pass. */
export class HistogramCounter {
  readonly #limit: number;
  readonly #counts: Float64Array;

  constructor(limit: number, bins: number) {
    this.#limit = limit;
    this.#counts = new Float64Array(bins);
  }

  push(values: ArrayLike<number>): void {
    const last = this.#counts.length - 1;
    const perUnit = this.#limit === 0 ? 0 : this.#counts.length / this.#limit;
    for (let i = 0; i < values.length; i++) {
      const v = values[i] ?? 0;
      if (v - v !== 0) continue;
      const bin = Math.min(last, Math.floor(Math.abs(v) * perUnit));
      this.#counts[bin] = (this.#counts[bin] ?? 0) + 1;
    }
  }

  result(): AbsHistogram {
    return { limit: this.#limit, counts: this.#counts };
  }
}
