/** The fit against its normal equations. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { leastSquares } from '../../../../src/transforms/kernels/least-squares.ts';

const [size, outputs, rows, damping] = [5, 2, 12, 0.1];

const numbers = (n: number) =>
  fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: n, maxLength: n });

describe('least squares', () => {
  it('solves the normal equations about the means, for any data', () => {
    fc.assert(
      fc.property(numbers(rows * size), numbers(rows * outputs), numbers(outputs * size), (xs, ys, w) => {
        const x = (r: number, i: number) => (i === size ? 1 : xs[r * size + i]!);
        const y = (r: number, o: number) => ys[r * outputs + o]!;
        const all = Array.from({ length: rows }, (_, r) => r);
        const average = (of: (r: number) => number) => all.reduce((sum, r) => sum + of(r), 0) / rows;
        const fitted = leastSquares({
          ...{ size, outputs, groups: 1, damping, weights: Float32Array.from(w) },
          inputs: Float32Array.from({ length: (size + 1) ** 2 }, (_, k) =>
            average((r) => x(r, Math.floor(k / (size + 1))) * x(r, k % (size + 1))),
          ),
          products: Float32Array.from({ length: (size + 1) * outputs }, (_, k) =>
            average((r) => x(r, Math.floor(k / outputs)) * y(r, k % outputs)),
          ),
        });
        const means = Array.from({ length: size }, (_, i) => average((r) => x(r, i)));
        const trace = means.reduce((sum, m, i) => sum + average((r) => (x(r, i) - m) ** 2), 0);
        const ridge = damping * (trace / size) || 1;
        for (let o = 0; o < outputs; o++) {
          const weight = (i: number) => fitted.weights[o * size + i]!;
          const miss = (r: number) =>
            means.reduce((sum, _, i) => sum - weight(i) * x(r, i), y(r, o) - fitted.bias[o]!);
          // nothing left on average, and along no input but what the ridge holds back
          assert.ok(Math.abs(average(miss)) < 1e-4, `mean ${average(miss)}`);
          for (let i = 0; i < size; i++) {
            const left = average((r) => miss(r) * (x(r, i) - means[i]!));
            const held = ridge * (weight(i) - w[o * size + i]!);
            assert.ok(Math.abs(left - held) < 1e-3 * (1 + Math.abs(held)), `${left} for ${held}`);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it('leaves weights over inputs that never change as they are', () => {
    const fitted = leastSquares({
      ...{ size: 1, outputs: 1, groups: 1, damping: 0.1, weights: Float32Array.of(3) },
      ...{ inputs: Float32Array.of(4, 2, 2, 1), products: Float32Array.of(10, 5) },
    });
    // x is always 2 and y 5: the bias alone can tell
    assert.deepEqual([...fitted.weights, ...fitted.bias], [3, -1]);
  });

  it('fits each group by itself', () => {
    // x is 0 or 2, about a mean of 1; the first group's y is 3 x + 1, the second one's 5 − x; and all of it halved
    const moments = [2, 1, 1, 1];
    const fitted = leastSquares({
      ...{ size: 1, outputs: 4, groups: 2, damping: 1e-9, weights: Float32Array.of(1, 1, 1, 1) },
      inputs: Float32Array.from([...moments, ...moments]),
      products: Float32Array.of(7, 3.5, 4, 2, 3, 1.5, 4, 2),
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
        const x = Array.from({ length: samples }, () => [
          ...Array.from({ length: n }, (_, i) => 20 + i + 1e-3 * noise()),
          1,
        ]);
        const y = Array.from({ length: samples }, noise);
        const average = (of: (r: number) => number) => x.reduce((sum, _, r) => sum + of(r), 0) / samples;
        const weights = Float32Array.from({ length: n }, noise);
        const fitted = leastSquares({
          ...{ size: n, outputs: 1, groups: 1, damping: 0.001, weights },
          inputs: Float32Array.from({ length: (n + 1) ** 2 }, (_, k) =>
            average((r) => x[r]![Math.floor(k / (n + 1))]! * x[r]![k % (n + 1)]!),
          ),
          products: Float32Array.from({ length: n + 1 }, (_, k) => average((r) => x[r]![k]! * y[r]!)),
        });
        fitted.weights.forEach((w, i) => assert.ok(Math.abs(w - weights[i]!) < 1, `${w} for ${weights[i]!}`));
      }),
      { numRuns: 50 },
    );
  });
});
