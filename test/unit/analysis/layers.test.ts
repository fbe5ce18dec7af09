import assert from 'node:assert/strict';
import path from 'node:path';
import { analyze, describeNode, type Calibration } from '../../../src/analysis/index.ts';
import { layerName } from '../../../src/analysis/memory/layer-names.ts';
import { openModel, type Model } from '../../../src/onnx/index.ts';
import { applyRecipe, type Edit } from '../../../src/transforms/index.ts';
import { node } from '../../support/model-builder.ts';
import { article, branching, convolutional, quantized } from './models.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const all = { all: true } as const;
const int8Forms: Readonly<Record<string, Edit>> = {
  'dynamic int8': {
    type: 'quantize',
    layers: all,
    form: 'dynamic-int8',
    granularity: 'per-channel',
    weightType: 'int8',
    reduceRange: false,
  },
  'static int8': {
    type: 'quantize',
    layers: all,
    form: 'static',
    format: 'qdq',
    activationType: 'uint8',
    weightType: 'int8',
    granularity: 'per-tensor',
    range: 'minmax',
    isSymmetric: false,
  },
};
const calibration: Calibration = {
  samples: 1,
  statistics: () => ({ count: 1, min: -1, max: 1 }),
  gram: () => Promise.resolve(undefined),
};

const layersOf = (m: Parameters<typeof analyze>[0]) =>
  analyze(m)
    .estimate()
    .layers.map((l) => [l.name, l.opType, l.nodes]);

describe('layers', () => {
  it('take their bias and activation along', () => {
    assert.deepEqual(layersOf(article()), [
      ['fc1', 'Gemm', ['/fc1/Gemm', '/relu/Relu']],
      ['fc2', 'Gemm', ['/fc2/Gemm']],
    ]);
  });

  it('take normalisation and an activation of several nodes along, and the arithmetic of their shapes', () => {
    assert.deepEqual(layersOf(convolutional()), [
      [
        'block.0/conv',
        'Conv',
        ['/block.0/conv/Conv', '/block.0/bn/BatchNormalization', '/block.0/act/Sigmoid', '/block.0/act/Mul'],
      ],
      ['pool', 'MaxPool', ['/pool/MaxPool']],
      ['Reshape', 'Reshape', ['/Shape', '/Gather', '/Unsqueeze', '/Concat', '/Reshape']],
      ['head', 'MatMul', ['/head/MatMul', '/head/Add']],
    ]);
  });

  it('take quantization of their input and scaling of their output along', () => {
    const all = ['x_QuantizeLinear', 'fc_quant', 'fc_cast', 'fc_scales', 'fc_scale', 'fc_bias'];
    assert.deepEqual(layersOf(quantized()), [['fc_quant', 'MatMulInteger', all]]);
  });

  it('give what the last of their nodes gives, in its type', () => {
    const analysis = analyze(quantized());
    const estimate = analysis.estimate();
    const [layer] = estimate.layers;
    assert.deepEqual([layer?.opType, layer?.outputType], ['MatMulInteger', 'float32']);
    const facts = describeNode(analysis, estimate, layer?.id ?? '');
    assert.equal(facts.find((f) => f.label === 'outputType')?.value, 'float32');
  });

  for (const [form, edit] of Object.entries(int8Forms))
    for (const file of ['media/samples/fmnist_cnn.onnx', 'test/fixtures/models/mnist_transformer.onnx'])
      it(`of ${path.basename(file)}, made ${form} and read again, are those of the float model`, async () => {
        const original = await openModel(path.join(root, file));
        try {
          const source = { name: file, sizeBytes: original.source.file.sizeBytes };
          const { model: changed } = applyRecipe(
            original,
            { version: 1, source, edits: [edit] },
            { calibration },
          );
          const named = (m: Model) =>
            analyze(m)
              .estimate()
              .layers.map((l) => [l.name, l.outputShape, l.outputType]);
          assert.deepEqual(named(changed), named(original));
        } finally {
          await original.source.close();
        }
      });

  it('stay within their graph', () => {
    assert.deepEqual(layersOf(branching()), [
      ['if', 'If', ['if']],
      ['MatMul t.m', 'MatMul', ['if/then_branch/MatMul_0', 'if/then_branch/Add_1']],
      ['MatMul e.m', 'MatMul', ['if/else_branch/MatMul_0', 'if/else_branch/Add_1']],
    ]);
  });

  it('hold every executed node once, and its costs', () => {
    for (const m of [article(), branching(), convolutional(), quantized()]) {
      const { nodes, layers } = analyze(m).estimate();
      assert.deepEqual(layers.flatMap((l) => l.nodes).sort(), nodes.map((n) => n.id).sort());
      const sum = (list: readonly { parameterBytes: number }[]) =>
        list.reduce((n, x) => n + x.parameterBytes, 0);
      assert.equal(sum(layers), sum(nodes));
    }
  });

  const names: readonly (readonly [name: string, opType: string, output: string, expected: string])[] = [
    ['/encoder/layer.3/attention/self/query/MatMul', 'MatMul', 'q', 'encoder/layer.3/attention/self/query'],
    ['/features/features.0/features.0.0/Conv', 'Conv', 'c', 'features.0.0'],
    ['/a/b/Conv_12', 'Conv', 'c', 'a/b'],
    ['/ReduceMean', 'ReduceMean', 'm', 'ReduceMean'],
    ['conv1', 'Conv', 'c', 'conv1'],
    ['model/dense/BiasAdd', 'Add', 'c', 'model/dense/BiasAdd'],
    ['', 'Conv', 'conv2d_3.tmp_0', 'Conv conv2d_3.tmp_0'],
    ['/a/b/Conv_quant', 'ConvInteger', 'c', 'a/b'],
    ['/fc1/Gemm_MatMul_quant', 'MatMulInteger', 'c', 'fc1'],
  ];
  for (const [name, opType, output, expected] of names)
    it(`calls ${name || `a nameless ${opType}`} "${expected}"`, () => {
      assert.equal(layerName({ id: 'id', node: node(opType, [], [output], { name }) }), expected);
    });
});
