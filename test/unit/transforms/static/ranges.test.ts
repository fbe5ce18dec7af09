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
  const LEVELS = 64;
  const cut = (counts: AbsHistogram): number => entropyThreshold(counts, () => LEVELS);

  it('lie near those of onnxruntime 1.32 where nothing lies far out', () => {
    // its HistogramCollector, 1024 bins in -512..512, 128 quantized bins: 320.5, 512
    assert.ok(Math.abs(cut(NORMAL) / 320.5 - 1) < 0.05, String(cut(NORMAL)));
    assert.equal(cut(UNIFORM), BINS);
  });

  it('cut off a few outliers', () => {
    const threshold = cut(OUTLIERS);
    // of the normal part, σ = 16, less than 1 in 10,000 lies beyond 4 σ
    assert.ok(threshold >= 64 && threshold < 160, String(threshold));
  });

  /** Share of Σx² that lies beyond a threshold. */
  function energyBeyond({ counts }: AbsHistogram, threshold: number): number {
    const energy = counts.map((count, bin) => count * (bin + 0.5) ** 2);
    const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
    return sum(energy.subarray(threshold)) / sum(energy);
  }

  // counting values alike, onnxruntime 1.32 cuts the exponential one at 322.5
  for (const [title, counts] of [
    ['half a normal', NORMAL],
    ['an exponential', LAPLACE],
  ] as const) {
    it(`behind Relu, of ${title} distribution, cut next to nothing of the signal, however many zeros there are`, () => {
      const threshold = cut(counts);
      assert.ok(energyBeyond(counts, threshold) < 1e-4, String(threshold));
      const zeros = histogram((i) => (counts.counts[i] ?? 0) + (i === 0 ? 1e9 : 0));
      assert.ok(Math.abs(cut(zeros) - threshold) <= BINS / LEVELS, `${cut(zeros)} ${threshold}`);
    });
  }

  it('with more steps lie further out', () => {
    const found = [16, 32, 64, 128].map((levels) => entropyThreshold(NORMAL, () => levels));
    assert.deepEqual(
      found.toSorted((a, b) => a - b),
      found,
    );
    assert.ok((found[0] ?? 0) < (found[3] ?? 0));
  });

  it('take the whole where there are too few bins, or nothing was counted', () => {
    assert.equal(
      entropyThreshold({ limit: 3, counts: new Float64Array(8).fill(1) }, () => 128),
      3,
    );
    assert.equal(
      entropyThreshold({ limit: 3, counts: new Float64Array(256) }, () => 128),
      3,
    );
  });

  it('use the steps that the integers have on the wider side', () => {
    const settings = { range: 'entropy', isSymmetric: false } as const;
    const relu = rangeOf('x', { count: 1, min: 0, max: BINS, histogram: NORMAL }, settings, 2 * LEVELS);
    assert.equal(
      relu.max,
      entropyThreshold(NORMAL, () => 2 * LEVELS),
    );
    const both = rangeOf('x', { count: 1, min: -BINS, max: BINS, histogram: NORMAL }, settings, 2 * LEVELS);
    assert.deepEqual([both.min, both.max], [-cut(NORMAL), cut(NORMAL)]);
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
