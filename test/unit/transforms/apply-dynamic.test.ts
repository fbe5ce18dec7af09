/** Dynamic int8: the nodes and tensors that stand for MatMul, Gemm and Conv, named as ONNX Runtime's tool names them. */
import assert from 'node:assert/strict';
import { DataType } from '../../../src/onnx/model.ts';
import { applyRecipe } from '../../../src/transforms/index.ts';
import {
  constant,
  float,
  floats,
  graph,
  model,
  node,
  ramp,
  value,
  type NodeSpec,
} from '../../support/model-builder.ts';
import { initializer, listing, numbers, quantize, recipe } from './edits.ts';

const matmul = (name = 'mm') =>
  model(
    graph({
      inputs: [value('x', [1, 2])],
      outputs: [value('y')],
      initializers: [floats('W', [2, 3], [1, -2, 3, 4, 5, -6])],
      nodes: [node('MatMul', ['x', 'W'], ['y'], { name })],
    }),
  );

describe('dynamic int8 of MatMul', () => {
  it('puts DynamicQuantizeLinear, MatMulInteger, Cast and two Muls in its place', () => {
    const { model: m, changes } = applyRecipe(matmul(), recipe(quantize()));
    assert.deepEqual(listing(m.graph), [
      'DynamicQuantizeLinear(x) -> x_quantized, x_scale, x_zero_point',
      'MatMulInteger(x_quantized, W_quantized, x_zero_point, W_zero_point) -> y_output_quantized',
      'Cast(y_output_quantized) -> y_output_quantized_cast_output',
      'Mul(x_scale, W_scale) -> mm_quant_scales_mul:0',
      'Mul(y_output_quantized_cast_output, mm_quant_scales_mul:0) -> y',
    ]);
    assert.deepEqual(changes, [
      {
        node: 'mm',
        edit: 0,
        status: 'applied',
        beforeBytes: 24, // 6 · 4
        afterBytes: 11, // 6 + scale 4 + zero point 1
        nodesAfter: [
          'x_QuantizeLinear',
          'mm_quant',
          'y_output_quantized_cast',
          'mm_quant_scales_mul',
          'mm_quant_output_scale_mul',
        ],
      },
    ]);
    assert.deepEqual([...m.graph.initializers.keys()], ['W_quantized', 'W_scale', 'W_zero_point']);
  });

  it('maps ±max|w| to ±127, with zero point 0, or 0..255 over the range, by weight type', async () => {
    const signed = applyRecipe(matmul(), recipe(quantize())).model;
    assert.deepEqual(await numbers(signed, 'W_scale'), [Math.fround(12 / 254)]);
    assert.deepEqual(await numbers(signed, 'W_zero_point'), [0]);
    // w · 127 / 6: 21.2, -42.3, 63.5 → 64 (even), 84.7, 105.8, -127
    assert.deepEqual(await numbers(signed, 'W_quantized'), [21, -42, 64, 85, 106, -127]);
    const unsigned = applyRecipe(matmul(), recipe(quantize({ weightType: 'uint8' }))).model;
    assert.deepEqual(await numbers(unsigned, 'W_scale'), [Math.fround(11 / 255)]);
    assert.deepEqual(await numbers(unsigned, 'W_zero_point'), [139]); // 6 / (11/255) = 139.09
    assert.deepEqual(await numbers(unsigned, 'W_quantized'), [162, 93, 209, 232, 255, 0]);
  });

  it('has one scale per column where asked', async () => {
    const { model: m, changes } = applyRecipe(matmul(), recipe(quantize({ granularity: 'per-channel' })));
    assert.deepEqual(initializer(m, 'W_scale').dims, [3]);
    assert.deepEqual(
      await numbers(m, 'W_scale'),
      [8, 10, 12].map((d) => Math.fround(d / 254)),
    );
    assert.deepEqual(await numbers(m, 'W_zero_point'), [0, 0, 0]);
    assert.equal(changes[0]!.afterBytes, 6 + 3 * 5);
  });

  it('has one zero point for a stack of matrices: one per column would have to be as deep', async () => {
    const stack = model(
      graph({
        inputs: [value('x', [2, 1, 2])],
        outputs: [value('y')],
        initializers: [floats('W', [2, 2, 3], ramp(12))],
        nodes: [node('MatMul', ['x', 'W'], ['y'], { name: 'mm' })],
      }),
    );
    for (const [weightType, zeroPoint] of [
      ['int8', 0],
      ['uint8', 128],
    ] as const) {
      const edit = quantize({ granularity: 'per-channel', weightType });
      const { model: m, changes } = applyRecipe(stack, recipe(edit));
      assert.deepEqual([initializer(m, 'W_scale').dims, initializer(m, 'W_zero_point').dims], [[3], []]);
      assert.deepEqual(await numbers(m, 'W_zero_point'), [zeroPoint]);
      assert.equal(changes[0]!.afterBytes, 12 + 3 * 4 + 1);
    }
  });

  it('quantizes one activation once, before its first user in the file', () => {
    const m = model(
      graph({
        inputs: [value('x')],
        outputs: [value('a'), value('b')],
        initializers: [floats('V', [2, 2], ramp(4)), floats('W', [2, 2], ramp(4))],
        nodes: [
          node('MatMul', ['x', 'V'], ['a'], { name: 'p' }),
          node('MatMul', ['x', 'W'], ['b'], { name: 'q' }),
        ],
      }),
    );
    // in two edits, the later node first
    const edits = [quantize({ layers: { nodes: ['q'] } }), quantize({ layers: { nodes: ['p'] } })];
    const ops = applyRecipe(m, recipe(...edits)).model.graph.nodes.map((n) => n.opType);
    assert.deepEqual(ops.slice(0, 2), ['DynamicQuantizeLinear', 'MatMulInteger']);
    assert.equal(ops.filter((o) => o === 'DynamicQuantizeLinear').length, 1);
  });

  it('takes the id as base of the names where a node has no name', () => {
    const { model: m, changes } = applyRecipe(matmul(''), recipe(quantize()));
    assert.equal(m.graph.nodes[1]!.name, 'MatMul_0_quant');
    assert.equal(changes[0]!.node, 'MatMul_0');
  });

  it('avoids names that are taken', () => {
    const m = model(
      graph({
        inputs: [value('x'), value('W_scale')],
        outputs: [value('y'), value('x_quantized')],
        initializers: [floats('W', [2, 2], ramp(4))],
        nodes: [node('MatMul', ['x', 'W'], ['y'], { name: 'mm' }), node('Neg', ['W_scale'], ['x_quantized'])],
      }),
    );
    const [dql, integer, , scales] = applyRecipe(m, recipe(quantize())).model.graph.nodes;
    assert.equal(dql!.outputs[0], 'x_quantized_1');
    assert.equal(integer!.inputs[0], 'x_quantized_1');
    assert.equal(scales!.inputs[1], 'W_scale_1');
  });
});

