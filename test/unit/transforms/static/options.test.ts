import assert from 'node:assert/strict';
import type { Model } from '../../../../src/onnx/model.ts';
import { applyRecipe, type StaticEdit } from '../../../../src/transforms/index.ts';
import { floats, graph, model, node, value } from '../../../support/model-builder.ts';
import { listing, numbers, recipe } from '../edits.ts';
import { calibrationOf, staticEdit } from './support.ts';

const channels = (absMax: readonly number[], mean: readonly number[] = absMax.map(() => 0)) => ({
  channels: {
    count: 1,
    mean: Float64Array.from(mean),
    meanSquare: Float64Array.from(mean),
    absMax: Float64Array.from(absMax),
  },
});

async function int32s(m: Model, name: string): Promise<number[]> {
  const low = await numbers(m, name);
  // read as 16-bit halves: low, high, low, high …
  return low.flatMap((half, i) => (i % 2 === 0 ? [half + (((low[i + 1] ?? 0) << 16) >> 0)] : []));
}

describe('cross-layer equalisation', () => {
  const pair = (between = 'Relu') =>
    model(
      graph({
        inputs: [value('x', ['n', 2, 4, 4])],
        outputs: [value('y', ['n', 1, 4, 4])],
        initializers: [
          floats('W', [2, 2, 1, 1], [8, 4, 1, -1]), // largest per output channel: 8, 1
          floats('b', [2], [4, 3]),
          floats('V', [1, 2, 1, 1], [2, 1]), // largest per input channel: 2, 1
        ],
        nodes: [
          node('Conv', ['x', 'W', 'b'], ['h'], { name: 'first' }),
          node(between, ['h'], ['r'], { name: 'between' }),
          node('Conv', ['r', 'V'], ['y'], { name: 'second' }),
        ],
      }),
    );
  const apply = (m: Model, options: Partial<StaticEdit> = {}) =>
    applyRecipe(m, recipe(staticEdit({ equalize: true, ...options })), {
      calibration: calibrationOf({ x: [0, 1], r: [0, 8], h: [-8, 8], y: [-1, 1] }, { r: channels([8, 3]) }),
    });

  it('gives both weights the same spread per channel: s = √(r₁ / r₂) = 2, 1', async () => {
    const { model: m, calibrationTargets } = apply(pair(), { granularity: 'per-channel' });
    // W / s: largest 4 and 1; V · s: 4, 1
    assert.deepEqual(
      await numbers(m, 'W_scale'),
      [4, 1].map((r) => Math.fround((2 * r) / 254)),
    );
    assert.deepEqual(await numbers(m, 'V_quantized'), [127, 32]);
    // r / s: largest 8 / 2 and 3
    assert.deepEqual(await numbers(m, 'r_scale'), [Math.fround(4 / 255)]);
    const steps = await numbers(m, 'b_quantized_scale');
    assert.deepEqual(
      await int32s(m, 'b_quantized'),
      [4 / 2, 3].map((b, c) => Math.round(b / steps[c]!)),
    );
    assert.deepEqual(calibrationTargets, [{ tensor: 'x' }, { tensor: 'r', channelAxis: 1 }, { tensor: 'y' }]);
  });

  it('leaves what is cut elsewhere than at 0 as it is', async () => {
    const { model: m } = apply(pair('Sigmoid'));
    assert.deepEqual(await numbers(m, 'V_quantized'), [127, 64]);
    const equalized = apply(pair()).model;
    assert.deepEqual(await numbers(equalized, 'V_quantized'), [127, 32]);
  });
});

