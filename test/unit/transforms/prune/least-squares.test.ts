/** The fit against its normal equations. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { leastSquares } from '../../../../src/transforms/kernels/least-squares.ts';
import type { Fold } from '../../../../src/transforms/kernels/ridge-fit.ts';

const [size, outputs, rows, damping] = [5, 2, 12, 0.1];

const numbers = (n: number) =>
  fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: n, maxLength: n });

/** Of these rows x and y. */
function foldOf(x: readonly (readonly number[])[], y: readonly (readonly number[])[]): Fold {
  const [n, each] = [x[0]!.length + 1, y[0]!.length];
  const average = (of: (r: number) => number) => x.reduce((sum, _, r) => sum + of(r), 0) / x.length;
  const at = (r: number, i: number) => x[r]![i] ?? 1;
  return {
    rows: x.length,
    inputs: Float32Array.from({ length: n * n }, (_, k) =>
      average((r) => at(r, Math.floor(k / n)) * at(r, k % n)),
    ),
    products: Float32Array.from({ length: n * each }, (_, k) =>
      average((r) => at(r, Math.floor(k / each)) * y[r]![k % each]!),
    ),
  };
}

const cut = (list: readonly number[], width: number): number[][] =>
  Array.from({ length: list.length / width }, (_, r) => list.slice(r * width, (r + 1) * width));

