/**
 * Which outputs of a detector hold what, and how boxes are written in them: as the user says, the rest by names, shapes,
 * types and values of the first batch.
 */
import { RunnerError } from '../failure.ts';
import type { BoxOutputs, BoxRole } from '../data/spec.ts';
import type { Target } from '../data/source.ts';
import type { Answer, Answers } from './labels.ts';

export type BoxTarget = Extract<Target, { kind: 'boxes' }>;

/** Where the numbers of box k of image i lie, and what its scores mean. */
export interface BoxLayout {
  /** Boxes of one image. */
  readonly count: number;
  readonly boxes: (image: number, k: number, coordinate: number) => number;
  /** Scores of all classes; undefined where each box has one score and one label. */
  readonly classes: number | undefined;
  readonly score: (image: number, k: number, c: number) => number;
  readonly label: (image: number, k: number) => number;
  /** Which outputs were taken, for people and for the next run. */
  readonly outputs: Readonly<Partial<Record<BoxRole, string>>>;
  readonly hasObjectness?: boolean | undefined;
  /** Written as YOLO does, before boxes that overlap are dropped. */
  readonly isRaw: boolean;
}

interface Named extends Answer {
  readonly name: string;
}

/**
 * Undefined where no outputs look like boxes.
 * @throws RunnerError 'data' where an output that was named is not there
 */
export function boxLayout(
  answers: Answers,
  targets: readonly BoxTarget[],
  given: BoxOutputs = {},
): BoxLayout | undefined {
  const all: readonly Named[] = Object.entries(answers).map(([name, a]) => ({ name, ...a }));
  const named = (role: BoxRole): Named | undefined => {
    const name = given.outputs?.[role];
    const found = all.find((a) => a.name === name);
    if (name === undefined || found !== undefined) return found;
    const there = all.map((a) => `"${a.name}"`).join(', ');
    throw new RunnerError('data', `The model has no output "${name}" for ${role}; it has ${there}.`);
  };
  const images = targets.length;
  const detections = named('detections');
  if (detections !== undefined) return inOne(detections, targets, given);
  const boxes = named('boxes') ?? best(all, /box|rect/i, (a) => isBoxes(a, images));
  if (boxes !== undefined) {
    const others = all.filter((a) => a !== boxes);
    const layout = inParts(boxes, others, images, named('scores'), named('labels'));
    if (layout !== undefined) return layout;
  }
  const one = best(all, /det|pred|output/i, (a) => isInOne(a, images));
  return one === undefined ? undefined : inOne(one, targets, given);
}

/** The one with a telling name, else the largest. */
function best(all: readonly Named[], name: RegExp, fits: (a: Named) => boolean): Named | undefined {
  const found = all.filter(fits).sort((a, b) => b.values.length - a.values.length);
  return found.find((a) => name.test(a.name)) ?? found[0];
}

function isBoxes({ dims }: Answer, images: number): boolean {
  return (
    dims.at(-1) === 4 && ((dims.length === 3 && dims[0] === images) || (dims.length === 2 && images === 1))
  );
}

function isInOne({ dims }: Answer, images: number): boolean {
  const [first = 0, second = 0] = dims.slice(-2);
  if (dims.length === 2) return second === 7 || (second === 6 && images === 1);
  return dims.length === 3 && dims[0] === images && Math.min(first, second) >= 5;
}

function inParts(
  boxes: Named,
  others: readonly Named[],
  images: number,
  givenScores: Named | undefined,
  givenLabels: Named | undefined,
): BoxLayout | undefined {
  const count = boxes.values.length / 4 / images;
  const each = others.filter((a) => a.values.length === images * count);
  const labels = givenLabels ?? labelsAmong(each.filter((a) => a !== givenScores));
  const single = givenScores ?? best(each, /score|conf|prob/i, (a) => a !== labels);
  const scores =
    single ?? best(others, /score|conf|prob|class|logit/i, (a) => isClassScores(a, images, count));
  if (scores === undefined) return undefined;
  const at = (image: number, k: number) => image * count + k;
  const common = {
    count,
    boxes: (image: number, k: number, c: number) => boxes.values[at(image, k) * 4 + c] ?? Number.NaN,
  };
  const classes = scores.values.length / images / count;
  if (classes > 1) {
    // [n, classes, k] where the boxes come last
    const isLast = scores.dims.at(-1) === count && scores.dims.at(-2) === classes && classes !== count;
    return {
      ...common,
      classes,
      score: (image, k, c) =>
        scores.values[isLast ? (image * classes + c) * count + k : at(image, k) * classes + c] ?? Number.NaN,
      label: () => 0,
      outputs: { boxes: boxes.name, scores: scores.name },
      isRaw: true,
    };
  }
  return {
    ...common,
    classes: undefined,
    score: (image, k) => scores.values[at(image, k)] ?? Number.NaN,
    // a detector of one kind of thing needs no labels
    label: (image, k) => labels?.values[at(image, k)] ?? 0,
    outputs: {
      ...{ boxes: boxes.name, scores: scores.name },
      ...(labels === undefined ? {} : { labels: labels.name }),
    },
    isRaw: false,
  };
}

