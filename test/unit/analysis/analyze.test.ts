import assert from 'node:assert/strict';
import { analyze, type Analysis } from '../../../src/analysis/index.ts';
import { dimToString, isUnknown } from '../../../src/analysis/dim.ts';
import { DataType, type Model } from '../../../src/onnx/index.ts';
import { floats, graph, model, node, value } from '../../support/model-builder.ts';
import { article, branching, convolutional, withBound, withUnknown } from './models.ts';

const codes = (a: Analysis) => a.diagnostics.map((d) => d.code);

describe('the analysis', () => {
  it('lists executed nodes: no Constants, those of subgraphs under their parent', () => {
    const { nodes } = analyze(branching());
    assert.deepEqual(
      nodes.map((n) => n.id),
      [
        'if',
        'if/then_branch/MatMul_0',
        'if/then_branch/Add_1',
        'if/else_branch/MatMul_0',
        'if/else_branch/Add_1',
      ],
    );
  });

  it('counts a constant at its first user only, wherever it is defined', () => {
    const a = analyze(branching());
    const { nodes, parameterBytes } = a.estimate();
    // w [8, 8] at the first MatMul; each branch's own [1, 8]
    assert.deepEqual(
      nodes.map((n) => n.parameterBytes),
      [0, 256, 32, 0, 32],
    );
    assert.equal(parameterBytes, 320);
    assert.deepEqual(a.nodes[1]?.weights, ['w']);
    assert.deepEqual(a.nodes[3]?.weights, []);
  });

  it('knows the layers before their figures, whatever the dims', () => {
    for (const make of [article, branching, convolutional, withBound, withUnknown]) {
      const a = analyze(make());
      const { layers } = a.estimate({ dims: { batch: 3 } });
      const ofDims = ['activationBytes', 'macs', 'outputShape'];
      const fixed = layers.map((l) => Object.entries(l).filter(([key]) => !ofDims.includes(key)));
      assert.deepEqual(a.layers.map(Object.entries), fixed);
    }
  });

  it('calls nodes of a local function by the call', () => {
    const twice = {
      name: 'Twice',
      domain: 'local',
      overload: '',
      inputs: ['a'],
      outputs: ['c'],
      attributes: [],
      attributeDefaults: [],
      nodes: [node('Relu', ['a'], ['b'], { name: 'first' }), node('Neg', ['b'], ['c'], { name: 'second' })],
      opsetImports: [{ domain: '', version: 17 }],
      valueInfo: new Map(),
    };
    const m = model(
      graph({
        inputs: [value('x', ['batch', 2])],
        nodes: [
          node('Twice', ['x'], ['y'], { name: 'call', domain: 'local' }),
          node('Abs', ['y'], ['z'], { name: 'abs' }),
        ],
        outputs: [value('z')],
      }),
      { functions: [twice], opsets: { local: 1 } },
    );
    const { nodes, timeline } = analyze(m).estimate({ dims: { batch: 3 } });
    assert.deepEqual(
      nodes.map((n) => [n.id, n.activationBytes]),
      [
        ['call/first', 24],
        ['call/second', 24],
        ['abs', 24],
      ],
    );
    assert.deepEqual(timeline.nodes, ['call/first', 'call/second', 'abs']);
  });

  it('gives shapes, types and formulas of the main graph', () => {
    const a = analyze(article());
    const shape = a.shapeOf('input');
    assert.ok(!isUnknown(shape));
    assert.deepEqual(shape.map(dimToString), ['batch', '1000']);
    assert.equal(a.elemTypeOf('input'), DataType.float);
    assert.equal(a.elemTypeOf('nothing'), undefined);
    assert.match(JSON.stringify(a.shapeOf('nothing')), /no value nothing/);
    assert.equal(a.activationFormula('/fc1/Gemm'), 'batch·400');
    assert.equal(analyze(withUnknown()).activationFormula('mystery'), undefined);
  });

  it('names symbols that a person can choose', () => {
    const [batch] = analyze(article()).symbols;
    assert.deepEqual(batch, {
      name: 'batch',
      usedBy: [{ input: 'input', axis: 0 }],
      isBatch: true,
      defaultValue: 1,
      isDerived: false,
    });
  });

  const ofWeights = { initializers: [floats('w', [4]), floats('unused', [5])] };
  const chain = { inputs: [value('x', ['batch', 4])], outputs: [value('y')] };
  const diagnostics: readonly { name: string; code: string; of: () => Model; without: () => Model }[] = [
    {
      name: 'nodes out of order',
      code: 'nodes-out-of-order',
      of: () => model(graph({ ...chain, nodes: [node('Neg', ['a'], ['y']), node('Abs', ['x'], ['a'])] })),
      without: () =>
        model(graph({ ...chain, nodes: [node('Abs', ['x'], ['a']), node('Neg', ['a'], ['y'])] })),
    },
    { name: 'an operator nobody knows', code: 'unknown-operator', of: withUnknown, without: article },
    {
      name: 'constants that nothing uses',
      code: 'unused-initializer',
      of: () => model(graph({ ...chain, ...ofWeights, nodes: [node('Add', ['x', 'w'], ['y'])] })),
      without: article,
    },
    {
      name: 'initializers that the caller may replace',
      code: 'initializer-is-input',
      of: () =>
        model(
          graph({
            ...chain,
            inputs: [...chain.inputs, value('w', [4])],
            initializers: [floats('w', [4])],
            nodes: [node('Add', ['x', 'w'], ['y'])],
          }),
        ),
      without: () =>
        model(
          graph({
            ...chain,
            inputs: [...chain.inputs, value('w', [4])],
            initializers: [floats('w', [4])],
            nodes: [node('Add', ['x', 'w'], ['y'])],
          }),
          { irVersion: 3 },
        ),
    },
  ];
  for (const { name, code, of, without } of diagnostics)
    it(`tells of ${name}, and only of them`, () => {
      assert.ok(codes(analyze(of())).includes(code));
      assert.ok(!codes(analyze(without())).includes(code));
    });

  it('passes on what the reader found odd', () => {
    const m: Model = { ...article(), warnings: [{ kind: 'duplicate-initializer', message: 'two of them' }] };
    assert.ok(codes(analyze(m)).includes('duplicate-initializer'));
  });

  it('says the same of an edited model with and without what was inferred before', () => {
    const before = convolutional();
    const first = before.graph.nodes.find((n) => n.opType === 'Sigmoid');
    const nodes = before.graph.nodes.map((n) => (n === first ? { ...n, opType: 'Tanh' } : n));
    const after: Model = { ...before, graph: { ...before.graph, nodes } };
    const dims = { n: 4 };
    assert.deepEqual(analyze(after, analyze(before)).estimate({ dims }), analyze(after).estimate({ dims }));
  });

  it('never takes an unknown size for nothing', () => {
    const { nodes, unknown, peakActivation, totalPeak } = analyze(withUnknown()).estimate();
    assert.deepEqual(
      nodes.map((n) => n.activationBytes),
      [undefined, undefined],
    );
    assert.deepEqual(
      unknown.map((u) => u.node),
      ['mystery', 'relu'],
    );
    assert.match(unknown[0]?.reason ?? '', /Mystery/);
    assert.equal(peakActivation.certainty, 'atLeast');
    assert.equal(totalPeak.certainty, 'atLeast');
  });

  it('takes the upper bound of what only running tells, and says so', () => {
    const { nodes, peakActivation } = analyze(withBound()).estimate({ dims: { batch: 5 } });
    // indices [2, ≤ 20] of int64
    assert.equal(nodes[0]?.activationBytes, 2 * 20 * 8);
    assert.equal(peakActivation.certainty, 'bound');
  });
});