describe('least squares', () => {
  it('solves the normal equations about the means, for any data', () => {
    fc.assert(
      fc.property(numbers(rows * size), numbers(rows * outputs), numbers(outputs * size), (xs, ys, w) => {
        const x = (r: number, i: number) => xs[r * size + i]!;
        const y = (r: number, o: number) => ys[r * outputs + o]!;
        const all = Array.from({ length: rows }, (_, r) => r);
        const average = (of: (r: number) => number) => all.reduce((sum, r) => sum + of(r), 0) / rows;
        const fitted = leastSquares({
          ...{ size, outputs, groups: 1, dampings: [damping], weights: Float32Array.from(w) },
          ...{ bias: new Float32Array(outputs), folds: [foldOf(cut(xs, size), cut(ys, outputs))] },
        });
        const means = Array.from({ length: size }, (_, i) => average((r) => x(r, i)));
        const trace = means.reduce((sum, m, i) => sum + average((r) => (x(r, i) - m) ** 2), 0);
        const ridge = damping * (trace / size) || 1;
        // the old weights' outputs beside those wanted, about their means
        const old = (r: number, o: number) =>
          means.reduce((sum, m, i) => sum + w[o * size + i]! * (x(r, i) - m), 0);
        const both = [0, 1].map((o) => average((r) => old(r, o) * (y(r, o) - average((k) => y(k, o)))));
        const energy = [0, 1].map((o) => average((r) => old(r, o) ** 2));
        const scale = Math.min(10, Math.max(0, (both[0]! + both[1]!) / (energy[0]! + energy[1]!)));
        fc.pre(energy[0]! + energy[1]! > 1e-2);
        for (let o = 0; o < outputs; o++) {
          const weight = (i: number) => fitted.weights[o * size + i]!;
          const miss = (r: number) =>
            means.reduce((sum, _, i) => sum - weight(i) * x(r, i), y(r, o) - fitted.bias[o]!);
          // nothing left on average, and along no input but what the ridge holds back
          assert.ok(Math.abs(average(miss)) < 1e-4, `mean ${average(miss)}`);
          for (let i = 0; i < size; i++) {
            const left = average((r) => miss(r) * (x(r, i) - means[i]!));
            const held = ridge * (weight(i) - scale * w[o * size + i]!);
            assert.ok(Math.abs(left - held) < 1e-3 * (1 + Math.abs(held)), `${left} for ${held}`);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it('leaves weights over inputs that never change as they are', () => {
    const fitted = leastSquares({
      ...{ size: 1, outputs: 1, groups: 1, dampings: [0.1], weights: Float32Array.of(3) },
      ...{ bias: Float32Array.of(0), folds: [foldOf([[2], [2]], [[4], [6]])] },
    });
    // x is always 2 and y 5: the bias alone can tell
    assert.deepEqual([...fitted.weights, ...fitted.bias], [3, -1]);
  });

  it('fits each group by itself', () => {
    // x is 0 or 2, about a mean of 1; the first group's y is 3 x + 1, the second one's 5 − x; and all of it halved
    const moments = [2, 1, 1, 1];
    const fitted = leastSquares({
      ...{ size: 1, outputs: 4, groups: 2, dampings: [1e-9], weights: Float32Array.of(1, 1, 1, 1) },
      bias: new Float32Array(4),
      folds: [
        {
          rows: 2,
          inputs: Float32Array.from([...moments, ...moments]),
          products: Float32Array.of(7, 3.5, 4, 2, 3, 1.5, 4, 2),
        },
      ],
    });
    for (const [i, w] of [3, 1.5, -1, -0.5].entries()) assert.ok(Math.abs(fitted.weights[i]! - w) < 1e-4);
    for (const [i, b] of [1, 0.5, 5, 2.5].entries()) assert.ok(Math.abs(fitted.bias[i]! - b) < 1e-4);
  });

  it('is not led by what rounding leaves of inputs that hardly move', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        let state = seed;
        const noise = (): number => ((state = (Math.imul(state, 1103515245) + 12345) | 0) >> 8) / 2 ** 23;
        const [n, samples] = [40, 16];
        const x = Array.from({ length: samples }, () =>
          Array.from({ length: n }, (_, i) => 20 + i + 1e-3 * noise()),
        );
        const y = Array.from({ length: samples }, () => [noise()]);
        const weights = Float32Array.from({ length: n }, noise);
        const fitted = leastSquares({
          ...{ size: n, outputs: 1, groups: 1, dampings: [0.001], weights },
          ...{ bias: Float32Array.of(0), folds: [foldOf(x, y)] },
        });
        fitted.weights.forEach((w, i) => assert.ok(Math.abs(w - weights[i]!) < 1, `${w} for ${weights[i]!}`));
      }),
      { numRuns: 50 },
    );
  });

  describe('by what samples that it did not see say', () => {
    const dampings = [0.001, 0.01, 0.1, 1, 10];
    const [wide, width] = [40, 3];
    const random = (seed: number) => (): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
      return (seed >>> 8) / 2 ** 23 - 1;
    };
    /** Rows whose outputs are what `weights` give, and something else of the size of `noise`. */
    const drawn = (count: number, next: () => number, weights: Float32Array, noise: number) => {
      const x = Array.from({ length: count }, () => Array.from({ length: wide }, next));
      const y = x.map((row) =>
        Array.from({ length: width }, (_, o) =>
          row.reduce((sum, v, i) => sum + v * weights[o * wide + i]!, noise * next()),
        ),
      );
      return { x, y };
    };
    /** Mean square on other rows. */
    const missOf = (
      { weights, bias }: { weights: Float32Array; bias: Float32Array },
      { x, y }: ReturnType<typeof drawn>,
    ) =>
      x.reduce(
        (sum, row, r) =>
          sum +
          y[r]!.reduce((s, v, o) => {
            return s + row.reduce((left, u, i) => left - u * weights[o * wide + i]!, v - bias[o]!) ** 2;
          }, 0),
        0,
      ) / x.length;
    const fit = (folds: readonly Fold[], weights: Float32Array) =>
      leastSquares({
        ...{ size: wide, outputs: width, groups: 1, weights, bias: new Float32Array(width) },
        ...{ folds, dampings },
      });
    const fourths = ({ x, y }: ReturnType<typeof drawn>) =>
      [0, 1, 2, 3].map((k) =>
        foldOf(...([x, y].map((l) => l.filter((_, r) => r % 4 === k)) as [never, never])),
      );

    it('takes from few rows no more than they tell', () => {
      const sums = { old: 0, blind: 0, guarded: 0 };
      for (let seed = 1; seed <= 20; seed++) {
        const next = random(seed);
        const weights = Float32Array.from({ length: wide * width }, next);
        const [few, others] = [drawn(16, next, weights, 4), drawn(200, next, weights, 4)];
        const blind = fit([foldOf(few.x, few.y)], weights);
        assert.equal(blind.ridge.damping, 0.001);
        sums.old += missOf({ weights, bias: new Float32Array(width) }, others);
        sums.blind += missOf(blind, others);
        sums.guarded += missOf(fit(fourths(few), weights), others);
      }
      assert.ok(sums.blind > 1.4 * sums.old, `${sums.blind} without other samples asked, of ${sums.old}`);
      assert.ok(sums.guarded < 1.1 * sums.old, `${sums.guarded} with other samples asked, of ${sums.old}`);
    });

    it('leaves the weights where what is missing cannot be told from the rows', () => {
      const next = random(2);
      const weights = Float32Array.from({ length: wide * width }, next);
      const fitted = fit(fourths(drawn(16, next, weights, 4)), weights);
      assert.equal(fitted.ridge.damping, 'none');
      assert.deepEqual(fitted.weights, weights);
      assert.deepEqual(
        fitted.bias.map((b) => (Math.abs(b) < 2 ? 0 : b)),
        new Float32Array(width),
      );
    });

    it('is the same as without where there are rows enough', () => {
      const next = random(3);
      const [old, truth] = [0, 1].map(() => Float32Array.from({ length: wide * width }, next));
      const many = drawn(2000, next, truth!, 0.01);
      const [guarded, blind] = [fit(fourths(many), old!), fit([foldOf(many.x, many.y)], old!)];
      assert.equal(guarded.ridge.damping, 0.001);
      guarded.weights.forEach((w, i) => assert.ok(Math.abs(w - blind.weights[i]!) < 1e-3));
      guarded.bias.forEach((b, o) => assert.ok(Math.abs(b - blind.bias[o]!) < 1e-2));
    });

    it('leaves out folds that no row came to', () => {
      const next = random(5);
      const weights = Float32Array.from({ length: wide * width }, next);
      const folds = fourths(drawn(400, next, weights, 1));
      const empty = { ...folds[0]!, rows: 0, inputs: new Float32Array(41 ** 2) };
      assert.deepEqual(fit([empty, ...folds, empty], weights), fit(folds, weights));
    });
  });
});
