/**
 * How far one model's outputs are from another's. Pure, and fed in pieces: nothing but sums, and one row, is kept.
 *
 *     const m = new OutputMetrics('logits');
 *     m.begin([2, 3]);                              // a batch of 2 samples with 3 classes
 *     m.push([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 7]);
 *     m.result().sqnrDb;                            // 10·log10(91 / 1) = 19.59
 */
import type { OutputComparison } from '../types.ts';
import { klDivergence, rankOf } from './rows.ts';

/** Sums over one sample. */
interface SampleSums {
  dot: number;
  originalSquares: number;
  compressedSquares: number;
  /** A value that is finite in one model only, or non-finite in both and not the same. */
  isBroken: boolean;
}

/** One output, original against compressed, over any number of batches. */
export class OutputMetrics {
  readonly #output: string;
  #signal = 0;
  #noise = 0;
  #maxError = 0;
  #absError = 0;
  #elements = 0;
  #cosines = 0;
  #samples = 0;
  #hasUndefinedCosine = false;
  #rows = 0;
  #agreeing = 0;
  #nonFinite = 0;
  #classRows = 0;
  #divergence = 0;
  #inTop5 = 0;

  // where the current batch stands
  #sampleLength = 1;
  #rowLength = 1;
  #inSample = 0;
  #sums = emptySums();
  readonly #originalRow = new ArgMax();
  readonly #compressedRow = new ArgMax();
  /** Both rows, where they are scores of classes; else empty. */
  #originalScores = new Float64Array(0);
  #compressedScores = new Float64Array(0);

  constructor(output: string) {
    this.#output = output;
  }

  /** Number of values that were not finite in one model or both. */
  get nonFinite(): number {
    return this.#nonFinite;
  }

  /** A batch of this shape follows; its first axis counts samples, its last one classes. */
  begin(dims: readonly number[]): void {
    const elements = dims.reduce((a, b) => a * b, 1);
    const samples = dims.length > 0 ? (dims[0] ?? 1) : 1;
    this.#sampleLength = samples > 0 ? elements / samples : 0;
    this.#rowLength = dims.length > 1 ? (dims.at(-1) ?? 1) : 1;
    this.#inSample = 0;
    const scores = this.#rowLength > 1 && isScores(dims) ? this.#rowLength : 0;
    if (scores === this.#originalScores.length) return;
    this.#originalScores = new Float64Array(scores);
    this.#compressedScores = new Float64Array(scores);
  }

  /** The next elements of both, as many of one as of the other. */
  push(original: ArrayLike<number>, compressed: ArrayLike<number>): void {
    for (let i = 0; i < original.length; i++) {
      const a = original[i] ?? Number.NaN;
      const b = compressed[i] ?? Number.NaN;
      this.#add(a, b);
      if (this.#rowLength > 1) {
        // outside of an array of no element, nothing is kept
        this.#originalScores[this.#originalRow.count] = a;
        this.#compressedScores[this.#originalRow.count] = b;
        this.#originalRow.add(a);
        this.#compressedRow.add(b);
        if (this.#originalRow.count === this.#rowLength) this.#endRow();
      }
      if (++this.#inSample === this.#sampleLength) this.#endSample();
    }
  }

  result(): OutputComparison {
    return {
      output: this.#output,
      cosine: this.#hasUndefinedCosine || this.#samples === 0 ? undefined : this.#cosines / this.#samples,
      sqnrDb: ratioDb(this.#signal, this.#noise),
      maxAbsError: this.#maxError,
      meanAbsError: this.#elements === 0 ? 0 : this.#absError / this.#elements,
      top1Agreement: this.#rows === 0 ? undefined : this.#agreeing / this.#rows,
      top5Agreement:
        this.#classRows === 0 || this.#originalScores.length < minTop5Classes
          ? undefined
          : this.#inTop5 / this.#classRows,
      klDivergence: this.#classRows === 0 ? undefined : this.#divergence / this.#classRows,
    };
  }

  #add(a: number, b: number): void {
    this.#elements++;
    if (!Number.isFinite(a) || !Number.isFinite(b)) {
      this.#nonFinite++;
      if (Object.is(a, b)) return;
      this.#sums.isBroken = true;
      this.#noise = Infinity;
      this.#maxError = Infinity;
      this.#absError = Infinity;
      return;
    }
    const error = Math.abs(a - b);
    this.#signal += a * a;
    this.#noise += error * error;
    this.#absError += error;
    if (error > this.#maxError) this.#maxError = error;
    this.#sums.dot += a * b;
    this.#sums.originalSquares += a * a;
    this.#sums.compressedSquares += b * b;
  }

  #endRow(): void {
    this.#rows++;
    if (this.#originalRow.index === this.#compressedRow.index) this.#agreeing++;
    if (this.#originalScores.length > 0) this.#addClasses();
    this.#originalRow.reset();
    this.#compressedRow.reset();
  }

  #addClasses(): void {
    this.#classRows++;
    this.#divergence += klDivergence(this.#originalScores, this.#compressedScores);
    if (rankOf(this.#compressedScores, this.#originalRow.index) < 5) this.#inTop5++;
  }

  #endSample(): void {
    const { dot, originalSquares: aa, compressedSquares: bb, isBroken } = this.#sums;
    this.#samples++;
    // two zero vectors are the same vector; one of them alone has no angle to the other
    if (isBroken || (aa === 0) !== (bb === 0)) this.#hasUndefinedCosine = true;
    else this.#cosines += aa === 0 ? 1 : Math.min(1, Math.max(-1, dot / Math.sqrt(aa) / Math.sqrt(bb)));
    this.#sums = emptySums();
    this.#inSample = 0;
  }
}

/** Of fewer classes than six, the five best say nothing. */
export const minTop5Classes = 6;

/** [samples, classes] or [samples, tokens, classes]; in maps the last axis is a place, no class. */
function isScores(dims: readonly number[]): boolean {
  return dims.length === 2 || dims.length === 3;
}

function emptySums(): SampleSums {
  return { dot: 0, originalSquares: 0, compressedSquares: 0, isBroken: false };
}

/** Infinity where there is no noise, −Infinity where there is noise only. */
function ratioDb(signal: number, noise: number): number {
  if (noise === 0) return Infinity;
  return noise === Infinity ? -Infinity : 10 * Math.log10(signal / noise);
}

/** Index of the first largest value; of the first NaN where there is one, as NumPy's argmax. */
class ArgMax {
  index = 0;
  count = 0;
  #best = -Infinity;

  add(value: number): void {
    const isNew =
      this.count === 0 || value > this.#best || (Number.isNaN(value) && !Number.isNaN(this.#best));
    if (isNew) {
      this.index = this.count;
      this.#best = value;
    }
    this.count++;
  }

  reset(): void {
    this.index = 0;
    this.count = 0;
    this.#best = -Infinity;
  }
}

/** The `share` quantile (0..1) by linear interpolation between the sorted values, as NumPy's default; undefined of none. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)];
  const high = sorted[Math.ceil(at)];
  if (low === undefined || high === undefined) return undefined;
  return low + (high - low) * (at - Math.floor(at));
}
