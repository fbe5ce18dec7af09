/** A model cut down to what makes some of its values. */
import assert from 'node:assert/strict';
import { cutTo } from '../../../src/onnx/index.ts';
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
