/**
 * Mean average precision at an overlap of 0.5: per class, the area under precision over recall with every point
 * (as PASCAL VOC 2010 and later), averaged over the classes that are asked for.
 */
import type { BoxOutputs } from '../data/spec.ts';
import type { Box } from '../data/source.ts';
import type { LabelMetric } from '../types.ts';
import { boxLayout, type BoxTarget } from './box-outputs.ts';
import { boxReading, iou, readDetections, type BoxReading, type Detection } from './box-reading.ts';
import type { Answers } from './labels.ts';

const minOverlap = 0.5;

interface Found extends Detection {
  readonly image: number;
}

export class BoxMetrics {
  readonly #given: BoxOutputs | undefined;
  readonly #found = new Map<number, Found[]>();
  /** By label, then by image. */
  readonly #wanted = new Map<number, Map<number, Box[]>>();
  #images = 0;
  #reading: BoxReading | undefined;

  /** What is left out is guessed from the first batch. */
  constructor(given?: BoxOutputs) {
    this.#given = given;
  }

  /** How the outputs were read; undefined before the first batch. */
  get reading(): BoxReading | undefined {
    return this.#reading;
  }

  /** False where no outputs look like boxes. */
  push(answers: Answers, targets: readonly BoxTarget[]): boolean {
    const layout = boxLayout(answers, targets, this.#reading ?? this.#given);
    if (layout === undefined) return false;
    this.#reading ??= boxReading(layout, targets, this.#given);
    for (const [i, target] of targets.entries()) {
      const image = this.#images++;
      for (const box of target.boxes) {
        const own = getOr(this.#wanted, box.label, () => new Map<number, Box[]>());
        getOr(own, image, () => []).push(box);
      }
      for (const detection of readDetections(layout, this.#reading, i, target)) {
        getOr(this.#found, detection.label, () => []).push({ ...detection, image });
      }
    }
    return true;
  }

  result(): LabelMetric[] {
    const classes = [...this.#wanted.keys()];
    if (classes.length === 0) return [];
    const precisions = classes.map((label) => this.#averagePrecision(label));
    return [{ name: 'mAP@0.5', value: precisions.reduce((a, b) => a + b, 0) / classes.length }];
  }

  #averagePrecision(label: number): number {
    const wanted = this.#wanted.get(label) ?? new Map<number, Box[]>();
    const total = [...wanted.values()].reduce((sum, boxes) => sum + boxes.length, 0);
    const found = [...(this.#found.get(label) ?? [])].sort((a, b) => b.score - a.score);
    const taken = new Set<Box>();
    let right = 0;
    // precision at each right answer; those after it may be better
    const precisions: number[] = [];
    for (const [i, detection] of found.entries()) {
      let best: Box | undefined;
      let overlap = minOverlap;
      for (const box of wanted.get(detection.image) ?? []) {
        const o = taken.has(box) ? 0 : iou(detection, box);
        if (o >= overlap) [best, overlap] = [box, o];
      }
      if (best === undefined) continue;
      taken.add(best);
      right++;
      precisions.push(right / (i + 1));
    }
    let area = 0;
    let highest = 0;
    for (const p of precisions.reverse()) {
      highest = Math.max(highest, p);
      area += highest / total;
    }
    return area;
  }
}

function getOr<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