describe('dynamic int8 of Gemm', () => {
  const gemm = (attributes: NodeSpec, inputs = ['x', 'W', 'c']) =>
    model(
      graph({
        inputs: [value('x')],
        outputs: [value('y')],
        initializers: [floats('W', [2, 3], [1, -2, 3, 4, 5, -6]), floats('c', [3], [1, 2, 3])],
        nodes: [node('Gemm', inputs, ['y'], { ...attributes, name: 'fc' })],
      }),
    );

  it('is MatMul and Add', () => {
    const { model: m, changes } = applyRecipe(gemm({}), recipe(quantize()));
    assert.deepEqual(listing(m.graph).slice(1), [
      'MatMulInteger(x_quantized, W_quantized, x_zero_point, W_zero_point) -> y_MatMul_output_quantized',
      'Cast(y_MatMul_output_quantized) -> y_MatMul_output_quantized_cast_output',
      'Mul(x_scale, W_scale) -> fc_MatMul_quant_scales_mul:0',
      'Mul(y_MatMul_output_quantized_cast_output, fc_MatMul_quant_scales_mul:0) -> y_MatMul',
      'Add(y_MatMul, c) -> y',
    ]);
    assert.deepEqual([changes[0]!.beforeBytes, changes[0]!.afterBytes], [24 + 12, 11 + 12]);
  });

  it('without C is MatMul alone', () => {
    const { model: m } = applyRecipe(gemm({}, ['x', 'W']), recipe(quantize()));
    assert.deepEqual(m.graph.nodes.at(-1)!.outputs, ['y']);
    assert.equal(m.graph.nodes.at(-1)!.opType, 'Mul');
  });

  it('turns a transposed B while its weights stream by', async () => {
    const attributes = { transB: 1 };
    const { model: m } = applyRecipe(gemm(attributes), recipe(quantize({ granularity: 'per-channel' })));
    assert.deepEqual(initializer(m, 'W_Transposed_quantized').dims, [3, 2]);
    // rows of W are its output channels: scales 6/254 and 12/254
    assert.deepEqual(await numbers(m, 'W_Transposed_scale'), [Math.fround(6 / 254), Math.fround(12 / 254)]);
    // row 0: 1, -2, 3 → 42, -85, 127; row 1: 4, 5, -6 → 85, 106, -127
    assert.deepEqual(await numbers(m, 'W_Transposed_quantized'), [42, 85, -85, 106, 127, -127]);
  });

  it('puts alpha into the scale and multiplies C by beta', async () => {
    const attributes = { alpha: float(0.5), beta: float(3) };
    const { model: m } = applyRecipe(gemm(attributes), recipe(quantize()));
    assert.deepEqual(await numbers(m, 'W_scale'), [Math.fround(Math.fround(12 / 254) * 0.5)]);
    assert.ok(listing(m.graph).includes('Mul(c, fc_beta) -> c_scaled'));
    assert.equal(listing(m.graph).at(-1), 'Add(y_MatMul, c_scaled) -> y');
    assert.deepEqual(await numbers(m, 'fc_beta'), [3]);
  });

  it('turns a transposed A before it is quantized', () => {
    const { model: m } = applyRecipe(gemm({ transA: 1 }), recipe(quantize()));
    assert.deepEqual(listing(m.graph).slice(0, 2), [
      'Transpose(x) -> x_Transposed',
      'DynamicQuantizeLinear(x_Transposed) -> x_Transposed_quantized, x_Transposed_scale, x_Transposed_zero_point',
    ]);
  });
});

