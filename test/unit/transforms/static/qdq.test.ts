import assert from 'node:assert/strict';
import { readTensor } from '../../../../src/onnx/index.ts';
import { DataType, type Model } from '../../../../src/onnx/model.ts';
import { applyRecipe, type StaticEdit } from '../../../../src/transforms/index.ts';
import {
  constant,
  floats,
  graph,
  int64s,
  model,
  node,
  tensor,
  value,
} from '../../../support/model-builder.ts';
import { decode, initializer, listing, numbers, recipe } from '../edits.ts';
import { calibrationOf, staticEdit } from './support.ts';

/** x → Conv → Relu → MaxPool → Flatten → Gemm → y */
function cnn(weight: readonly number[] = [0.5, -2]): Model {
  return model(
    graph({
      inputs: [value('x', ['batch', 1, 4, 4])],
      outputs: [value('y', ['batch', 2])],
      initializers: [
        floats('W', [2, 1, 1, 1], [...weight]),
        floats('b', [2], [1, -1]),
        floats('F', [8, 2]),
        floats('c', [2], [0.25, -0.5]),
      ],
      nodes: [
        node('Conv', ['x', 'W', 'b'], ['h'], { name: 'conv' }),
        node('Relu', ['h'], ['r'], { name: 'relu' }),
        node('MaxPool', ['r'], ['p'], { name: 'pool', kernel_shape: [2, 2], strides: [2, 2] }),
        node('Flatten', ['p'], ['f'], { name: 'flatten' }),
        node('Gemm', ['f', 'F', 'c'], ['y'], { name: 'fc' }),
      ],
    }),
  );
}
const RANGES = { x: [0, 2.55], r: [0, 5.1], y: [-1, 1] } as const;

function applied(m: Model, options: Partial<StaticEdit> = {}, ranges: object = RANGES) {
  const calibration = calibrationOf(ranges as Parameters<typeof calibrationOf>[0]);
  return applyRecipe(m, recipe(staticEdit(options)), { calibration });
}

