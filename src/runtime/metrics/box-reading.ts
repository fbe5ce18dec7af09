/** Boxes as a detector's outputs hold them, made into corners in pixels, and those that overlap dropped. */
import type { BoxFormat, BoxOutputs } from '../data/spec.ts';
import type { Box } from '../data/source.ts';
import type { BoxLayout, BoxTarget } from './box-outputs.ts';

export interface Detection extends Box {
  readonly score: number;
}

/** Everything that {@link BoxOutputs} may say, said. */
export type BoxReading = Pick<BoxOutputs, 'hasObjectness'> & {
  readonly [K in Exclude<keyof BoxOutputs, 'hasObjectness'>]-?: Exclude<BoxOutputs[K], undefined>;
};

/** As detectors are usually scored: less sure ones are left out, and so many are kept of an image. */
const minScore = 1e-3;
const maxBeforeNms = 3000;
const maxDetections = 300;
const usualNms = 0.7;

/** `given`, and what the first batch tells of the rest. */
export function boxReading(
  layout: BoxLayout,
  targets: readonly BoxTarget[],
  given: BoxOutputs = {},
): BoxReading {
  const found = targets.map((_, image) => candidates(layout, image, maxDetections));
  const classes = given.classes ?? classNumbers(layout, targets, found.flat());
  const scale = given.scale ?? scaleOf(found.flat());
  return {
    outputs: layout.outputs,
    hasObjectness: layout.hasObjectness,
    ...{ classes, scale, nms: given.nms ?? (layout.isRaw && usualNms) },
    format: given.format ?? formatOf(found, targets, scale, layout.isRaw),
  };
}

/** Of one image, the surest first. */
export function readDetections(
  layout: BoxLayout,
  reading: BoxReading,
  image: number,
  target: BoxTarget,
): Detection[] {
  const { format, scale, classes, nms } = reading;
  const found = candidates(layout, image, maxBeforeNms).map((c): Detection => {
    const label = classes === 'order' ? (target.classIds[c.label] ?? Number.NaN) : c.label;
    return { ...corners(c.box, format, scale, target), score: c.score, label };
  });
  return (nms === false ? found : withoutOverlaps(found, nms)).slice(0, maxDetections);
}

interface Candidate {
  readonly box: readonly [number, number, number, number];
  readonly score: number;
  readonly label: number;
}

/** The surest `limit`, the surest first. */
function candidates(layout: BoxLayout, image: number, limit: number): Candidate[] {
  const found: { k: number; score: number; label: number }[] = [];
  for (let k = 0; k < layout.count; k++) {
    if (layout.classes === undefined) {
      found.push({ k, score: layout.score(image, k, 0), label: layout.label(image, k) });
      continue;
    }
    for (let label = 0; label < layout.classes; label++) {
      found.push({ k, score: layout.score(image, k, label), label });
    }
  }
  return found
    .filter((f) => f.score > minScore)
    .sort((a, b) => b.score - a.score)
    .slice(0, limit)
    .map(({ k, score, label }) => {
      const at = (c: number) => layout.boxes(image, k, c);
      return { score, label, box: [at(0), at(1), at(2), at(3)] };
    });
}

/** As many classes as there are labels count them; else a number is an id, unless it is 0 and no id is. */
function classNumbers(
  { classes }: BoxLayout,
  targets: readonly BoxTarget[],
  found: readonly Candidate[],
): BoxReading['classes'] {
  const ids = targets[0]?.classIds ?? [];
  if (classes !== undefined) return classes === ids.length ? 'order' : 'ids';
  return found.some((f) => f.label === 0) && !ids.includes(0) ? 'order' : 'ids';
}

/** Shares of the image may pass 1 by a little. */
const largestShare = 2;

function scaleOf(found: readonly Candidate[]): BoxReading['scale'] {
  return found.length > 0 && found.every((f) => f.box.every((v) => Math.abs(v) <= largestShare))
    ? 'normalised'
    : 'pixels';
}

const formats: readonly BoxFormat[] = ['xyxy', 'cxcywh', 'xywh'];

/** The format in which most of what is wanted is met, and of equals the one in which most boxes lie in the image. */
function formatOf(
  found: readonly (readonly Candidate[])[],
  targets: readonly BoxTarget[],
  scale: BoxReading['scale'],
  isRaw: boolean,
): BoxFormat {
  const usual = isRaw ? 'cxcywh' : 'xyxy';
  const marks = formats.map((format) => {
    let [met, inside, all] = [0, 0, 0];
    for (const [image, target] of targets.entries()) {
      const boxes = (found[image] ?? []).map((f) => corners(f.box, format, scale, target));
      all += boxes.length;
      inside += boxes.filter((b) => isInside(b, target)).length;
      for (const wanted of target.boxes) met += Math.max(0, ...boxes.map((b) => iou(b, wanted)));
    }
    const bias = format === usual ? 1e-6 : 0;
    // overlaps tell more than places, which may be right by chance
    return { format, mark: met * 100 + (all === 0 ? 0 : inside / all) + bias };
  });
  return marks.reduce((a, b) => (b.mark > a.mark ? b : a)).format;
}

/** A tenth of the image beyond its edge is still there. */
const margin = 0.1;

function isInside({ x0, y0, x1, y1 }: Corners, { width, height }: BoxTarget): boolean {
  const [dx, dy] = [width * margin, height * margin];
  return x1 > x0 && y1 > y0 && x0 >= -dx && y0 >= -dy && x1 <= width + dx && y1 <= height + dy;
}

type Corners = Omit<Box, 'label'>;

function corners(
  [a, b, c, d]: Candidate['box'],
  format: BoxFormat,
  scale: BoxReading['scale'],
  { width, height }: BoxTarget,
): Corners {
  const [sx, sy] = scale === 'normalised' ? [width, height] : [1, 1];
  const box = {
    xyxy: [a, b, c, d],
    xywh: [a, b, a + c, b + d],
    cxcywh: [a - c / 2, b - d / 2, a + c / 2, b + d / 2],
  }[format] as [number, number, number, number];
  return { x0: box[0] * sx, y0: box[1] * sy, x1: box[2] * sx, y1: box[3] * sy };
}

/** Greedy, of each class by itself; `found` the surest first. */
function withoutOverlaps(found: readonly Detection[], most: number): Detection[] {
  const kept: Detection[] = [];
  const byLabel = new Map<number, Detection[]>();
  for (const detection of found) {
    if (kept.length === maxDetections) break;
    const own = byLabel.get(detection.label) ?? [];
    if (own.some((k) => iou(k, detection) > most)) continue;
    byLabel.set(detection.label, [...own, detection]);
    kept.push(detection);
  }
  return kept;
}

export function iou(a: Corners, b: Corners): number {
  const width = Math.max(0, Math.min(a.x1, b.x1) - Math.max(a.x0, b.x0));
  const height = Math.max(0, Math.min(a.y1, b.y1) - Math.max(a.y0, b.y0));
  const both = width * height;
  const area = (box: Corners) => (box.x1 - box.x0) * (box.y1 - box.y0);
  const union = area(a) + area(b) - both;
  return union > 0 ? both / union : 0;
}

/** e.g. `detections output0 (cxcywh, pixels, NMS 0.7)` */
export function readingText({ outputs, format, scale, nms, hasObjectness }: BoxReading): string {
  const names = Object.entries(outputs).map(([role, name]) => `${role} ${name}`);
  const how = [
    ...[format, scale],
    ...(hasObjectness === true ? ['objectness'] : []),
    ...(nms === false ? [] : [`NMS ${nms}`]),
  ];
  return `${names.join(', ')} (${how.join(', ')})`;
}