function isClassScores({ dims, values }: Answer, images: number, count: number): boolean {
  const [first = 0, second = 0] = dims.slice(-2);
  return dims.length >= 2 && values.length > images * count && (first === count || second === count);
}

/** By name, by type, or since all of them are whole numbers. */
function labelsAmong(each: readonly Named[]): Named | undefined {
  const isInteger = (a: Named) => a.type !== undefined && /^u?int/.test(a.type);
  return (
    each.find((a) => /label|class|categ/i.test(a.name)) ??
    each.find(isInteger) ??
    each.find((a) => everyOf(a.values, (v) => Number.isInteger(v)))
  );
}

/** Everything in one tensor. */
function inOne(found: Named, targets: readonly BoxTarget[], given: BoxOutputs): BoxLayout {
  const { dims, values, name } = found;
  const outputs = { detections: name };
  const [first = 0, second = 0] = dims.slice(-2);
  if (dims.length === 2 && second === 7) return tagged(found, first, targets.length);
  if (second === 6 && given.hasObjectness === undefined && areRows(values)) {
    const at = (image: number, k: number, c: number) => values[(image * first + k) * 6 + c] ?? Number.NaN;
    return {
      ...{ count: first, boxes: at, classes: undefined, outputs, isRaw: false },
      score: (image, k) => at(image, k, 4),
      label: (image, k) => at(image, k, 5),
    };
  }
  const isFirst = first < second;
  const [channels, count] = isFirst ? [first, second] : [second, first];
  const at = (image: number, k: number, c: number) =>
    values[isFirst ? (image * channels + c) * count + k : (image * count + k) * channels + c] ?? Number.NaN;
  const known = targets[0]?.classIds.length ?? 0;
  // YOLO has an objectness up to v7, where boxes come first; where the number of classes tells, that counts
  const hasObjectness =
    given.hasObjectness ?? (known === channels - 4 ? false : known === channels - 5 ? true : !isFirst);
  const from = hasObjectness ? 5 : 4;
  // what comes after the classes are coefficients of masks
  const classes = known > 0 && known < channels - from - 1 ? known : channels - from;
  const isLogit = !isProbability(values, (i) => {
    const c = isFirst ? Math.floor(i / count) % channels : i % channels;
    return c >= 4 && c < from + classes;
  });
  const score = (image: number, k: number, c: number) => probability(at(image, k, c), isLogit);
  return {
    ...{ count, boxes: at, classes, outputs, hasObjectness, isRaw: true },
    score: (image, k, c) => score(image, k, from + c) * (hasObjectness ? score(image, k, 4) : 1),
    label: () => 0,
  };
}

/** [k, 7]: image, corners, label, score. */
function tagged({ values, name }: Named, rows: number, images: number): BoxLayout {
  const of = Array.from({ length: images }, (): number[] => []);
  for (let row = 0; row < rows; row++) of[values[row * 7] ?? -1]?.push(row);
  const at = (image: number, k: number, c: number) =>
    values[(of[image]?.[k] ?? Number.NaN) * 7 + c] ?? Number.NaN;
  return {
    count: Math.max(0, ...of.map((own) => own.length)),
    boxes: (image, k, c) => at(image, k, 1 + c),
    classes: undefined,
    score: (image, k) => at(image, k, 6),
    label: (image, k) => at(image, k, 5),
    outputs: { detections: name },
    isRaw: false,
  };
}

/** [..., 6] of corners, score and label, not of two classes. */
function areRows(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i += 6) {
    const [score = Number.NaN, label = Number.NaN] = [values[i + 4], values[i + 5]];
    if (!(score >= 0 && score <= 1) || !Number.isInteger(label)) return false;
  }
  return true;
}

function probability(value: number, isLogit: boolean): number {
  return isLogit ? 1 / (1 + Math.exp(-value)) : value;
}

/** Half precision may pass 1 by a little. */
const roundingOfHalf = 1e-2;

function isProbability(values: ArrayLike<number>, isMeant: (index: number) => boolean): boolean {
  return everyOf(values, (v, i) => !isMeant(i) || (v >= 0 && v <= 1 + roundingOfHalf));
}

function everyOf(values: ArrayLike<number>, holds: (value: number, index: number) => boolean): boolean {
  for (let i = 0; i < values.length; i++) if (!holds(values[i] ?? Number.NaN, i)) return false;
  return true;
}
