/** mAP of detectors, computed by hand, however their outputs hold the boxes. */
import assert from 'node:assert/strict';
import type { BoxOutputs } from '../../../src/runtime/index.ts';
import type { Box, Target } from '../../../src/runtime/data/source.ts';
import { readingText } from '../../../src/runtime/metrics/box-reading.ts';
import { BoxMetrics } from '../../../src/runtime/metrics/boxes.ts';
import type { Answers } from '../../../src/runtime/metrics/labels.ts';

const near = (actual: number | undefined, expected: number): void =>
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) < 1e-9, `${actual} is not ${expected}`);

type BoxTarget = Extract<Target, { kind: 'boxes' }>;

/** An image of 100 × 50 pixels with these boxes of 10 × 10, each at [left, top, label]. */
const image = (...boxes: readonly (readonly [number, number, number])[]): BoxTarget => ({
  kind: 'boxes',
  ...{ width: 100, height: 50, classIds: [3, 7] },
  boxes: boxes.map(([x, y, label]): Box => ({ x0: x, y0: y, x1: x + 10, y1: y + 10, label })),
});

/** What the model finds: corners, score, number of the class (0: label 3, 1: label 7). */
type Found = readonly [x0: number, y0: number, x1: number, y1: number, score: number, c: 0 | 1];

/**
 * Image 1 holds two of label 3 and one of label 7; image 2 one of label 3.
 * Label 3, by score: 0.9 right, 0.8 beside everything, 0.7 on the second (overlap 8/12), 0.6 on image 2 right.
 * Precision at the right ones: 1/1, 2/3, 3/4, so at least 1, 3/4, 3/4 from there on: AP (1 + 3/4 + 3/4) / 3 = 5/6.
 * Label 7: overlap of 5 by 10 in 150, a third, is not enough: AP 0. mAP 5/12.
 */
const targets = [image([0, 0, 3], [60, 30, 3], [30, 0, 7]), image([80, 20, 3])];
const found: readonly (readonly Found[])[] = [
  [
    [0, 0, 10, 10, 0.9, 0],
    [85, 5, 95, 15, 0.8, 0],
    [62, 30, 72, 40, 0.7, 0],
    [35, 0, 45, 10, 0.95, 1],
  ],
  [
    [80, 20, 90, 30, 0.6, 0],
    [1, 1, 2, 2, 0, 0],
    [1, 1, 2, 2, 0, 0],
    [1, 1, 2, 2, 0, 0],
  ],
];
const expected = 5 / 12;

const all = found.flat();
const corners = ([x0, y0, x1, y1]: Found) => [x0, y0, x1, y1];
const centred = ([x0, y0, x1, y1]: Found) => [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0];
const sized = ([x0, y0, x1, y1]: Found) => [x0, y0, x1 - x0, y1 - y0];
const shares = (box: readonly number[]) => box.map((v, i) => v / (i % 2 === 0 ? 100 : 50));
const scores = ([, , , , s, c]: Found) => [c === 0 ? s : 0, c === 1 ? s : 0];
const logit = (p: number) => Math.log(Math.max(p, 1e-6) / (1 - p));

/** [n, k, channels] → [n, channels, k] */
function channelsFirst(rows: readonly (readonly number[])[], channels: number): number[] {
  return [0, 1].flatMap((n) =>
    Array.from({ length: channels }, (_, c) => rows.slice(n * 4, n * 4 + 4).map((r) => r[c] ?? 0)).flat(),
  );
}

const inParts = (box: (f: Found) => readonly number[], names: readonly string[]): Answers => ({
  // labels as ids, in their own order
  [names[2] ?? '']: { dims: [2, 4], values: all.map((f) => (f[5] === 0 ? 3 : 7)), type: 'int64' },
  [names[1] ?? '']: { dims: [2, 4], values: all.map((f) => f[4]), type: 'float32' },
  [names[0] ?? '']: { dims: [2, 4, 4], values: all.flatMap(box), type: 'float32' },
});

const raw = (f: Found) => [...centred(f), ...scores(f)];
const v5 = (f: Found) => [...centred(f), 0.5, ...scores(f)];
const named = ['boxes', 'scores', 'labels'];
const nameless = ['785', '786', '787'];

/** [what, outputs, how they are read] */
const CASES: [string, Answers, string][] = [
  ['corners, by name', inParts(corners, named), 'boxes boxes, scores scores, labels labels (xyxy, pixels)'],
  ['corners, nameless', inParts(corners, nameless), 'boxes 785, scores 786, labels 787 (xyxy, pixels)'],
  ['centres', inParts(centred, named), 'boxes boxes, scores scores, labels labels (cxcywh, pixels)'],
  ['sizes', inParts(sized, nameless), 'boxes 785, scores 786, labels 787 (xywh, pixels)'],
  [
    'shares of the image',
    inParts((f) => shares(centred(f)), nameless),
    'boxes 785, scores 786, labels 787 (cxcywh, normalised)',
  ],
  [
    'scores of all classes',
    {
      conf: { dims: [2, 4, 2], values: all.flatMap(scores) },
      loc: { dims: [2, 4, 4], values: all.flatMap(corners) },
    },
    'boxes loc, scores conf (xyxy, pixels, NMS 0.7)',
  ],
  [
    'YOLO of v8, channels first',
    { output0: { dims: [2, 6, 4], values: channelsFirst(all.map(raw), 6) } },
    'detections output0 (cxcywh, pixels, NMS 0.7)',
  ],
  [
    'YOLO of v5, with objectness',
    { output0: { dims: [2, 4, 7], values: all.flatMap(v5) } },
    'detections output0 (cxcywh, pixels, objectness, NMS 0.7)',
  ],
  [
    'YOLO with logits',
    { x: { dims: [2, 4, 7], values: all.map(v5).flatMap((r) => r.map((v, i) => (i < 4 ? v : logit(v)))) } },
    'detections x (cxcywh, pixels, objectness, NMS 0.7)',
  ],
  [
    'rows of corners, score and label, as YOLO gives them without NMS',
    { output0: { dims: [2, 4, 6], values: all.flatMap((f) => [...corners(f), f[4], f[5]]) } },
    'detections output0 (xyxy, pixels)',
  ],
  [
    'rows of both images, each with its own',
    {
      output: {
        dims: [8, 7],
        values: all.flatMap((f, i) => [i < 4 ? 0 : 1, ...corners(f), f[5], f[4]]),
      },
    },
    'detections output (xyxy, pixels)',
  ],
];