describe('dynamic int8 of Conv', () => {
  const conv = model(
    graph({
      inputs: [value('x')],
      outputs: [value('y')],
      initializers: [floats('W', [2, 1, 1, 2], [-1, 0, 2, 3]), floats('b', [2], [1, 2])],
      nodes: [node('Conv', ['x', 'W', 'b'], ['y'], { name: 'c', pads: [0, 0, 0, 1] })],
    }),
  );

  it('is ConvInteger with uint8 weights, whatever type is asked', async () => {
    const { model: m, warnings } = applyRecipe(conv, recipe(quantize()));
    assert.deepEqual(listing(m.graph), [
      'DynamicQuantizeLinear(x) -> x_quantized, x_scale, x_zero_point',
      'ConvInteger(x_quantized, W_quantized, x_zero_point, W_zero_point) -> y_output_quantized',
      'Cast(y_output_quantized) -> y_output_quantized_cast_output',
      'Mul(x_scale, W_scale) -> c_quant_scales_mul:0',
      'Mul(y_output_quantized_cast_output, c_quant_scales_mul:0) -> yquant_scaled_output',
      'Reshape(b, y_bias_reshape_shape) -> y_bias_reshape_output',
      'Add(yquant_scaled_output, y_bias_reshape_output) -> y',
    ]);
    assert.deepEqual(m.graph.nodes[1]!.attributes, conv.graph.nodes[0]!.attributes);
    assert.equal(initializer(m, 'W_quantized').dataType, DataType.uint8);
    assert.deepEqual(await numbers(m, 'W_quantized'), [0, 64, 191, 255]); // scale 4/255, zero point 63.75 → 64
    assert.deepEqual(await numbers(m, 'y_bias_reshape_shape'), [1, -1, 1, 1]);
    assert.deepEqual(warnings, []);
  });

  it('per channel is symmetric about one zero point, with scales that broadcast over the output', async () => {
    const { model: m, changes } = applyRecipe(conv, recipe(quantize({ granularity: 'per-channel' })));
    assert.deepEqual(initializer(m, 'W_scale').dims, [2, 1, 1]);
    assert.deepEqual(initializer(m, 'W_zero_point').dims, []);
    assert.deepEqual(await numbers(m, 'W_scale'), [Math.fround(2 / 254), Math.fround(6 / 254)]);
    assert.deepEqual(await numbers(m, 'W_zero_point'), [128]);
    // -1, 0 · 127; 2 · 127 / 3 = 84.67, 127; each + 128
    assert.deepEqual(await numbers(m, 'W_quantized'), [1, 128, 213, 255]);
    assert.equal(changes[0]!.afterBytes, 4 + 2 * 4 + 1 + 8); // integers, scales, zero point, bias
  });

  it('per channel gives 0 for a channel of zeros', async () => {
    const zeros = { ...conv, graph: { ...conv.graph, initializers: new Map(conv.graph.initializers) } };
    zeros.graph.initializers.set('W', floats('W', [2, 1, 1, 2], [0, 0, 2, 3]));
    const { model: m } = applyRecipe(zeros, recipe(quantize({ granularity: 'per-channel' })));
    assert.deepEqual((await numbers(m, 'W_quantized')).slice(0, 2), [128, 128]);
  });
});

