/**
 * Mean average precision at an overlap of 0.5: per class, the area under precision over recall with every point
 * (as PASCAL VOC 2010 and later), averaged over the classes that are asked for.
 */
import type { Box, Target } from '../data/source.ts';
import type { LabelMetric } from '../types.ts';
import type { Answer, Answers } from './labels.ts';

const minOverlap = 0.5;

interface Detection extends Box {
  readonly score: number;
  readonly image: number;
}

export class BoxMetrics {
  readonly #detections: Detection[] = [];
  readonly #wanted: { readonly image: number; readonly box: Box }[] = [];
  #images = 0;

  /** Outputs `boxes` [n, k, 4] (x0, y0, x1, y1), `scores` [n, k] and `labels` [n, k]; without n for one image. False where they are not there. */
  push(answers: Answers, targets: readonly Target[]): boolean {
    const boxes = named(answers, /box/i, (dims) => dims.at(-1) === 4);
    const scores = named(answers, /score|conf/i, (dims) => dims.length <= 2);
    const labels = named(answers, /label|class/i, (dims) => dims.length <= 2);
    if (boxes === undefined || scores === undefined || labels === undefined) return false;
    const perImage = Math.floor(scores.values.length / targets.length);
    targets.forEach((target, i) => {
      const image = this.#images++;
      if (target.kind === 'boxes') {
        for (const box of target.boxes) this.#wanted.push({ image, box });
      }
      for (let k = i * perImage; k < (i + 1) * perImage; k++) {
        const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = [0, 1, 2, 3].map((c) => boxes.values[k * 4 + c]);
        const [score = 0, label = 0] = [scores.values[k], labels.values[k]];
        this.#detections.push({ image, score, label, x0, y0, x1, y1 });
      }
    });
    return true;
  }

  result(): LabelMetric[] {
    const classes = new Set(this.#wanted.map((w) => w.box.label));
    if (classes.size === 0) return [];
    const precisions = [...classes].map((label) => this.#averagePrecision(label));
    return [{ name: 'mAP@0.5', value: precisions.reduce((a, b) => a + b, 0) / classes.size }];
  }

  #averagePrecision(label: number): number {
    const wanted = this.#wanted.filter((w) => w.box.label === label);
    const found = this.#detections.filter((d) => d.label === label).sort((a, b) => b.score - a.score);
    const taken = new Set<number>();
    let right = 0;
    // precision at each right answer; those after it may be better
    const precisions: number[] = [];
    for (const [i, detection] of found.entries()) {
      let best = -1;
      let overlap = minOverlap;
      for (const [k, { image, box }] of wanted.entries()) {
        const o = image === detection.image && !taken.has(k) ? iou(detection, box) : 0;
        if (o >= overlap) [best, overlap] = [k, o];
      }
      if (best < 0) continue;
      taken.add(best);
      right++;
      precisions.push(right / (i + 1));
    }
    let area = 0;
    let highest = 0;
    for (const p of precisions.reverse()) {
      highest = Math.max(highest, p);
      area += highest / wanted.length;
    }
    return area;
  }
}

function named(
  answers: Answers,
  name: RegExp,
  fits: (dims: readonly number[]) => boolean,
): Answer | undefined {
  return Object.entries(answers).find(([n, a]) => name.test(n) && fits(a.dims))?.[1];
}

function iou(a: Box, b: Box): number {
  const width = Math.max(0, Math.min(a.x1, b.x1) - Math.max(a.x0, b.x0));
  const height = Math.max(0, Math.min(a.y1, b.y1) - Math.max(a.y0, b.y0));
  const both = width * height;
  const area = (box: Box) => (box.x1 - box.x0) * (box.y1 - box.y0);
  const union = area(a) + area(b) - both;
  return union > 0 ? both / union : 0;
}