/** Four boxes are fewer than the channels of a row: which is which, real models tell. */
const more = (answers: Answers): Answers => {
  const [[name, answer] = ['', undefined]] = Object.entries(answers);
  if (answer?.dims.length !== 3 || Object.keys(answers).length > 1) return answers;
  const [, a = 0, b = 0] = answer.dims;
  const isFirst = a === 6;
  const channels = isFirst ? a : b;
  const values = [0, 1].flatMap((n) =>
    Array.from({ length: isFirst ? channels : 20 }, (_, i) =>
      Array.from({ length: isFirst ? 20 : channels }, (_, j) => {
        const [k, c] = isFirst ? [j, i] : [i, j];
        const at = isFirst ? (n * channels + c) * 4 + k : (n * 4 + k) * channels + c;
        return k < 4 ? (answer.values[at] ?? 0) : name === 'x' && c > 3 ? -20 : 0;
      }),
    ).flat(),
  );
  return { [name]: { ...answer, dims: isFirst ? [2, channels, 20] : [2, 20, channels], values } };
};

describe('mAP', () => {
  for (const [what, answers, how] of CASES) {
    it(`is the same of ${what}`, () => {
      const m = new BoxMetrics();
      assert.equal(m.push(more(answers), targets), true);
      near(m.result()[0]?.value, expected);
      assert.equal(m.reading === undefined ? '' : readingText(m.reading), how);
    });
  }

  const corrected = (answers: Answers, given: BoxOutputs): number | undefined => {
    const m = new BoxMetrics(given);
    m.push(answers, targets);
    return m.result()[0]?.value;
  };

  it('is as the user says, where the guess is not right', () => {
    const { '785': boxes, '786': scores, '787': labels } = inParts(corners, nameless);
    assert.ok(boxes && scores && labels);
    // a second set of boxes, larger and of nothing, by a name that says boxes
    const misleading = {
      boxes: { dims: [2, 4, 4], values: boxes.values.length === 32 ? Array(32).fill(1) : [] },
    };
    const answers = { ...misleading, '785': boxes, '786': scores, '787': labels };
    near(corrected(answers, {}), 0);
    near(corrected(answers, { outputs: { boxes: '785' } }), expected);
    // only the box at 0, 0 is the same: one right of three of label 3
    near(corrected(answers, { outputs: { boxes: '785' }, format: 'xywh' }), 1 / 3 / 2);
  });

  it('of an output that is not there names those that are', () => {
    const answers = inParts(corners, named);
    assert.throws(
      () => corrected(answers, { outputs: { scores: 'x' } }),
      /no output "x" for scores; it has "labels", "scores", "boxes"/,
    );
  });

  it('drops boxes that overlap where the model does not', () => {
    // the same box twice: right at 1 of 1; the second is wrong, and comes before the one on image 2
    const twice: Found[] = [
      [0, 0, 10, 10, 0.9, 0],
      [0.5, 0, 10.5, 10, 0.8, 0],
      [60, 30, 70, 40, 0.7, 0],
    ];
    const boxes = { dims: [1, 3, 4], values: twice.flatMap(corners) };
    const scored = { dims: [1, 3, 2], values: twice.flatMap(scores) };
    const of = (nms: number | false | undefined): number | undefined => {
      const m = new BoxMetrics({ nms });
      m.push({ boxes, scores: scored }, [image([0, 0, 3], [60, 30, 3])]);
      return m.result()[0]?.value;
    };
    near(of(undefined), 1);
    // right at 1 of 1 and 2 of 3
    near(of(false), (1 + 2 / 3) / 2);
    // their overlap is 95 / 105
    near(of(0.95), (1 + 2 / 3) / 2);
    near(of(0.9), 1);
  });

  it('takes each wanted box once, over all batches', () => {
    const m = new BoxMetrics();
    const one = (score: number): Answers => ({
      boxes: { dims: [1, 1, 4], values: [0, 0, 10, 10] },
      scores: { dims: [1, 1], values: [score] },
      labels: { dims: [1, 1], values: [3] },
    });
    m.push(one(0.5), [image([0, 0, 3])]);
    m.push(one(0.9), [image([50, 0, 3])]);
    // the surest is wrong: right at 2 of 2, of two wanted
    near(m.result()[0]?.value, (1 / 2 + 0) / 2);
  });

  it('of what is no detector is none', () => {
    const m = new BoxMetrics();
    assert.equal(m.push({ logits: { dims: [2, 10], values: Array(20).fill(0) } }, targets), false);
    assert.deepEqual(m.result(), []);
    assert.equal(m.reading, undefined);
  });
});
