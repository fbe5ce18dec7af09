/** A model cut down to what makes some of its values. */
import assert from 'node:assert/strict';
import { cutTo, DataType, frontier } from '../../../src/onnx/index.ts';
import { floats, graph, model, node, value } from '../../support/model-builder.ts';

const branch = (name: string) =>
  graph({ nodes: [node('Add', ['b', name], [`${name}.out`])], outputs: [value(`${name}.out`, [2])] });

const whole = model(
  graph({
    inputs: [value('x', [2]), value('unused', [2])],
    nodes: [
      node('Add', ['x', 'w'], ['a'], { name: 'first' }),
      node('Mul', ['x', 'v'], ['b'], { name: 'side' }),
      node('If', ['x'], ['c'], { name: 'choice', then_branch: branch('a'), else_branch: branch('x') }),
      node('Relu', ['c'], ['y'], { name: 'last' }),
    ],
    initializers: [floats('w', [2]), floats('v', [2])],
    outputs: [value('y', [2])],
  }),
);

const cases = [
  { values: ['a'], nodes: ['first'], constants: ['w'] },
  { values: ['b'], nodes: ['side'], constants: ['v'] },
  // the bodies see a and b
  { values: ['c'], nodes: ['first', 'side', 'choice'], constants: ['w', 'v'] },
  { values: ['y'], nodes: ['first', 'side', 'choice', 'last'], constants: ['w', 'v'] },
];

describe('cutTo', () => {
  for (const { values, nodes, constants } of cases) {
    it(`${values.join()}: ${nodes.join()}`, () => {
      const { graph: cut } = cutTo(whole, values);
      assert.deepEqual(
        cut.nodes.map((n) => n.name),
        nodes,
      );
      assert.deepEqual([...cut.initializers.keys()], constants);
      assert.deepEqual(
        cut.outputs.map((o) => o.name),
        values,
      );
      assert.deepEqual(cut.inputs, whole.graph.inputs);
    });
  }
});

describe('what a later cut goes on from', () => {
  const cuts = [
    {
      title: 'the values that the rest reads',
      now: ['a'],
      known: [],
      later: ['y'],
      keep: ['a'],
      nodes: ['side', 'choice', 'last'],
    },
    {
      title: 'both of two',
      now: ['a', 'b'],
      known: [],
      later: ['y'],
      keep: ['a', 'b'],
      nodes: ['choice', 'last'],
    },
    {
      title: 'what was known stays as long as it is read',
      now: ['b'],
      known: ['a'],
      later: ['y'],
      keep: ['a', 'b'],
      nodes: ['choice', 'last'],
    },
    {
      title: 'nothing that is behind',
      now: ['c'],
      known: ['a', 'b'],
      later: ['y'],
      keep: ['c'],
      nodes: ['last'],
    },
    { title: 'nothing where nothing comes', now: ['y'], known: ['c'], later: [], keep: [], nodes: [] },
  ];
  for (const { title, now, known, later, keep, nodes } of cuts) {
    it(title, () => {
      const kept = frontier(whole, now, new Set(known), later);
      assert.deepEqual(kept.toSorted(), keep);
      const rest = cutTo(whole, later, new Map(kept.map((name) => [name, DataType.float])));
      assert.deepEqual(
        rest.graph.nodes.map((n) => n.name),
        nodes,
      );
      const added = rest.graph.inputs.slice(whole.graph.inputs.length);
      assert.deepEqual(added.map((i) => i.name).toSorted(), keep);
      for (const { type } of added) assert.deepEqual(type, { kind: 'tensor', elemType: DataType.float });
    });
  }

  it('is nothing as constant as a weight', () => {
    const m = model(
      graph({
        inputs: [value('x', [2])],
        nodes: [
          node('Identity', ['w'], ['v']),
          node('Mul', ['x', 'v'], ['a']),
          node('Add', ['a', 'v'], ['y']),
        ],
        initializers: [floats('w', [2])],
        outputs: [value('y', [2])],
      }),
    );
    assert.deepEqual(frontier(m, ['a'], new Set(), ['y']), ['a']);
  });
});
