/** The order in which inputs go against what is lost by every set of them, worked out anew. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { elimination } from '../../../../src/transforms/kernels/elimination.ts';

const numbers = (n: number) =>
  fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: n, maxLength: n });

/** A⁻¹ B by elimination with pivots. */
function solved(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number[][] {
  const rows = a.map((row, i) => [...row, ...b[i]!]);
  const n = a.length;
  for (let i = 0; i < n; i++) {
    const best = rows
      .slice(i)
      .reduce((at, row, k) => (Math.abs(row[i]!) > Math.abs(rows[at]![i]!) ? i + k : at), i);
    [rows[i], rows[best]] = [rows[best]!, rows[i]!];
    for (let r = 0; r < n; r++) {
      if (r === i) continue;
      const factor = rows[r]![i]! / rows[i]![i]!;
      rows[r] = rows[r]!.map((v, c) => v - factor * rows[i]![c]!);
    }
  }
  return rows.map((row, i) => row.slice(n).map((v) => v / row[i]!));
}

describe('elimination', () => {
  const [size, outputs, rows, damping] = [6, 2, 20, 0.05];
  const unitOf = Int32Array.of(0, 0, 1, 1, 2, -1);

  it('counts what no weights over the inputs that stay can make up for, and takes the least', () => {
    fc.assert(
      fc.property(numbers(rows * size), numbers(size * outputs), (xs, ws) => {
        const mean = Array.from(
          { length: size },
          (_, i) => xs.filter((_x, k) => k % size === i).reduce((a, b) => a + b, 0) / rows,
        );
        const gram = Array.from({ length: size }, (_, i) =>
          Array.from({ length: size }, (_x, k) => {
            let sum = 0;
            for (let r = 0; r < rows; r++) sum += xs[r * size + i]! * xs[r * size + k]!;
            return sum / rows;
          }),
        );
        const centred = gram.map((row, i) => row.map((v, k) => v - mean[i]! * mean[k]!));
        const trace = centred.reduce((sum, row, i) => sum + row[i]!, 0);
        const weights = Array.from({ length: size }, (_, i) => ws.slice(i * outputs, (i + 1) * outputs));
        const form = (m: readonly (readonly number[])[], w: readonly (readonly number[])[]): number =>
          m.reduce(
            (sum, row, i) =>
              sum + row.reduce((s, v, k) => s + v * w[i]!.reduce((a, x, o) => a + x * w[k]![o]!, 0), 0),
            0,
          );
        const energy = form(centred, weights);
        fc.pre(trace > 0.5 && energy > 0.5);
        const damped = centred.map((row, i) =>
          row.map((v, k) => v + (i === k ? (damping * trace) / size : 0)),
        );
        /** Without those columns, the others fitted anew. */
        const lost = (gone: readonly number[]): number => {
          const stay = Array.from({ length: size }, (_, i) => i).filter((i) => !gone.includes(i));
          const cross = stay.map((i) => gone.map((k) => damped[i]![k]!));
          const taken = solved(
            stay.map((i) => stay.map((k) => damped[i]![k]!)),
            cross,
          );
          const rest = gone.map((i) =>
            gone.map(
              (k, at) =>
                damped[i]![k]! - stay.reduce((sum, s, j) => sum + damped[i]![s]! * taken[j]![at]!, 0),
            ),
          );
          return (
            form(
              rest,
              gone.map((i) => weights[i]!),
            ) / energy
          );
        };
        const scores = elimination({
          layers: [
            {
              ...{ size, outputs, unitOf, gram: Float32Array.from(gram.flat()) },
              ...{ mean: Float32Array.from(mean), weights: Float32Array.from(ws) },
            },
          ],
          units: 3,
          damping,
        });
        const order = [0, 1, 2].sort((a, b) => scores[a]! - scores[b]!);
        const columns = (units: readonly number[]) =>
          [...unitOf.keys()].filter((c) => units.includes(unitOf[c]!));
        for (let n = 1; n <= 3; n++) {
          const want = lost(columns(order.slice(0, n)));
          const got = scores[order[n - 1]!]!;
          assert.ok(
            Math.abs(got - want) < 1e-3 * (1 + want),
            `${got} for ${want} without ${order.slice(0, n).join()}`,
          );
          // no other unit would have cost less then
          for (const other of order.slice(n)) {
            const instead = lost(columns([...order.slice(0, n - 1), other]));
            assert.ok(instead > want - 1e-3 * (1 + want), `${instead} with ${other}, ${want}`);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('lets one of two that are alike go, and not the other one', () => {
    const [gram, weights] = [Float32Array.of(4, 4, 0, 4, 4, 0, 0, 0, 1), Float32Array.of(1, 1, 1)];
    const mean = new Float32Array(3);
    const layer = { gram, mean, weights, size: 3, outputs: 1, unitOf: Int32Array.of(0, 1, 2) };
    const scores = elimination({ layers: [layer], units: 3, damping: 1e-6 });
    // the first is free; then the small one costs 1 of 17, and the last all that is left
    assert.ok(
      scores[0]! < 1e-4 && Math.abs(scores[2]! - 1 / 17) < 1e-3 && Math.abs(scores[1]! - 1) < 1e-3,
      scores.join(),
    );
  });
});
