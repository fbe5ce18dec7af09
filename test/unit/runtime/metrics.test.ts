/** The arithmetic of the comparison, against sums made by hand. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Target } from '../../../src/runtime/data/source.ts';
import { meanInterval, wilson } from '../../../src/runtime/metrics/interval.ts';
import { isClassScores, LabelMetrics } from '../../../src/runtime/metrics/labels.ts';
import { OutputMetrics, quantile } from '../../../src/runtime/metrics/outputs.ts';
import type { OutputComparison } from '../../../src/runtime/types.ts';

function compare(dims: number[], a: number[], b: number[]): OutputComparison {
  const m = new OutputMetrics('y');
  m.begin(dims);
  m.push(a, b);
  return m.result();
}

const near = (found: number | undefined, expected: number, tolerance = 1e-9) => {
  assert.ok(found !== undefined && Math.abs(found - expected) < tolerance, `${found} is not ${expected}`);
};

describe('an output compared with the original', () => {
  it('has cosine, SQNR, errors and agreement', () => {
    // samples [1, 2, 3] and [4, 5, 6] against [1, 2, 3] and [4, 5, 7]
    const r = compare([2, 3], [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 7]);
    // second sample: (16 + 25 + 42) / sqrt(77 · 90)
    near(r.cosine, (1 + 83 / Math.sqrt(77 * 90)) / 2);
    near(r.sqnrDb, 10 * Math.log10(91 / 1));
    assert.equal(r.maxAbsError, 1);
    near(r.meanAbsError, 1 / 6);
    assert.equal(r.top1Agreement, 1);
  });

  it('that is the same has no noise', () => {
    assert.deepEqual(compare([1, 3], [1, 2, 3], [1, 2, 3]), {
      output: 'y',
      cosine: 1,
      sqnrDb: Infinity,
      maxAbsError: 0,
      meanAbsError: 0,
      top1Agreement: 1,
      top5Agreement: undefined,
      klDivergence: 0,
    });
  });

  it('of scores has the divergence of their probabilities, and whether the best is among the five best', () => {
    // probabilities 1/2, 1/2 against 1/4, 3/4: ½·ln 2 + ½·ln(2/3)
    const two = compare([1, 2], [0.5, 0.5], [0.25, 0.75]);
    near(two.klDivergence, 0.5 * Math.log(2) + 0.5 * Math.log(2 / 3));
    assert.equal(two.top5Agreement, undefined);
    const six = compare([2, 6], [9, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 9], [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
    assert.equal(six.top5Agreement, 0.5);
    // a map's last axis is no class
    assert.equal(compare([1, 1, 1, 2], [1, 2], [1, 2]).klDivergence, undefined);
  });

  it('agrees where the first largest is at the same place, row by row', () => {
    // rows: 1 against 1; 0 against 2; a tie counts its first, 0 against 0
    const r = compare([3, 3], [0, 5, 1, 9, 0, 0, 4, 4, 0], [1, 2, 1, 0, 0, 9, 4, 3, 4]);
    near(r.top1Agreement, 2 / 3);
  });

  it('of rank 3 agrees over its last axis', () => {
    // [1, 2, 2]: one sample, two rows
    near(compare([1, 2, 2], [1, 2, 3, 4], [1, 2, 4, 3]).top1Agreement, 1 / 2);
  });

  for (const dims of [[4], [4, 1], []]) {
    it(`of shape [${dims.join(', ')}] has no classes to agree on`, () => {
      const n = dims.length === 0 ? 1 : 4;
      assert.equal(
        compare(dims, Array<number>(n).fill(1), Array<number>(n).fill(2)).top1Agreement,
        undefined,
      );
    });
  }

  it('of zeros on both sides is alike, on one side alone without an angle', () => {
    assert.equal(compare([1, 2], [0, 0], [0, 0]).cosine, 1);
    const r = compare([1, 2], [0, 0], [1, 0]);
    assert.equal(r.cosine, undefined);
    assert.equal(r.sqnrDb, -Infinity);
  });

  it('that is NaN or infinite on one side only is infinitely wrong, on both sides the same', () => {
    for (const broken of [NaN, Infinity, -Infinity]) {
      const r = compare([1, 2], [1, 2], [1, broken]);
      assert.deepEqual([r.cosine, r.sqnrDb, r.maxAbsError], [undefined, -Infinity, Infinity]);
      assert.equal(compare([1, 2], [1, broken], [1, broken]).maxAbsError, 0);
    }
  });

  it('without a sample has nothing to say', () => {
    const r = compare([0, 3], [], []);
    assert.deepEqual([r.cosine, r.top1Agreement, r.meanAbsError], [undefined, undefined, 0]);
  });

  it('is the same however it is cut', () => {
    const values = fc.array(fc.float({ noNaN: true, min: -100, max: 100 }), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(values, values, fc.integer({ min: 1, max: 11 }), (a, b, cut) => {
        const m = new OutputMetrics('y');
        m.begin([4, 3]);
        m.push(a.slice(0, cut), b.slice(0, cut));
        m.push(a.slice(cut), b.slice(cut));
        assert.deepEqual(m.result(), compare([4, 3], a, b));
      }),
    );
  });

  it('of several batches is that of all samples', () => {
    const m = new OutputMetrics('y');
    m.begin([2, 2]);
    m.push([1, 2, 3, 4], [1, 2, 4, 3]);
    m.begin([1, 2]);
    m.push([5, 6], [5, 7]);
    assert.deepEqual(m.result(), compare([3, 2], [1, 2, 3, 4, 5, 6], [1, 2, 4, 3, 5, 7]));
  });
});

describe('accuracy against labels', () => {
  const classes = (...labels: number[]): Target[] => labels.map((value) => ({ kind: 'class', value }));
  const figures = (m: LabelMetrics) => Object.fromEntries(m.result().map((r) => [r.name, r.value]));

  it('is the share of samples whose largest score is the label, and the entropy of its probability', () => {
    const m = new LabelMetrics();
    assert.deepEqual(m.result(), []);
    m.push({ scores: { dims: [2, 2], values: [0.1, 0.9, 0.8, 0.2] } }, classes(1, 1));
    m.push({ scores: { dims: [1, 2], values: [0.3, 0.7] } }, classes(1));
    const found = figures(m);
    near(found['top-1'], 2 / 3);
    near(found['cross-entropy'], -(Math.log(0.9) + Math.log(0.2) + Math.log(0.7)) / 3);
    assert.equal(found['top-5'], undefined);
  });

  it('takes scores that are no probabilities through a softmax, and looks at the five best of many', () => {
    const m = new LabelMetrics();
    // exp(0) of exp(0) + 6·exp(−1)… the label is the seventh, then the fifth
    m.push({ a: { dims: [2, 7], values: [6, 5, 4, 3, 2, 1, 0, 6, 5, 4, 3, 2, 1, 0] } }, classes(6, 4));
    const found = figures(m);
    assert.deepEqual([found['top-1'], found['top-5']], [0, 0.5]);
    const total = [0, 1, 2, 3, 4, 5, 6].reduce((sum, v) => sum + Math.exp(v), 0);
    near(found['cross-entropy'], Math.log(total) - (0 + 2) / 2);
  });

  it('counts a NaN as wrong', () => {
    const m = new LabelMetrics();
    m.push({ a: { dims: [1, 2], values: [NaN, 1] } }, classes(0));
    m.push({ a: { dims: [1, 2], values: [NaN, 1] } }, classes(1));
    assert.equal(figures(m)['top-1'], 0);
  });

  it('of text is the perplexity of the next tokens', () => {
    const m = new LabelMetrics();
    // the first token's scores give its next one 1/2, the second's 1/8; the third is not asked
    const values = [0.5, 0.5, 0.875, 0.125, 1, 0];
    m.push({ logits: { dims: [1, 3, 2], values } }, [{ kind: 'tokens', next: [1, 1, -1] }]);
    const found = figures(m);
    near(found['cross-entropy'], (Math.log(2) + Math.log(8)) / 2);
    near(found['perplexity'], 4);
  });

  it('of masks is the mean overlap of the classes, without pixels that are not asked for', () => {
    const m = new LabelMetrics();
    const mask = { type: 'uint8', dims: [2, 2], data: Uint8Array.of(0, 1, 1, 255) } as const;
    // classes by pixel: 0, 1, 0, 1; class 0: 1 of 2, class 1: 1 of 2
    const values = [1, 0, 1, 0, 0, 1, 0, 1];
    m.push({ seg: { dims: [1, 2, 2, 2], values } }, [{ kind: 'tensor', tensor: mask }]);
    near(figures(m)['mean IoU'], 0.5);
  });

  it('of tensors is the squared error, and the noise below the peak', () => {
    const m = new LabelMetrics();
    const tensor = { type: 'float32', dims: [2], data: Float32Array.of(0, 1) } as const;
    m.push({ y: { dims: [1, 2], values: [0.1, 1] } }, [{ kind: 'tensor', tensor }]);
    near(figures(m)['MSE'], 0.005);
    near(figures(m)['PSNR'], 10 * Math.log10(1 / 0.005));
  });

  it('that nothing fits says so', () => {
    const m = new LabelMetrics();
    m.push({ a: { dims: [2, 1], values: [1, 2] } }, classes(0, 1));
    m.push({ a: { dims: [1], values: [1] } }, [
      { kind: 'boxes', boxes: [], width: 8, height: 8, classIds: [] },
    ]);
    assert.deepEqual(m.result(), []);
    assert.match(m.warnings.join(), /no output looks like class scores.*No outputs look like boxes/i);
  });

  it('has an interval: of shares as Wilson says, of means by drawing again', () => {
    // as R's prop.test(8, 10, correct = FALSE)
    near(wilson(8, 10)?.low, 0.490162, 1e-5);
    near(wilson(8, 10)?.high, 0.943318, 1e-5);
    assert.deepEqual([wilson(0, 0), wilson(0, 5)?.low, wilson(5, 5)?.high], [undefined, 0, 1]);
    const values = Array.from({ length: 400 }, (_, i) => i % 2);
    const interval = meanInterval(values);
    // the mean 1/2 ± 1.96 · (1/2) / 20
    near(interval?.low, 0.451, 0.01);
    near(interval?.high, 0.549, 0.01);
    assert.deepEqual(meanInterval(values), interval);
    assert.equal(meanInterval([1]), undefined);
  });

  const SHAPES: [number[], number, boolean][] = [
    [[8, 10], 8, true],
    [[8, 10, 1, 1], 8, false],
    [[8, 1, 1, 10], 8, true],
    [[8, 4, 10], 8, false],
    [[8], 8, false],
    [[8, 1], 8, false],
  ];
  for (const [dims, samples, expected] of SHAPES) {
    it(`[${dims.join(', ')}] ${expected ? 'is' : 'is not'} scores of ${samples} samples`, () =>
      assert.equal(isClassScores(dims, samples), expected));
  }
});

describe('a quantile', () => {
  it('lies between the sorted values', () => {
    assert.equal(quantile([], 0.5), undefined);
    assert.equal(quantile([3], 0.95), 3);
    assert.equal(quantile([4, 1, 3, 2], 0.5), 2.5);
    // at 0.95·3 = 2.85 of [1, 2, 3, 4]
    near(quantile([4, 1, 3, 2], 0.95), 3.85);
  });
});
