/** Answers that are tensors: masks against scores per pixel (mean IoU), or the same tensor (MSE, PSNR). */
import type { Target } from '../data/source.ts';
import type { LabelMetric } from '../types.ts';
import { meanInterval } from './interval.ts';
import type { Answers } from './labels.ts';

/** What data sets write into masks where nothing is asked for. */
const ignored = 255;
/** Of a confusion matrix of so many classes squared. */
const maxClasses = 1024;

export class TensorMetrics {
  readonly #mask = new MaskMetrics();
  readonly #squares: number[] = [];
  #peak = 0;

  /** False where no output fits. */
  push(answers: Answers, targets: readonly Target[]): boolean {
    const tensors = targets.flatMap((t) => (t.kind === 'tensor' ? [t.tensor] : []));
    const [first] = tensors;
    if (first === undefined) return false;
    const isMask = /^u?int/.test(first.type) && first.dims.length === 2;
    const scores = Object.values(answers).find(
      (a) =>
        a.dims.length === 4 &&
        a.dims[0] === tensors.length &&
        (a.dims[1] ?? 0) > 1 &&
        (a.dims[1] ?? 0) <= maxClasses,
    );
    if (isMask && scores !== undefined) {
      const [, classes = 1, height = 1, width = 1] = scores.dims;
      const shape = { classes, height, width };
      tensors.forEach((mask, i) => this.#mask.push(scores.values, i, shape, mask));
      return true;
    }
    const size = first.data.length;
    const same = Object.values(answers).find((a) => a.values.length === size * tensors.length);
    if (same === undefined) return false;
    for (const [i, { data }] of tensors.entries()) {
      let sum = 0;
      for (let k = 0; k < size; k++) {
        const wanted = Number(data[k] ?? 0);
        this.#peak = Math.max(this.#peak, Math.abs(wanted));
        sum += ((same.values[i * size + k] ?? Number.NaN) - wanted) ** 2;
      }
      this.#squares.push(size === 0 ? 0 : sum / size);
    }
    return true;
  }

  result(): LabelMetric[] {
    const results = this.#mask.result();
    const n = this.#squares.length;
    if (n === 0) return results;
    const mse = this.#squares.reduce((a, b) => a + b, 0) / n;
    const interval = meanInterval(this.#squares);
    // images are in 0..1 or 0..255; of other tensors the largest value is the peak
    const peak = this.#peak <= 1 ? 1 : this.#peak <= 255 ? 255 : this.#peak;
    const decibels = (v: number) => (v === 0 ? Infinity : 10 * Math.log10(peak ** 2 / v));
    return [
      ...results,
      { name: 'MSE', value: mse, ...interval },
      {
        name: 'PSNR',
        value: decibels(mse),
        ...(interval === undefined ? {} : { low: decibels(interval.high), high: decibels(interval.low) }),
      },
    ];
  }
}

interface MaskShape {
  readonly classes: number;
  readonly height: number;
  readonly width: number;
}

/** Intersection over union of each class over all pixels, averaged over the classes that are there. */
class MaskMetrics {
  #both = new Float64Array(0);
  #asked = new Float64Array(0);
  #given = new Float64Array(0);

  /** `scores` [samples, classes, height, width]; the mask is read at the nearest pixel. */
  push(
    scores: ArrayLike<number>,
    sample: number,
    { classes, height, width }: MaskShape,
    mask: { readonly dims: readonly number[]; readonly data: ArrayLike<number | bigint> },
  ): void {
    if (this.#both.length < classes) {
      [this.#both, this.#asked, this.#given] = [this.#both, this.#asked, this.#given].map((old) => {
        const grown = new Float64Array(classes);
        grown.set(old);
        return grown;
      }) as [Float64Array<ArrayBuffer>, Float64Array<ArrayBuffer>, Float64Array<ArrayBuffer>];
    }
    const [maskHeight = 1, maskWidth = 1] = mask.dims;
    const plane = height * width;
    for (let y = 0; y < height; y++) {
      const fromY = Math.floor(((y + 0.5) * maskHeight) / height);
      for (let x = 0; x < width; x++) {
        const fromX = Math.floor(((x + 0.5) * maskWidth) / width);
        const wanted = Number(mask.data[fromY * maskWidth + fromX] ?? ignored);
        if (wanted === ignored || wanted >= classes) continue;
        const at = sample * classes * plane + y * width + x;
        let best = 0;
        for (let c = 1; c < classes; c++) {
          if ((scores[at + c * plane] ?? 0) > (scores[at + best * plane] ?? 0)) best = c;
        }
        add(this.#asked, wanted);
        add(this.#given, best);
        if (best === wanted) add(this.#both, best);
      }
    }
  }

  result(): LabelMetric[] {
    const ious = [...this.#both].flatMap((both, c) => {
      const union = (this.#asked[c] ?? 0) + (this.#given[c] ?? 0) - both;
      return union === 0 ? [] : [both / union];
    });
    if (ious.length === 0) return [];
    return [{ name: 'mean IoU', value: ious.reduce((a, b) => a + b, 0) / ious.length }];
  }
}

function add(counts: Float64Array, index: number): void {
  counts[index] = (counts[index] ?? 0) + 1;
}