describe('dynamic int8 wherever weights live', () => {
  it('takes weights from Constant nodes', async () => {
    const m = model(
      graph({
        inputs: [value('x')],
        outputs: [value('y')],
        nodes: [
          constant('W', floats('', [2, 2], [1, 2, 3, 4])),
          node('MatMul', ['x', 'W'], ['y'], { name: 'mm' }),
        ],
      }),
    );
    const { model: q } = applyRecipe(m, recipe(quantize()));
    assert.equal(q.graph.nodes[0]!.opType, 'DynamicQuantizeLinear');
    assert.deepEqual(await numbers(q, 'W_quantized'), [32, 64, 95, 127]); // 31.75, 63.5 → 64, 95.25, 127
  });

  it('looks through Identity and takes it away with the weight', () => {
    const m = model(
      graph({
        inputs: [value('x')],
        outputs: [value('y')],
        initializers: [floats('W', [2, 2], ramp(4))],
        nodes: [node('Identity', ['W'], ['V']), node('MatMul', ['x', 'V'], ['y'], { name: 'mm' })],
      }),
    );
    const { model: q } = applyRecipe(m, recipe(quantize()));
    assert.equal(
      q.graph.nodes.some((n) => n.opType === 'Identity'),
      false,
    );
    assert.equal(q.graph.initializers.has('W'), false);
  });

  const branch = (w: string) =>
    graph({ outputs: [value(`y_${w}`)], nodes: [node('MatMul', ['x', w], [`y_${w}`], { name: 'mm' })] });
  const nested = model(
    graph({
      inputs: [value('x'), value('cond')],
      outputs: [value('y')],
      initializers: [floats('W', [2, 2], ramp(4))],
      nodes: [
        node('If', ['cond'], ['y'], {
          name: 'if',
          then_branch: branch('W'),
          else_branch: { ...branch('V'), initializers: new Map([['V', floats('V', [2, 2], ramp(4))]]) },
        }),
      ],
    }),
  );

  it('takes weights of subgraphs, and those that subgraphs capture', () => {
    const { model: q, changes } = applyRecipe(nested, recipe(quantize()));
    assert.deepEqual(
      changes.map((c) => [c.node, c.nodesAfter[1]]),
      [
        ['if/then_branch/mm', 'if/then_branch/mm_quant'],
        ['if/else_branch/mm', 'if/else_branch/mm_quant_1'],
      ],
    );
    assert.deepEqual([...q.graph.initializers.keys()], ['W_quantized', 'W_scale', 'W_zero_point']);
    const [then, other] = [...q.graph.nodes[0]!.attributes.values()].map((a) =>
      a.kind === 'graph' ? a.value : assert.fail(),
    );
    assert.equal(then!.initializers.size, 0);
    assert.deepEqual([...other!.initializers.keys()], ['V_quantized', 'V_scale', 'V_zero_point']);
    assert.equal(then!.nodes.length, 5);
  });

  it('leaves an untouched branch the very object it was', () => {
    const { model: q } = applyRecipe(nested, recipe(quantize({ layers: { glob: '**/then_branch/*' } })));
    const before = nested.graph.nodes[0]!.attributes.get('else_branch');
    assert.equal(q.graph.nodes[0]!.attributes.get('else_branch'), before);
  });

  it('keeps the float weight for who else uses it, and says so; without another user it goes', () => {
    const shared = (other: string) =>
      model(
        graph({
          inputs: [value('x')],
          outputs: [value('y'), value('z')],
          initializers: [floats('W', [2, 2], ramp(4)), floats('V', [2, 2], ramp(4))],
          nodes: [
            node('MatMul', ['x', 'W'], ['y'], { name: 'mm' }),
            node('Neg', [other], ['z'], { name: 'neg' }),
          ],
        }),
      );
    const kept = applyRecipe(shared('W'), recipe(quantize()));
    assert.ok(kept.model.graph.initializers.has('W'));
    assert.deepEqual(
      kept.warnings.map((w) => [w.code, w.node, /neg still uses it/.test(w.message)]),
      [['float-copy-kept', 'mm', true]],
    );
    const gone = applyRecipe(shared('V'), recipe(quantize()));
    assert.equal(gone.model.graph.initializers.has('W'), false);
    assert.deepEqual(gone.warnings, []);
  });

  it('quantizes a weight that two layers share once', () => {
    const m = model(
      graph({
        inputs: [value('x'), value('z')],
        outputs: [value('a'), value('b')],
        initializers: [floats('W', [2, 2], ramp(4))],
        nodes: [
          node('MatMul', ['x', 'W'], ['a'], { name: 'p' }),
          node('MatMul', ['z', 'W'], ['b'], { name: 'q' }),
        ],
      }),
    );
    const { model: q, warnings } = applyRecipe(m, recipe(quantize()));
    assert.deepEqual([...q.graph.initializers.keys()], ['W_quantized', 'W_scale', 'W_zero_point']);
    assert.deepEqual(warnings, []);
  });
});