describe('static quantization, QDQ', () => {
  it('puts pairs around each layer; Relu goes, and what moves values keeps their scale', () => {
    const { model: m, changes, warnings } = applied(cnn());
    assert.deepEqual(listing(m.graph), [
      'DequantizeLinear(W_quantized, W_scale, W_zero_point) -> W_DequantizeLinear_Output',
      'DequantizeLinear(b_quantized, b_quantized_scale, b_quantized_zero_point) -> b_DequantizeLinear_Output',
      'QuantizeLinear(x, x_scale, x_zero_point) -> x_QuantizeLinear_Output',
      'DequantizeLinear(x_QuantizeLinear_Output, x_scale, x_zero_point) -> x_DequantizeLinear_Output',
      'Conv(x_DequantizeLinear_Output, W_DequantizeLinear_Output, b_DequantizeLinear_Output) -> r',
      'QuantizeLinear(r, r_scale, r_zero_point) -> r_QuantizeLinear_Output',
      'DequantizeLinear(r_QuantizeLinear_Output, r_scale, r_zero_point) -> r_DequantizeLinear_Output',
      'MaxPool(r_DequantizeLinear_Output) -> p',
      'QuantizeLinear(p, r_scale, r_zero_point) -> p_QuantizeLinear_Output',
      'DequantizeLinear(p_QuantizeLinear_Output, r_scale, r_zero_point) -> p_DequantizeLinear_Output',
      'Flatten(p_DequantizeLinear_Output) -> f',
      'DequantizeLinear(F_quantized, F_scale, F_zero_point) -> F_DequantizeLinear_Output',
      'DequantizeLinear(c_quantized, c_quantized_scale, c_quantized_zero_point) -> c_DequantizeLinear_Output',
      'QuantizeLinear(f, r_scale, r_zero_point) -> f_QuantizeLinear_Output',
      'DequantizeLinear(f_QuantizeLinear_Output, r_scale, r_zero_point) -> f_DequantizeLinear_Output',
      'Gemm(f_DequantizeLinear_Output, F_DequantizeLinear_Output, c_DequantizeLinear_Output) -> y',
    ]);
    assert.deepEqual(
      changes.map((c) => c.status),
      Array<string>(5).fill('applied'),
    );
    // weight 2 + scale 4 + zero point 1; bias 2 · 4 + 4 + 4
    assert.deepEqual([changes[0]!.beforeBytes, changes[0]!.afterBytes], [16, 7 + 16]);
    assert.deepEqual(warnings, []);
    assert.ok(!m.graph.initializers.has('W') && !m.graph.initializers.has('b'));
  });

  it('spreads activations over the integers as calibration says, and the bias in steps of both scales', async () => {
    const { model: m } = applied(cnn());
    const scale = Math.fround(Math.fround(2.55) / 255);
    assert.deepEqual(await numbers(m, 'x_scale'), [scale]);
    assert.deepEqual(await numbers(m, 'x_zero_point'), [0]);
    const weight = Math.fround(4 / 254); // ±2 over -127..127
    assert.deepEqual(await numbers(m, 'W_scale'), [weight]);
    assert.deepEqual(await numbers(m, 'W_quantized'), [32, -127]); // 0.5 / (4 / 254) = 31.75
    const step = Math.fround(scale * weight);
    assert.deepEqual(await numbers(m, 'b_quantized_scale'), [step]);
    const bias = new Int32Array(Uint8Array.from(await bytes(m, 'b_quantized')).buffer);
    assert.deepEqual([...bias], [Math.round(1 / step), -Math.round(1 / step)]);
    assert.deepEqual(initializer(m, 'b_quantized').dims, [2]);
  });

  const ZERO_POINTS: readonly [Partial<StaticEdit>, scale: number, zeroPoint: number][] = [
    [{}, 4 / 255, 64], // 0 - -1 / (4 / 255) = 63.75
    [{ activationType: 'int8' }, 4 / 255, -64], // -128 + 63.75
    [{ isSymmetric: true }, 6 / 255, 128],
    [{ activationType: 'int8', isSymmetric: true }, 6 / 254, 0],
    [{ activationType: 'uint16' }, 4 / 65535, 16384], // 16383.75
    [{ activationType: 'int16', isSymmetric: true }, 6 / 65534, 0],
  ];
  for (const [options, scale, zeroPoint] of ZERO_POINTS) {
    it(`of -1..3 in ${JSON.stringify(options)}`, async () => {
      const { model: m } = applied(cnn(), options, { ...RANGES, h: [-1, 1], x: [-1, 3] });
      assert.deepEqual(await numbers(m, 'x_scale'), [Math.fround(scale)]);
      const [found] = await decode(m, initializer(m, 'x_zero_point'));
      const is16 = initializer(m, 'x_zero_point').dataType === DataType.int16;
      assert.equal(is16 ? (found! << 16) >> 16 : found, zeroPoint);
    });
  }

  it('keeps Relu where the integers do not end at 0, with the range that comes out of it', () => {
    const { model: m, calibrationTargets } = applied(cnn(), { isSymmetric: true });
    assert.ok(listing(m.graph).includes('Relu(h_DequantizeLinear_Output) -> r'));
    assert.deepEqual(
      calibrationTargets.map((t) => t.tensor),
      ['x', 'r'],
    );
  });

  it('has one scale per output channel where asked', async () => {
    const { model: m } = applied(cnn(), { granularity: 'per-channel' });
    assert.deepEqual(
      await numbers(m, 'W_scale'),
      [1, 4].map((d) => Math.fround(d / 254)),
    );
    assert.deepEqual(initializer(m, 'b_quantized_scale').dims, [2]);
    const axes = m.graph.nodes.filter((n) => n.inputs[0] === 'W_quantized' || n.inputs[0] === 'F_quantized');
    assert.deepEqual(
      axes.map((n) => n.attributes.get('axis')),
      [0n, 1n].map((axis) => ({ name: 'axis', kind: 'int', value: axis })),
    );
  });

  it('asks calibration for ranges only, and for histograms where the method needs them', () => {
    assert.deepEqual(applyRecipe(cnn(), recipe(staticEdit())).calibrationTargets, [
      { tensor: 'x' },
      { tensor: 'r' },
    ]);
    assert.deepEqual(applyRecipe(cnn(), recipe(staticEdit({ range: 'mse' }))).calibrationTargets, [
      { tensor: 'x', histogramBins: 2048 },
      { tensor: 'r', histogramBins: 2048 },
    ]);
  });

  it('names the value whose range is missing or no number', async () => {
    const planned = applyRecipe(cnn(), recipe(staticEdit())).model;
    await assert.rejects(numbers(planned, 'x_scale'), /the scale of "x" needs calibration data/);
    const partly = applied(cnn(), {}, { x: [0, 1] }).model;
    await assert.rejects(numbers(partly, 'r_scale'), /calibration collected nothing of "r"/);
    assert.deepEqual(await numbers(partly, 'x_zero_point'), [0]);
    const bad = applied(cnn(), {}, { ...RANGES, x: [0, NaN] }).model;
    await assert.rejects(numbers(bad, 'x_scale'), /"x" ranges from 0 to NaN/);
    const seen = (count: number, nonFinite: number) =>
      applyRecipe(cnn(), recipe(staticEdit()), {
        calibration: calibrationOf({ ...RANGES, x: [0, 0] }, { x: { count, nonFinite } }),
      }).model;
    await assert.rejects(numbers(seen(0, 8), 'x_scale'), /calibration saw no finite value of "x"/);
    // some are finite, or there were none at all
    assert.equal((await numbers(seen(1, 7), 'x_scale')).length, 1);
    assert.equal((await numbers(seen(0, 0), 'x_scale')).length, 1);
  });

  it('names the weight, the element and the node where one is no number', async () => {
    const { model: changed } = applied(cnn([0.5, NaN]), {}, RANGES);
    await assert.rejects(readTensor(changed, initializer(changed, 'W_quantized')), {
      kind: 'unsupported',
      message: /tensor "W" holds NaN or an infinity at element 1;.*node conv/,
    });
  });

  it('gives the steps of a weight more width where its bias would leave int32', async () => {
    const m = model(
      graph({
        inputs: [value('x', ['n', 1])],
        outputs: [value('y', ['n', 1])],
        initializers: [floats('F', [1, 1], [1e-6]), floats('c', [1], [1000])],
        nodes: [node('Gemm', ['x', 'F', 'c'], ['y'], { name: 'fc' })],
      }),
    );
    const { model: changed } = applied(m, {}, { x: [0, 2.55e-4] });
    // 1000 in steps of 1e-6 · 1e-6 / 127 would be far beyond 2^31
    const [q] = new Int32Array(Uint8Array.from(await bytes(changed, 'c_quantized')).buffer);
    const [step] = await numbers(changed, 'c_quantized_scale');
    assert.ok(Math.abs(q! * step! - 1000) < 0.01, `${q} · ${step}`);
  });

  it('folds BatchNormalization into the Conv before it', async () => {
    const m = model(
      graph({
        inputs: [value('x', [1, 1, 2, 2])],
        outputs: [value('y', [1, 1, 2, 2])],
        initializers: [
          floats('W', [1, 1, 1, 1], [2]),
          floats('s', [1], [3]),
          floats('t', [1], [1]),
          floats('m', [1], [0.5]),
          floats('v', [1], [4]),
        ],
        nodes: [
          node('Conv', ['x', 'W'], ['h'], { name: 'conv' }),
          node('BatchNormalization', ['h', 's', 't', 'm', 'v'], ['n'], {
            name: 'bn',
            epsilon: { kind: 'float', value: 0 },
          }),
          node('Neg', ['n'], ['y'], { name: 'neg' }),
        ],
      }),
    );
    const { model: changed, changes } = applied(m, {}, { x: [0, 255], n: [0, 1] });
    assert.deepEqual(
      listing(changed.graph).filter((line) => !/^(De)?[Qq]uantize/.test(line)),
      [
        'Conv(x_DequantizeLinear_Output, W_DequantizeLinear_Output, t_folded_DequantizeLinear_Output) -> n',
        'Neg(n_DequantizeLinear_Output) -> y',
      ],
    );
    // 2 · 3 / √4 = 3; 1 - 0.5 · 1.5 = 0.25
    assert.deepEqual(await numbers(changed, 'W_scale'), [Math.fround(6 / 254)]);
    const [q] = new Int32Array(Uint8Array.from(await bytes(changed, 't_folded_quantized')).buffer);
    const [step] = await numbers(changed, 't_folded_quantized_scale');
    assert.ok(Math.abs(q! * step! - 0.25) <= step! / 2);
    assert.deepEqual(
      changes.map((c) => c.afterBytes),
      [1 + 5 + 12, 0],
    );
  });

  it('rounds a result of the graph only where its node needs it', () => {
    const conv = model(
      graph({
        inputs: [value('x', [1, 1, 2, 2])],
        outputs: [value('y', [1, 1, 2, 2])],
        initializers: [floats('W', [1, 1, 1, 1], [2])],
        nodes: [node('Conv', ['x', 'W'], ['y'], { name: 'conv' })],
      }),
    );
    assert.deepEqual(listing(applied(conv).model.graph).slice(-3), [
      'Conv(x_DequantizeLinear_Output, W_DequantizeLinear_Output) -> y_QuantizeLinear_Input',
      'QuantizeLinear(y_QuantizeLinear_Input, y_scale, y_zero_point) -> y_QuantizeLinear_Output',
      'DequantizeLinear(y_QuantizeLinear_Output, y_scale, y_zero_point) -> y',
    ]);
    assert.equal(listing(applied(cnn()).model.graph).at(-1)?.endsWith('-> y'), true);
  });

  it('takes constants beside activations, in their type', async () => {
    const m = model(
      graph({
        inputs: [value('x', ['n', 2])],
        outputs: [value('y', ['n', 2])],
        initializers: [floats('W', [2, 2]), floats('a', [2], [-1, 3])],
        nodes: [
          node('MatMul', ['x', 'W'], ['h'], { name: 'mm' }),
          node('Add', ['h', 'a'], ['y'], { name: 'add' }),
        ],
      }),
    );
    const wide = { activationType: 'int16', isSymmetric: true } as const;
    const ranges = { x: [0, 1], h: [-1, 1], y: [0, 1] };
    const { model: narrow } = applied(m, {}, ranges);
    assert.deepEqual(await numbers(narrow, 'a_quantized'), [0, 255]); // 64 - 63.75 = 0.25
    const { model: changed } = applied(m, wide, ranges);
    const values = new Int16Array(Uint8Array.from(await bytes(changed, 'a_quantized')).buffer);
    assert.deepEqual([...values], [-10922, 32767]);
    assert.deepEqual(
      [
        ...new Set(
          changed.graph.nodes.filter((n) => n.opType.endsWith('quantizeLinear')).map((n) => n.domain),
        ),
      ],
      ['com.microsoft'],
    );
  });
});

