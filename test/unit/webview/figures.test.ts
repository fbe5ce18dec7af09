import assert from 'node:assert/strict';
import type { CheckView, TotalsView } from '../../../src/protocol.ts';
import { parseBudget } from '../../../webview/lib/budgets.ts';
import { peakOf } from '../../../webview/lib/causes.ts';
import { bytesOf, countOf, signedPercent } from '../../../webview/lib/quantity.ts';
import { verdictOf, type Verdict } from '../../../webview/lib/verdict.ts';
import { waterfall } from '../../../webview/lib/waterfall.ts';

describe('webview: figures', () => {
  it('splits number and unit', () => {
    assert.deepEqual(bytesOf(1536), { number: '1.50', unit: 'KiB' });
    assert.deepEqual(bytesOf(0), { number: '0', unit: 'B' });
    assert.deepEqual(countOf(157_306), { number: '157', unit: 'K' });
    assert.deepEqual(countOf(12), { number: '12', unit: '' });
  });

  const percents: readonly [before: number, after: number, text: string][] = [
    [400, 100, '−75 %'],
    [400, 396, '−1.0 %'],
    [400, 900, '+125 %'],
    [400, 400, '±0 %'],
    [0, 0, '±0 %'],
    [0, 5, '+∞ %'],
  ];
  for (const [before, after, text] of percents) {
    it(`${before} → ${after} is ${text}`, () => assert.equal(signedPercent(before, after), text));
  }

  const budgets: readonly [text: string, bytes: number | undefined][] = [
    ['8', 8 * 2 ** 30],
    ['7.5 GB', 7.5 * 2 ** 30],
    ['7,5gb', 7.5 * 2 ** 30],
    ['512 MiB', 512 * 2 ** 20],
    ['1 t', 2 ** 40],
    ['0', undefined],
    ['-3', undefined],
    ['eight', undefined],
    ['', undefined],
    ['8 GB or so', undefined],
  ];
  for (const [text, bytes] of budgets) {
    it(`the budget '${text}' is ${bytes}`, () => assert.equal(parseBudget(text), bytes));
  }
});

describe('webview: peakOf', () => {
  const totals: TotalsView = {
    parameterCount: 1,
    parameterBytes: 4,
    deviceWeightsBytes: 10,
    peakActivationBytes: 20,
    workspaceBytes: 3,
    overheadBytes: 1,
    totalPeakBytes: 34,
    notes: [],
    atLeast: false,
  };
  it('is the total', () => assert.deepEqual(peakOf(totals), { bytes: 34, isAtLeast: false }));
  it('is at least the total where a term is unknown', () => {
    assert.deepEqual(peakOf({ ...totals, atLeast: true }), { bytes: 34, isAtLeast: true });
  });
  it('is at least the known terms where the total is unknown', () => {
    // 10 + 20 + 1
    assert.deepEqual(peakOf({ ...totals, totalPeakBytes: undefined, workspaceBytes: undefined }), {
      bytes: 31,
      isAtLeast: true,
    });
  });
});

describe('webview: waterfall', () => {
  const others = (n: number): string => `${n} more`;
  it('goes from before to after, the largest change first', () => {
    const steps = waterfall(
      100,
      [
        { label: 'b', delta: -10 },
        { label: 'a', delta: -60 },
        { label: 'same', delta: 0 },
        { label: 'c', delta: 20 },
      ],
      5,
      others,
    );
    // 100 → 40 → 60 → 50
    assert.deepEqual(
      steps.map((s) => [s.label, s.from, s.to]),
      [
        ['a', 100, 40],
        ['c', 40, 60],
        ['b', 60, 50],
      ],
    );
  });
  it('gathers what is beyond the limit', () => {
    const deltas = [-8, -4, -2, -1].map((delta) => ({ label: String(delta), delta }));
    assert.deepEqual(waterfall(20, deltas, 2, others).at(-1), { label: '2 more', delta: -3, from: 8, to: 5 });
  });
});

describe('webview: verdictOf', () => {
  type Batch = CheckView['batches'][number];
  const output = { output: 'y', cosine: 0.9995, sqnrDb: 30, maxAbsError: 0.1, top1Agreement: undefined };
  const run = (accuracy: number | undefined) => ({
    latencyP50Ms: 1,
    latencyP95Ms: 1,
    peakBytes: undefined,
    peakSource: '',
    predictedBytes: undefined,
    accuracy,
    placement: {},
  });
  const view = (...batches: readonly Partial<Batch>[]): CheckView => ({
    id: '1',
    at: 0,
    title: '',
    ep: 'cpu',
    device: '',
    data: '',
    hasLabels: false,
    warnings: [],
    batches: batches.map((b) => ({ batchSize: 1, samples: 1, outputs: [output], ...b })),
  });
  const withAccuracy = (before: number, after: number) => ({ original: run(before), compressed: run(after) });
  const cases: readonly [title: string, view: CheckView, expected: Partial<Verdict>][] = [
    ['a loss of 0.1 points', view(withAccuracy(0.934, 0.933)), { by: 'accuracy', grade: 'good' }],
    ['a gain', view(withAccuracy(0.9, 0.91)), { by: 'accuracy', grade: 'good' }],
    ['a loss of 1 point', view(withAccuracy(0.93, 0.92)), { by: 'accuracy', grade: 'fair' }],
    [
      'the worst of several batches',
      view(withAccuracy(0.93, 0.93), withAccuracy(0.93, 0.88)),
      { by: 'accuracy', grade: 'bad', after: 0.88 },
    ],
    [
      'agreement where there are no labels',
      view({ outputs: [{ ...output, top1Agreement: 0.97 }] }),
      { by: 'agreement', grade: 'fair', agreement: 0.97 },
    ],
    ['cosine where there are no classes', view({}), { by: 'cosine', grade: 'good', cosine: 0.9995 }],
    [
      'nothing to tell by',
      view({ outputs: [{ ...output, cosine: undefined }] }),
      { by: 'nothing', grade: 'unknown' },
    ],
    ['every batch failed', view({ error: 'out of memory', outputs: [] }), { by: 'nothing', grade: 'bad' }],
    [
      'a failed batch beside a good one',
      view({ error: 'out of memory', outputs: [] }, withAccuracy(0.9, 0.9)),
      { by: 'accuracy', grade: 'good' },
    ],
  ];
  for (const [title, given, expected] of cases) {
    it(title, () => {
      const verdict: Readonly<Record<string, unknown>> = { ...verdictOf(given) };
      for (const [key, value] of Object.entries(expected)) assert.equal(verdict[key], value, key);
    });
  }
});
