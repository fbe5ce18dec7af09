/** What static quantization leaves of weights whose channels get factors that activations undo. */
import assert from 'node:assert/strict';
import { applyRecipe, weightHistogram, weightSqnr, type Edit } from '../../../src/transforms/index.ts';
import { floats, graph, model, node, value } from '../../support/model-builder.ts';
import { numbers, prune, recipe } from './edits.ts';
import { calibrationOf, staticEdit } from './static/support.ts';

/** About even, the same each time. */
function weights(count: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (state * 48271) % 2147483647;
    return Math.fround(state / 2147483647 - 0.5);
  });
}

const channelMaxima = (absMax: readonly number[]) => {
  const none = absMax.map(() => 0);
  const [mean, meanSquare] = [Float64Array.from(none), Float64Array.from(none)];
  return { channels: { count: 1, mean, meanSquare, absMax: Float64Array.from(absMax) } };
};

function close(found: number | undefined, values: readonly number[], made: readonly number[]): void {
  assert.equal(made.length, values.length);
  const signal = values.reduce((s, v) => s + v * v, 0);
  const expected = 10 * Math.log10(signal / values.reduce((s, v, i) => s + (v - made[i]!) ** 2, 0));
  assert.ok(expected < 80 && Math.abs(found! - expected) < 1e-3, `${found} dB, expected ${expected}`);
}

describe('weightSqnr of rescaled layers', () => {
  const [K, N] = [16, 24];
  const W = weights(K * N, 3);
  const product = () =>
    model(
      graph({
        inputs: [value('x', ['n', K])],
        outputs: [value('y', ['n', N])],
        initializers: [floats('W', [K, N], W)],
        nodes: [node('MatMul', ['x', 'W'], ['y'], { name: 'fc' })],
      }),
    );
  const smooth = staticEdit({ smoothQuant: 0.5 });
  const maxima = Array.from({ length: K }, (_, k) => 0.1 + ((k * 5) % 7));
  const calibration = calibrationOf({ x: [-7, 7], y: [-9, 9] }, { x: channelMaxima(maxima) });

  for (const edits of [[smooth], [prune({ ratio: 0.2 }), smooth]] as Edit[][]) {
    it(`takes the factors of SmoothQuant off: ${edits.map((e) => e.type).join(', ')}`, async () => {
      const { model: m } = applyRecipe(product(), recipe(...edits), { calibration });
      const inverse = await numbers(m, 'x_smooth_scale');
      assert.ok(Math.max(...inverse) > 3 * Math.min(...inverse));
      const [scale = NaN] = await numbers(m, 'W_scale');
      const made = (await numbers(m, 'W_quantized')).map((q, i) => q * scale * inverse[Math.floor(i / N)]!);
      const found = await weightSqnr(product(), recipe(...edits), { data: { calibration } });
      close(found.get('fc')?.sqnrDb, W, made);
    });
  }

  it('does not tell what needs data without them, nor draws it', async () => {
    assert.deepEqual([...(await weightSqnr(product(), recipe(smooth)))], [['fc', { sqnrDb: undefined }]]);
    const found = await weightHistogram(product(), 'fc', { bins: 8, recipe: recipe(smooth) });
    assert.deepEqual([found.after, found.unknownAfter], [undefined, 'needs-data']);
  });

  it('takes the factors of equalisation off, which the weights alone tell', async () => {
    const channels = 4;
    const first = weights(channels * 3, 5).map((w, i) => Math.fround(w * (1 + 6 * Math.floor(i / 3))));
    const second = weights(2 * channels, 11);
    const pair = () =>
      model(
        graph({
          inputs: [value('x', ['n', 3, 4, 4])],
          outputs: [value('y', ['n', 2, 4, 4])],
          initializers: [
            floats('W', [channels, 3, 1, 1], first),
            floats('b', [channels], [0, 0, 0, 0]),
            floats('V', [2, channels, 1, 1], second),
          ],
          nodes: [
            node('Conv', ['x', 'W', 'b'], ['h'], { name: 'first' }),
            node('Relu', ['h'], ['r'], { name: 'between' }),
            node('Conv', ['r', 'V'], ['y'], { name: 'second' }),
          ],
        }),
      );
    const largest = (values: readonly number[]) => Math.max(...values.map(Math.abs));
    const factors = Array.from({ length: channels }, (_, c) => {
      const out = largest(first.slice(3 * c, 3 * c + 3));
      return Math.sqrt(out / largest(second.filter((__, i) => i % channels === c)));
    });
    const edits = recipe(staticEdit({ equalize: true }));
    const ranges = { x: [-1, 1], r: [0, 8], h: [-8, 8], y: [-9, 9] } as const;
    const given = { calibration: calibrationOf(ranges, { r: channelMaxima([8, 8, 8, 8]) }) };
    const { model: m } = applyRecipe(pair(), edits, given);
    const found = await weightSqnr(pair(), edits);
    const drawn = await weightHistogram(pair(), 'first', { bins: 8, recipe: edits });
    assert.deepEqual([drawn.after, drawn.unknownAfter], [undefined, 'rescaled']);
    const [w = NaN] = await numbers(m, 'W_scale');
    const madeFirst = (await numbers(m, 'W_quantized')).map((q, i) => q * w * factors[Math.floor(i / 3)]!);
    close(found.get('first')?.sqnrDb, first, madeFirst);
    const [v = NaN] = await numbers(m, 'V_scale');
    const madeSecond = (await numbers(m, 'V_quantized')).map((q, i) => (q * v) / factors[i % channels]!);
    close(found.get('second')?.sqnrDb, second, madeSecond);
  });
});
