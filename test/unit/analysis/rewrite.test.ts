import assert from 'node:assert/strict';
import { analyze } from '../../../src/analysis/index.ts';
import { internals } from '../../../src/analysis/memory/analyze.ts';
import { DataType, type TensorRef } from '../../../src/onnx/index.ts';
import type { Node } from '../../../src/onnx/index.ts';
import { floats, graph, ints, model, node, tensor, value } from '../../support/model-builder.ts';

/** What runs on the CPU with optimization, in its order. */
function kernels(nodes: readonly Node[], output: string, initializers: readonly TensorRef[]): string[] {
  const m = model(
    graph({ inputs: [value('x', ['batch', 4, 8])], nodes, outputs: [value(output)], initializers }),
  );
  return internals(analyze(m))
    .compiled.level('all', 'cpu')
    .runtime.main.nodes.map((n) => n.opType);
}

describe('rewriting as ONNX Runtime does it', () => {
  // seen with 1.30: constant_sharing.cc takes numbers of up to 8 elements, and nothing else makes two constants one
  const twice = [
    node('Add', ['x', 'a'], ['xa']),
    node('Add', ['x', 'b'], ['xb']),
    node('Mul', ['xa', 'xb'], ['y']),
  ];
  it('computes once what two small constants of the same content give', () => {
    assert.deepEqual(kernels(twice, 'y', [floats('a', [8]), floats('b', [8])]), ['Add', 'Mul']);
  });

  it('computes twice what two larger ones give', () => {
    const initializers = [floats('a', [4, 8]), floats('b', [4, 8])];
    assert.deepEqual(kernels(twice, 'y', initializers), ['Add', 'Add', 'Mul']);
  });

  it('shares no constants of 8 bits', () => {
    const bytes = (name: string) => tensor(name, DataType.uint8, [], Uint8Array.of(1));
    const nodes = ['a', 'b'].flatMap((c) => [
      node('DequantizeLinear', [c, 'scale'], [`${c} dequantized`]),
      node('Add', ['x', `${c} dequantized`], [`x${c}`]),
    ]);
    const found = kernels([...nodes, node('Mul', ['xa', 'xb'], ['y'])], 'y', [
      ...[bytes('a'), bytes('b'), floats('scale', [])],
    ]);
    assert.equal(found.filter((n) => n === 'Add').length, 2);
  });

  const parameters = [
    floats('scale', []),
    tensor('zero', DataType.uint8, [], Uint8Array.of(0)),
    ints('shape', [0, 32]),
  ];
  it('quantizes before what only moves data', () => {
    const nodes = [
      node('Sigmoid', ['x'], ['s']),
      node('Reshape', ['s', 'shape'], ['r']),
      node('QuantizeLinear', ['r', 'scale', 'zero'], ['y']),
    ];
    assert.deepEqual(kernels(nodes, 'y', parameters), ['Sigmoid', 'QuantizeLinear', 'Reshape']);
  });

  it('and dequantizes after it', () => {
    const nodes = [
      node('QuantizeLinear', ['x', 'scale', 'zero'], ['q']),
      node('DequantizeLinear', ['q', 'scale', 'zero'], ['d']),
      node('Transpose', ['d'], ['t'], { perm: [0, 2, 1] }),
      node('Sigmoid', ['t'], ['y']),
    ];
    assert.deepEqual(kernels(nodes, 'y', parameters), [
      ...['QuantizeLinear', 'Transpose', 'DequantizeLinear', 'Sigmoid'],
    ]);
  });

  it('adds in a convolution that is not laid out in blocks, in the buffer of what it adds', () => {
    const weights = ['1', '2'].flatMap((i) => [floats(`w${i}`, [6, 3, 1, 1]), floats(`b${i}`, [6])]);
    const m = model(
      graph({
        inputs: [value('x', ['batch', 6, 20, 20])],
        nodes: [
          node('Conv', ['x', 'w1', 'b1'], ['c1'], { group: 2 }),
          node('Relu', ['c1'], ['r']),
          node('Conv', ['x', 'w2', 'b2'], ['c2'], { group: 2 }),
          node('Add', ['c2', 'r'], ['a']),
          node('Sigmoid', ['a'], ['s']),
          node('ReduceMean', ['s'], ['y'], { axes: [2, 3] }),
        ],
        outputs: [value('y')],
        initializers: weights,
      }),
    );
    const { main } = internals(analyze(m)).compiled.level('all', 'cpu').runtime;
    assert.deepEqual(
      main.nodes.map((n) => n.opType),
      ['FusedConv', 'FusedConv', 'ReduceMean'],
    );
    const [first, second] = main.plan.steps.map((s) => s.outputs[0]?.index);
    assert.equal(first, second);
  });
});

describe('a Resize that a Transpose moves past', () => {
  it('has scales of its own, in the order of the axes', () => {
    const resize = (scales: string, y: string, places: string) =>
      node('Resize', ['t', '', scales], [y], {
        mode: 'linear',
        coordinate_transformation_mode: places,
      });
    const scales = (name: string) =>
      tensor(name, DataType.float, [4], new Uint8Array(Float32Array.of(1, 1, 2, 4).buffer));
    const m = model(
      graph({
        inputs: [value('x', ['batch', 4, 8, 8], DataType.uint8)],
        nodes: [
          node('QLinearConv', ['x', 'scale', 'zero', 'w', 'scale', 'zero', 'scale', 'zero'], ['t']),
          resize('a', 'y', 'asymmetric'),
          resize('b', 'z', 'half_pixel'),
          node('Concat', ['y', 'z'], ['out'], { axis: 1 }),
        ],
        outputs: [value('out', ['batch', 4, 16, 32], DataType.uint8)],
        initializers: [
          ...[scales('a'), scales('b'), floats('scale', [])],
          tensor('zero', DataType.uint8, [], Uint8Array.of(0)),
          tensor('w', DataType.uint8, [2, 4, 1, 1], new Uint8Array(8)),
        ],
      }),
    );
    const { main } = internals(analyze(m)).compiled.level('all', 'cpu').runtime;
    const read = main.nodes.flatMap(({ opType, inputs }) => (opType === 'Resize' ? [inputs[2]] : []));
    assert.equal(read.length, 2);
    // what the convolution gives has the channels last: [batch, 8, 8, 2] becomes [batch, 16, 32, 2]
    for (const v of read)
      assert.deepEqual(v?.type.kind === 'tensor' ? v.type.content : undefined, [1, 2, 4, 1]);
    assert.equal(main.constants.filter((v) => v.constant?.dims.join() === '4').length, 2);
  });
});
