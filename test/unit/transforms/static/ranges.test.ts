import assert from 'node:assert/strict';
import type { AbsHistogram } from '../../../../src/analysis/calibration.ts';
import { entropyThreshold } from '../../../../src/transforms/calibrate/entropy.ts';
import { mseThreshold } from '../../../../src/transforms/calibrate/mse.ts';
import { percentileThreshold } from '../../../../src/transforms/calibrate/percentile.ts';
import { rangeOf } from '../../../../src/transforms/calibrate/range.ts';

const BINS = 512;

/** Counts of |x|, one unit per bin. */
function histogram(count: (bin: number) => number): AbsHistogram {
  return { limit: BINS, counts: Float64Array.from({ length: BINS }, (_, i) => Math.floor(count(i))) };
}

const NORMAL = histogram((i) => 1e6 * Math.exp(-0.5 * (i / (BINS / 8)) ** 2));
const LAPLACE = histogram((i) => 1e6 * Math.exp(-i / (BINS / 16)));
const OUTLIERS = histogram((i) => 1e6 * Math.exp(-0.5 * (i / (BINS / 32)) ** 2) + (i === BINS - 1 ? 5 : 0));
const UNIFORM = histogram(() => 1000);

describe('percentile ranges', () => {
  // of onnxruntime 1.32's HistogramCollector: the lower end of the bin; ours is the upper end, so that the share lies within
  const CASES: readonly [string, AbsHistogram, number, theirs: number][] = [
    ['normal', NORMAL, 99, 165],
    ['normal', NORMAL, 99.9, 210],
    ['normal', NORMAL, 99.999, 282],
    ['laplace', LAPLACE, 99, 147],
    ['laplace', LAPLACE, 99.9, 220],
    ['laplace', LAPLACE, 99.999, 362],
    ['outliers', OUTLIERS, 99.999, 70],
    ['uniform', UNIFORM, 99, 506],
  ];
  for (const [title, counts, percentile, theirs] of CASES) {
    it(`${percentile} % of ${title}`, () => {
      assert.equal(percentileThreshold(counts, percentile), theirs + 1);
    });
  }

  it('100 % is all, whatever is empty', () => {
    assert.equal(percentileThreshold(OUTLIERS, 100), BINS);
    assert.equal(
      percentileThreshold(
        histogram(() => 0),
        99,
      ),
      1,
    );
  });
});

describe('entropy ranges', () => {
  it('lie near those of onnxruntime 1.32 where nothing lies far out', () => {
    // its HistogramCollector, 1024 bins in -512..512, 128 quantized bins: 320.5, 322.5, 512
    assert.ok(Math.abs(entropyThreshold(NORMAL, 64) / 320.5 - 1) < 0.15);
    assert.ok(Math.abs(entropyThreshold(LAPLACE, 64) / 322.5 - 1) < 0.05);
    assert.equal(entropyThreshold(UNIFORM, 64), BINS);
  });

  it('cut off a few outliers', () => {
    const threshold = entropyThreshold(OUTLIERS, 64);
    // of the normal part, σ = 16, less than 1 in 10,000 lies beyond 4 σ
    assert.ok(threshold >= 64 && threshold < 160, String(threshold));
  });

  it('take the whole where there are too few bins, or nothing was counted', () => {
    assert.equal(entropyThreshold({ limit: 3, counts: new Float64Array(8).fill(1) }), 3);
    assert.equal(entropyThreshold({ limit: 3, counts: new Float64Array(256) }), 3);
  });
});

describe('MSE ranges', () => {
  /** What rounding and cutting really cost, bin by bin. */
  function error({ counts }: AbsHistogram, threshold: number, levels: number): number {
    const step = threshold / levels;
    return counts.reduce((sum, count, bin) => {
      const x = bin + 0.5;
      const q = Math.min(levels, Math.round(x / step)) * step;
      return sum + count * (x - q) ** 2;
    }, 0);
  }

  for (const [title, counts] of [
    ['normal', NORMAL],
    ['laplace', LAPLACE],
    ['outliers', OUTLIERS],
  ] as const) {
    it(`of ${title}: no other threshold rounds with much less error`, () => {
      const levels = 7; // few, so that a step holds many bins
      const found = mseThreshold(counts, (t) => 2 * t, 2 * levels);
      const best = Math.min(...Array.from({ length: BINS }, (_, i) => error(counts, i + 1, levels)));
      assert.ok(error(counts, found, levels) < 1.1 * best, `${found}`);
    });
  }
});

describe('the range of an activation', () => {
  const statistics = { count: 1, min: -10, max: BINS, histogram: OUTLIERS };
  const settings = { isSymmetric: false } as const;

  it('never goes beyond what was seen', () => {
    assert.deepEqual(rangeOf('x', statistics, { ...settings, range: 'minmax' }, 255), {
      min: -10,
      max: BINS,
    });
    assert.deepEqual(
      rangeOf('x', statistics, { ...settings, range: 'percentile', percentile: 99.999 }, 255),
      { min: -10, max: 71 },
    );
  });

  it('names the tensor where it is no number or the histogram is missing', () => {
    const bad = { ...statistics, max: Infinity };
    assert.throws(
      () => rangeOf('x', bad, { ...settings, range: 'mse' }, 255),
      /"x" ranges from -10 to Infinity/,
    );
    const bare = { count: 1, min: 0, max: 1 };
    assert.throws(() => rangeOf('x', bare, { ...settings, range: 'mse' }, 255), /"x" has no histogram/);
  });
});
