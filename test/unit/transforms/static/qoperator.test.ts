import assert from 'node:assert/strict';
import type { Node } from '../../../../src/onnx/model.ts';
import { applyRecipe } from '../../../../src/transforms/index.ts';
import { floats, graph, model, node, value, type NodeSpec } from '../../../support/model-builder.ts';
import { listing, recipe } from '../edits.ts';
import { staticEdit } from './support.ts';

/** x [1, 2, 4, 4] → Conv → h, then `nodes` → y */
function behindConv(nodes: readonly Node[], more = [floats('a', [2])]) {
  return model(
    graph({
      inputs: [value('x', [1, 2, 4, 4])],
      outputs: [value('y')],
      initializers: [floats('W', [2, 2, 1, 1]), floats('b', [2]), ...more],
      nodes: [node('Conv', ['x', 'W', 'b'], ['h'], { name: 'conv' }), ...nodes],
    }),
  );
}

function operators(nodes: readonly Node[]): string[] {
  const { model: m } = applyRecipe(behindConv(nodes), recipe(staticEdit({ format: 'qoperator' })));
  return listing(m.graph);
}

describe('static quantization, integer operators', () => {
  it('has floats where the model begins and ends only', () => {
    assert.deepEqual(
      operators([node('Relu', ['h'], ['r']), node('MaxPool', ['r'], ['y'], { kernel_shape: [2, 2] })]),
      [
        'QuantizeLinear(x, x_scale, x_zero_point) -> x_quantized',
        'QLinearConv(x_quantized, x_scale, x_zero_point, W_quantized, W_scale, W_zero_point, r_scale, r_zero_point, b_quantized) -> r_quantized',
        'MaxPool(r_quantized) -> y_quantized',
        'DequantizeLinear(y_quantized, r_scale, r_zero_point) -> y',
      ],
    );
  });

  it('gives a value in both forms where a float operator takes it, too', () => {
    const lines = operators([node('Neg', ['h'], ['n']), node('Add', ['h', 'n'], ['y'])]);
    assert.deepEqual(lines.slice(2), [
      'DequantizeLinear(h_quantized, h_scale, h_zero_point) -> h',
      'Neg(h) -> n',
      'QuantizeLinear(n, n_scale, n_zero_point) -> n_quantized',
      'QLinearAdd(h_quantized, h_scale, h_zero_point, n_quantized, n_scale, n_zero_point, y_scale, y_zero_point) -> y_quantized',
      'DequantizeLinear(y_quantized, y_scale, y_zero_point) -> y',
    ]);
  });

  const h = 'h_quantized, h_scale, h_zero_point';
  const CASES: readonly [opType: string, inputs: readonly string[], attributes: NodeSpec, line: string][] = [
    ['Mul', ['h', 'a'], {}, `QLinearMul(${h}, a_quantized, a_scale, a_zero_point, y_scale, y_zero_point)`],
    ['Sigmoid', ['h'], {}, `QLinearSigmoid(${h}, y_scale, y_zero_point)`],
    ['LeakyRelu', ['h'], { alpha: 0.1 }, `QLinearLeakyRelu(${h}, y_scale, y_zero_point)`],
    ['GlobalAveragePool', ['h'], {}, `QLinearGlobalAveragePool(${h}, y_scale, y_zero_point)`],
    ['AveragePool', ['h'], { kernel_shape: [2, 2] }, `QLinearAveragePool(${h}, h_scale, h_zero_point)`],
    ['Concat', ['h', 'h'], { axis: 1 }, `QLinearConcat(y_scale, y_zero_point, ${h}, ${h})`],
    ['Softmax', ['h'], { axis: 1 }, `QLinearSoftmax(${h}, y_scale, y_zero_point)`],
    ['Transpose', ['h'], { perm: [0, 2, 3, 1] }, 'Transpose(h_quantized)'],
    ['MatMul', ['h', 'h'], {}, `QLinearMatMul(${h}, ${h}, y_scale, y_zero_point)`],
  ];
  for (const [opType, inputs, attributes, line] of CASES) {
    it(opType, () => {
      assert.equal(operators([node(opType, inputs, ['y'], attributes)])[2], `${line} -> y_quantized`);
    });
  }

  it('Gemm is QGemm, its bias beside the weight, without beta', () => {
    const gemm = model(
      graph({
        inputs: [value('x', ['n', 2])],
        outputs: [value('y')],
        initializers: [floats('F', [2, 3]), floats('c', [3])],
        nodes: [node('Gemm', ['x', 'F', 'c'], ['y'], { name: 'fc', beta: 0.5, alpha: 0.5 })],
      }),
    );
    const { model: m } = applyRecipe(gemm, recipe(staticEdit({ format: 'qoperator' })));
    assert.equal(
      listing(m.graph)[1],
      'QGemm(x_quantized, x_scale, x_zero_point, F_quantized, F_scale, F_zero_point, c_quantized, y_scale, y_zero_point) -> y_quantized',
    );
    assert.deepEqual([...m.graph.nodes[1]!.attributes.keys()], ['alpha']);
    assert.deepEqual(
      m.opsetImports.map((o) => o.domain),
      ['', 'com.microsoft'],
    );
  });

  it('leaves alone what has no integer operator', () => {
    const m = behindConv([node('Relu', ['h'], ['y'], { name: 'relu' })]);
    const symmetric = applyRecipe(m, recipe(staticEdit({ format: 'qoperator', isSymmetric: true })));
    assert.match(
      symmetric.changes.find((c) => c.node === 'relu')?.reason ?? '',
      /there is no integer operator of Relu: use QDQ/,
    );
    assert.deepEqual(listing(symmetric.model.graph).slice(-2), [
      'DequantizeLinear(h_quantized, h_scale, h_zero_point) -> h',
      'Relu(h) -> y',
    ]);
  });
});
