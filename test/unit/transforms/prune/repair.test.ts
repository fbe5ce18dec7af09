/** Repair: what channels that go did is taken over by those that stay, and by biases. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Model } from '../../../../src/onnx/model.ts';
import { leastSquares } from '../../../../src/transforms/kernels/least-squares.ts';
import { applyRecipe } from '../../../../src/transforms/index.ts';
import { floats } from '../../../support/model-builder.ts';
import { recipe } from '../edits.ts';
import { calibrate } from './calibration.ts';
import { channels, feeds, run, type Feeds } from './zeroed.ts';
import { Net } from './net.ts';

/** The hidden channels' second half is the first half, weaker: nothing is lost when it goes. */
function redundant(kind: 'Gemm' | 'MatMul' | 'Conv'): { model: Model; input: Feeds } {
  const net = new Net();
  const [half, out] = [4, 3];
  const rows = Array.from({ length: half }, () => Array.from({ length: 5 }, () => net.random()));
  const all = [...rows, ...rows.map((r) => r.map((w) => 0.1 * w))];
  if (kind === 'Conv') {
    net.tensors.push(floats('first.w', [8, 5, 1, 1], all.flat()));
    net.op('Conv', ['x', 'first.w'], 'first');
    const y = net.conv(net.relu('first'), 'second', [out, 8]);
    return { model: net.build({ x: [1, 5, 4, 4] }, y), input: feeds({ x: [1, 5, 4, 4] }) };
  }
  net.tensors.push(
    floats(
      'first.w',
      [5, 8],
      all[0]!.flatMap((_, i) => all.map((r) => r[i]!)),
    ),
  );
  const hidden = net.relu(net.op('MatMul', ['x', 'first.w'], 'first'));
  const y = kind === 'Gemm' ? net.gemm(hidden, 'second', [8, out]) : net.linear(hidden, 'second', [8, out]);
  return { model: net.build({ x: [32, 5] }, y), input: feeds({ x: [32, 5] }) };
}

async function error(model: Model, input: Feeds, repair: 'none' | 'bias' | 'least-squares'): Promise<number> {
  const edit = channels({ layers: { nodes: ['first'] }, repair });
  const { calibrationTargets } = applyRecipe(model, recipe(edit));
  const calibration = await calibrate(model, input, calibrationTargets);
  const applied = applyRecipe(model, recipe(edit), { calibration });
  const [a, b] = [await run(model, input), await run(applied.model, input)].map(
    (r) => Object.values(r)[0]!.data,
  );
  return [...(a as Float32Array)].reduce((sum, v, i) => sum + (v - Number(b![i])) ** 2, 0) / a!.length;
}

describe('repair after channels are gone', () => {
  for (const kind of ['Gemm', 'MatMul', 'Conv'] as const) {
    it(`${kind}: least squares takes over what the others did, the bias their mean`, async () => {
      const { model, input } = redundant(kind);
      const [none, bias, fitted] = [
        await error(model, input, 'none'),
        await error(model, input, 'bias'),
        await error(model, input, 'least-squares'),
      ];
      assert.ok(bias < 0.9 * none, `bias: ${bias} of ${none}`);
      assert.ok(fitted < 0.01 * none, `least squares: ${fitted} of ${none}`);
    });
  }

  it('puts into the bias of a 1 × 1 Conv what channels that never change add', async () => {
    const net = new Net();
    const first = Array.from({ length: 40 }, (_, i) => (i < 20 ? net.random() : 0));
    net.tensors.push(
      floats('first.w', [8, 5, 1, 1], first),
      floats(
        'first.b',
        [8],
        Array.from({ length: 8 }, () => 1),
      ),
    );
    net.op('Conv', ['x', 'first.w', 'first.b'], 'first');
    const model = net.build({ x: [1, 5, 4, 4] }, net.conv(net.relu('first'), 'second', [3, 8]));
    const input = feeds({ x: [1, 5, 4, 4] });
    const [none, fitted] = [await error(model, input, 'none'), await error(model, input, 'least-squares')];
    assert.ok(none > 1e-3 && fitted < 1e-8 * none, `${fitted} of ${none}`);
  });

  it('solves the normal equations, for any moments and choice', () => {
    const numbers = (n: number) =>
      fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: n, maxLength: n });
    fc.assert(
      fc.property(
        numbers(60),
        numbers(12),
        fc.subarray([0, 1, 2, 3, 4, 5], { minLength: 1 }),
        (data, w, keep) => {
          const [size, outputs, damping] = [6, 2, 0.1];
          const gram = Float32Array.from({ length: 36 }, (_, i) => {
            let sum = 0;
            for (let r = 0; r < 10; r++) sum += data[r * 6 + Math.floor(i / 6)]! * data[r * 6 + (i % 6)]!;
            return sum / 10;
          });
          const weights = Float32Array.from(w);
          const kept = Int32Array.from(keep);
          const fitted = leastSquares({ gram, size, weights, outputs, kept, damping });
          const ridge = damping * (keep.reduce((sum, k) => sum + gram[k * 7]!, 0) / keep.length) || 1;
          for (let o = 0; o < outputs; o++) {
            for (const k of keep) {
              // G_KK d + λ d = G_KR w_R, where d is what was added
              const added = (j: number) => fitted[o * 6 + j]! - weights[o * 6 + j]!;
              const left = keep.reduce((sum, j) => sum + gram[k * 6 + j]! * added(j), ridge * added(k));
              const right = [0, 1, 2, 3, 4, 5]
                .filter((j) => !keep.includes(j))
                .reduce((sum, j) => sum + gram[k * 6 + j]! * weights[o * 6 + j]!, 0);
              assert.ok(Math.abs(left - right) < 1e-3 * (1 + Math.abs(right)), `${left} for ${right}`);
            }
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('adds a bias where the layer has none', async () => {
    const net = new Net();
    const first = net.relu(net.conv('x', 'first', [8, 5]));
    const model = net.build({ x: [1, 5, 4, 4] }, net.conv(first, 'second', [3, 8], { bias: false }));
    const input = feeds({ x: [1, 5, 4, 4] });
    const plan = applyRecipe(model, recipe(channels({ layers: { nodes: ['first'] }, repair: 'bias' })));
    assert.equal(plan.model.graph.nodes.find((n) => n.name === 'second')?.inputs.length, 3);
    assert.ok((await error(model, input, 'bias')) < (await error(model, input, 'none')));
  });

  it('says what to do where calibration is missing, when the tensor is asked for', async () => {
    const { model, input } = redundant('Gemm');
    const plan = applyRecipe(
      model,
      recipe(channels({ layers: { nodes: ['first'] }, repair: 'least-squares' })),
    );
    assert.deepEqual(
      plan.calibrationTargets.map((t) => t.tensor),
      ['first.relu', 'first.relu'],
    );
    await assert.rejects(
      run(plan.model, input),
      /repair needs calibration data for "first.relu".*run the model on samples first/,
    );
  });

  it('leaves out what an earlier edit changed, and says so', () => {
    const { model } = redundant('Gemm');
    const both = recipe(
      channels({ layers: { nodes: ['first'] } }),
      channels({ layers: { nodes: ['first'] }, repair: 'bias' }),
    );
    assert.deepEqual(
      applyRecipe(model, both).warnings.map((w) => w.code),
      ['repair-left-out'],
    );
  });
});