async function bytes(m: Model, name: string): Promise<Uint8Array> {
  return readTensor(m, initializer(m, name));
}

describe('what static quantization leaves alone', () => {
  const CASES: readonly [title: string, m: Model, node: string, reason: RegExp][] = [
    [
      'a weight that is quantized already',
      model(
        graph({
          inputs: [value('x', [1, 1, 2, 2])],
          outputs: [value('y')],
          initializers: [
            tensor('q', DataType.int8, [1, 1, 1, 1], new Uint8Array(1)),
            floats('s', [], [1]),
            tensor('z', DataType.int8, [], new Uint8Array(1)),
          ],
          nodes: [
            node('DequantizeLinear', ['q', 's', 'z'], ['W'], { name: 'dq' }),
            node('Conv', ['x', 'W'], ['y'], { name: 'conv' }),
          ],
        }),
      ),
      'conv',
      /already quantized: W comes from DequantizeLinear "dq"/,
    ],
    [
      'a weight that is computed',
      model(
        graph({
          inputs: [value('x', ['n', 2]), value('W', [2, 2])],
          outputs: [value('y')],
          initializers: [floats('c', [2])],
          nodes: [node('Gemm', ['x', 'W', 'c'], ['y'], { name: 'fc' })],
        }),
      ),
      'fc',
      /B is not constant: "W" is a graph input/,
    ],
    [
      'a bias per row',
      model(
        graph({
          inputs: [value('x', [3, 2])],
          outputs: [value('y')],
          initializers: [floats('W', [2, 2]), floats('c', [3, 2])],
          nodes: [node('Gemm', ['x', 'W', 'c'], ['y'], { name: 'fc' })],
        }),
      ),
      'fc',
      /the bias "c" has the shape \[3, 2\], not \[2\]/,
    ],
    [
      'integers',
      model(
        graph({
          inputs: [value('x', ['n'], DataType.int64)],
          outputs: [value('y')],
          initializers: [int64s('a', [1], [1])],
          nodes: [node('Add', ['x', 'a'], ['y'], { name: 'add' })],
        }),
      ),
      'add',
      /not float32/,
    ],
    [
      'an operator without weights among floats',
      model(
        graph({
          inputs: [value('x', ['n'])],
          outputs: [value('y')],
          nodes: [constant('a', floats('', [1], [1])), node('Add', ['x', 'a'], ['y'], { name: 'add' })],
        }),
      ),
      'add',
      /"x" is not quantized by what gives it/,
    ],
  ];
  for (const [title, m, id, reason] of CASES) {
    it(title, () => {
      const { changes, model: changed } = applied(m);
      const change = changes.find((c) => c.node === id);
      assert.equal(change?.status, 'blocked');
      assert.match(change.reason ?? '', reason);
      assert.equal(changed, m);
    });
  }
});
