import assert from 'node:assert/strict';
import { analyze, trainingEstimate, type TrainingOptions } from '../../../src/analysis/index.ts';
import type { Model, Node } from '../../../src/onnx/index.ts';
import { constant, floats, graph, model, node, value } from '../../support/model-builder.ts';
import { article, branching, quantized, withUnknown } from './models.ts';

const train = (m: Model, options: TrainingOptions = {}) => trainingEstimate(analyze(m), options);
const articleCount = 100 * 1000 + 100 + 10 * 100 + 10;

/** Layers of `width`, each followed by a Relu. */
function chain(layers: number, width = 64): Model {
  const nodes: Node[] = [];
  for (let i = 0; i < layers; i++)
    nodes.push(
      node('MatMul', [i === 0 ? 'x' : `r${i - 1}`, `w${i}`], [`m${i}`]),
      node('Relu', [`m${i}`], [i === layers - 1 ? 'y' : `r${i}`]),
    );
  return model(
    graph({
      inputs: [value('x', ['batch', width])],
      nodes,
      outputs: [value('y')],
      initializers: Array.from({ length: layers }, (_, i) => floats(`w${i}`, [width, width])),
    }),
  );
}

/** conv, norm, relu, pool, linear, as PyTorch exports them in training mode. */
function convolutionalClassifier(): Model {
  return model(
    graph({
      inputs: [value('x', ['n', 3, 32, 32])],
      nodes: [
        node('Conv', ['x', 'w', 'b'], ['c'], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
        node('BatchNormalization', ['c', 'scale', 'bias', 'mean', 'var'], ['n', 'mean2', 'var2'], {
          training_mode: 1,
        }),
        node('Relu', ['n'], ['r']),
        node('MaxPool', ['r'], ['p'], { kernel_shape: [2, 2], strides: [2, 2] }),
        node('Flatten', ['p'], ['f']),
        node('Gemm', ['f', 'fc.w', 'fc.b'], ['y'], { transB: 1 }),
      ],
      outputs: [value('y')],
      initializers: [
        floats('w', [32, 3, 3, 3]),
        ...['b', 'scale', 'bias', 'mean', 'var'].map((name) => floats(name, [32])),
        floats('fc.w', [10, 8192]),
        floats('fc.b', [10]),
      ],
    }),
  );
}

/** GELU as exporters write it out before opset 20. */
function writtenOutGelu(): Model {
  return model(
    graph({
      inputs: [value('x', ['batch', 64])],
      nodes: [
        constant('root2', floats('', [], [Math.SQRT2])),
        constant('one', floats('', [], [1])),
        constant('half', floats('', [], [0.5])),
        node('Gemm', ['x', 'w', 'b'], ['h']),
        node('Div', ['h', 'root2'], ['d']),
        node('Erf', ['d'], ['e']),
        node('Add', ['e', 'one'], ['a']),
        node('Mul', ['h', 'a'], ['m']),
        node('Mul', ['m', 'half'], ['g']),
        node('MatMul', ['g', 'v'], ['y']),
      ],
      outputs: [value('y')],
      initializers: [floats('w', [64, 128]), floats('b', [128]), floats('v', [128, 8])],
    }),
  );
}

const sum = (figures: readonly { bytes: number | undefined }[]) =>
  figures.reduce((n, f) => n + (f.bytes ?? Number.NaN), 0);

describe('training', () => {
  const states: readonly (readonly [TrainingOptions, ...number[]])[] = [
    // options; weights, gradients, optimizer state, master copy: bytes per parameter
    [{ optimizer: 'sgd' }, 4, 4, 0, 0],
    [{ optimizer: 'momentum' }, 4, 4, 4, 0],
    [{ optimizer: 'adam' }, 4, 4, 8, 0],
    [{ optimizer: 'adamw' }, 4, 4, 8, 0],
    // Rajbhandari et al. 2020 (ZeRO), section 3.1: 16 bytes per parameter
    [{ optimizer: 'adam', precision: 'mixed' }, 2, 2, 8, 4],
  ];
  for (const [options, ...expected] of states)
    it(`holds ${expected.join(' + ')} bytes per parameter with ${JSON.stringify(options)}`, () => {
      const t = train(article(), options);
      assert.deepEqual(
        [t.weights, t.gradients, t.optimizerState, t.masterWeights].map((f) => (f.bytes ?? 0) / articleCount),
        expected,
      );
    });

  // what PyTorch 2.13 saves with oneDNN off, every storage once: x, and of each step h, c, its tanh and the four gates
  it('keeps of an LSTM what PyTorch’s own kernels keep', () => {
    const [steps, batch, inputs, hidden] = [20, 4, 32, 64];
    const lstm = model(
      graph({
        inputs: [value('x', [steps, batch, inputs])],
        nodes: [node('LSTM', ['x', 'w', 'r', 'b'], ['y', 'h', 'c'], { hidden_size: hidden })],
        outputs: [value('y')],
        initializers: [
          floats('w', [1, 4 * hidden, inputs]),
          floats('r', [1, 4 * hidden, hidden]),
          floats('b', [1, 8 * hidden]),
        ],
      }),
    );
    assert.equal(train(lstm).activations.bytes, 153_600);
  });

  it('holds 8-bit states in blocks of 256, small tensors in 32 bits', () => {
    const t = train(article(), { optimizer: 'adamw', optimizerBits: 8 });
    const large = 100 * 1000;
    const small = articleCount - large;
    assert.equal(t.optimizerState.bytes, 2 * (large + 4 * Math.ceil(large / 256) + 4 * small));
  });

  it('keeps the input of each product and the result of Relu, as PyTorch does', () => {
    const t = train(article(), { dims: { batch: 32 } });
    assert.deepEqual(
      t.kept.map((k) => [k.name, k.bytes, k.producer, k.opType]),
      [
        ['input', 32 * 4000, undefined, 'Gemm'],
        ['/relu/Relu_output_0', 32 * 400, '/relu/Relu', 'Relu'],
      ],
    );
    assert.equal(t.activations.formula, 'batch·4400');
    assert.equal(t.activations.bytes, 32 * 4400);
  });

  it('keeps of a convolutional net what PyTorch’s autograd saves', () => {
    const t = train(convolutionalClassifier(), { dims: { n: 2 } });
    const image = 2 * 32 * 32 * 32 * 4;
    assert.deepEqual(
      t.keptByOperator.map((o) => [o.opType, o.bytes]),
      [
        // its input, and mean and deviation by channel
        ['BatchNormalization', image + 2 * 32 * 4],
        ['Relu', image],
        // int64 places of a quarter as many maxima
        ['MaxPool', image / 2],
        ['Gemm', image / 4],
        ['Conv', 2 * 3 * 32 * 32 * 4],
      ].sort(([, a], [, b]) => Number(b) - Number(a)),
    );
    // statistics are not trained
    assert.equal(t.frozenCount, 64);
  });

  it('takes a written-out GELU for the function it is: its argument only', () => {
    const t = train(writtenOutGelu());
    assert.deepEqual(t.kept.map((k) => `${k.name} ${k.opType}`).sort(), ['g MatMul', 'h Gelu', 'x Gemm']);
  });

  it('adds up to its peak', () => {
    for (const checkpointing of ['none', 'sqrt', 3] as const) {
      const t = train(chain(9), { checkpointing, dims: { batch: 128 } });
      const parts = [t.weights, t.gradients, t.optimizerState, t.masterWeights, t.activations, t.transient];
      assert.equal(t.peak.bytes, sum(parts));
    }
  });

  it('holds at the peak everything kept, and the gradients that meet there', () => {
    const t = train(chain(1), { dims: { batch: 10 } });
    // x and y are kept; at Relu's backward dy makes dm
    assert.equal(t.activations.bytes, 2 * 10 * 64 * 4);
    assert.equal(t.transient.bytes, 2 * 10 * 64 * 4);
  });

  it('keeps less with checkpointing: about the root of what there is', () => {
    const [none, root] = (['none', 'sqrt'] as const).map((checkpointing) =>
      train(chain(64), { checkpointing, dims: { batch: 1024 } }),
    );
    assert.equal(none?.segments, 1);
    assert.equal(root?.segments, 8);
    assert.ok((root.activations.bytes ?? 0) < 0.35 * (none.activations.bytes ?? 0));
    assert.ok((root.activations.bytes ?? 0) > 0.2 * (none.activations.bytes ?? 0));
  });

  it('halves activations with mixed precision, whatever the model is stored in', () => {
    const [full, half] = (['float32', 'mixed'] as const).map((precision) => train(chain(4), { precision }));
    assert.equal(half?.activations.bytes, (full?.activations.bytes ?? 0) / 2);
  });

  it('copies nothing of a weight that is transposed for a product', () => {
    const m = model(
      graph({
        inputs: [value('x', ['batch', 8])],
        nodes: [
          node('Transpose', ['w'], ['wt']),
          node('MatMul', ['x', 'wt'], ['h']),
          node('Relu', ['h'], ['y']),
        ],
        outputs: [value('y')],
        initializers: [floats('w', [4, 8])],
      }),
    );
    assert.deepEqual(
      train(m).kept.map((k) => k.name),
      ['x', 'y'],
    );
  });

  it('trains no integers, and what is before them', () => {
    const t = train(quantized());
    assert.deepEqual(t.trainableCount, 48);
    assert.ok(t.frozenCount >= 64 * 48);
  });

  it('has nothing to train after which no gradient comes', () => {
    const m = model(
      graph({
        inputs: [value('x', ['batch', 8])],
        nodes: [node('MatMul', ['x', 'w'], ['h']), node('ArgMax', ['h'], ['y'], { axis: 1 })],
        outputs: [value('y')],
        initializers: [floats('w', [8, 4])],
      }),
    );
    assert.deepEqual([train(m).trainableCount, train(m).kept], [0, []]);
  });

  it('says what it does not know, and that the sum is at least', () => {
    const withWeight = model(
      graph({
        inputs: [value('x', ['batch', 4])],
        nodes: [
          node('MatMul', ['x', 'w'], ['h']),
          node('Mystery', ['h'], ['m'], { name: 'mystery', domain: 'example.org' }),
          node('Relu', ['m'], ['y']),
        ],
        outputs: [value('y', ['batch', 4])],
        initializers: [floats('w', [4, 4])],
      }),
      { opsets: { 'example.org': 1 } },
    );
    const t = train(withWeight);
    assert.equal(t.peak.certainty, 'atLeast');
    assert.match(t.unknown[0]?.reason ?? '', /backward of example\.org::Mystery/);
    assert.equal(train(branching()).unknown[0]?.node, 'if');
    // nothing is trained there, so nothing is missing
    assert.equal(train(withUnknown()).peak.certainty, 'estimate');
  });

  it('refuses segments that are none', () => {
    for (const checkpointing of [0, -1, 1.5])
      assert.throws(() => train(chain(3), { checkpointing }), /'none', 'sqrt' or a number of segments/);
    assert.equal(train(chain(3), { checkpointing: 1 }).segments, 1);
  });
});