describe('SmoothQuant', () => {
  const layer = (producer: 'LayerNormalization' | 'Neg', isShared = false) =>
    model(
      graph({
        inputs: [value('x', ['n', 2])],
        outputs: [value('y', ['n', 2]), ...(isShared ? [value('z', ['n', 2])] : [])],
        initializers: [
          floats('g', [2], [1, 1]),
          floats('b', [2], [0, 4]),
          floats('W', [2, 2], [1, -1, 0.25, 0.125]), // largest per row: 1, 0.25
        ],
        nodes: [
          producer === 'Neg'
            ? node('Neg', ['x'], ['h'], { name: 'before' })
            : node('LayerNormalization', ['x', 'g', 'b'], ['h'], { name: 'before' }),
          node('MatMul', ['h', 'W'], ['y'], { name: 'mm' }),
          ...(isShared ? [node('Neg', ['h'], ['z'], { name: 'other' })] : []),
        ],
      }),
    );
  const apply = (m: Model) =>
    applyRecipe(m, recipe(staticEdit({ smoothQuant: 0.5 })), {
      calibration: calibrationOf({ h: [-4, 4], y: [-1, 1] }, { h: channels([1, 4]) }),
    });

  // s = √max|x| / √max|W| = √1 / √1, √4 / √0.25 = 1, 4
  it('folds the factors into the LayerNormalization before', async () => {
    const { model: m, calibrationTargets } = apply(layer('LayerNormalization'));
    assert.deepEqual(await numbers(m, 'g_smoothed'), [1, 0.25]);
    assert.deepEqual(await numbers(m, 'b_smoothed'), [0, 1]);
    assert.deepEqual(await numbers(m, 'W_quantized'), [127, -127, 127, 64]); // 1, -1, 1, 0.5
    assert.deepEqual(await numbers(m, 'h_scale'), [Math.fround(2 / 255)]); // ±max(1 / 1, 4 / 4)
    assert.deepEqual(calibrationTargets, [{ tensor: 'h', channelAxis: -1 }]);
    assert.ok(!m.graph.initializers.has('g') && !m.graph.initializers.has('b'));
  });

  it('puts a Mul before the layer where the value comes from elsewhere or goes elsewhere, too', async () => {
    for (const m of [layer('Neg'), layer('LayerNormalization', true)]) {
      const { model: changed } = apply(m);
      assert.deepEqual(await numbers(changed, 'h_smooth_scale'), [1, 0.25]);
      const lines = listing(changed.graph);
      assert.ok(lines.includes('Mul(h, h_smooth_scale) -> h_smoothed'), lines.join('\n'));
      assert.ok(
        lines.includes(
          'QuantizeLinear(h_smoothed, h_smoothed_scale, h_smoothed_zero_point) -> h_smoothed_QuantizeLinear_Output',
        ),
      );
      assert.ok(!changed.graph.initializers.has('h_scale'));
    }
  });
});

describe('bias correction', () => {
  it('takes out of the bias what rounding the weight adds on average, group by group', async () => {
    const m = model(
      graph({
        inputs: [value('x', ['n', 2, 1, 1])],
        outputs: [value('y', ['n', 2, 1, 1])],
        initializers: [floats('W', [2, 1, 1, 1], [1, 0.3])],
        nodes: [node('Conv', ['x', 'W'], ['y'], { name: 'conv', group: 2 })],
      }),
    );
    const { model: changed, calibrationTargets } = applyRecipe(
      m,
      recipe(staticEdit({ biasCorrection: true })),
      {
        calibration: calibrationOf({ x: [0, 255], y: [0, 1] }, { x: channels([255, 255], [10, 100]) }),
      },
    );
    const scale = Math.fround(2 / 254);
    const [step = NaN] = await numbers(changed, 'W_bias_quantized_scale');
    // 0.3 is rounded to 38 steps: the error times the mean of its channel, 100, in steps of the bias (x's step is 1)
    const lost = [(1 - 127 * scale) * 10, (Math.fround(0.3) - 38 * scale) * 100];
    assert.equal(step, scale);
    assert.deepEqual(
      await int32s(changed, 'W_bias_quantized'),
      lost.map((l) => Math.round(l / step)),
    );
    assert.deepEqual(calibrationTargets, [{ tensor: 'x' }, { tensor: 'y' }, { tensor: 'x', channelAxis: 1 }]);
  });
});
