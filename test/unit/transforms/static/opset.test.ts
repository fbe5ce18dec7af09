import assert from 'node:assert/strict';
import { applyRecipe } from '../../../../src/transforms/index.ts';
import { floats, graph, model, node, value, type NodeSpec } from '../../../support/model-builder.ts';
import { listing, numbers, recipe } from '../edits.ts';
import { staticEdit } from './support.ts';

/** x [1, 2, 4, 4] of opset 9 → Conv → h → one node → y */
function behindConv(opType: string, attributes: NodeSpec, outputs = ['y']) {
  return model(
    graph({
      inputs: [value('x', [1, 2, 4, 4])],
      outputs: outputs.map((o) => value(o)),
      initializers: [floats('W', [2, 2, 1, 1])],
      nodes: [
        node('Conv', ['x', 'W'], ['h'], { name: 'conv' }),
        node(opType, ['h'], outputs, { name: 'n', ...attributes }),
      ],
    }),
    { opset: 9 },
  );
}

const perChannel = recipe(staticEdit({ granularity: 'per-channel' }));

describe('a scale per channel raises the opset to 13', () => {
  const h = 'h_DequantizeLinear_Output';
  const CASES: readonly [
    opType: string,
    attributes: NodeSpec,
    line: string,
    values: Record<string, number[]>,
  ][] = [
    ['Unsqueeze', { axes: [0] }, `Unsqueeze(${h}, n_axes)`, { n_axes: [0] }],
    ['Squeeze', { axes: [0] }, `Squeeze(${h}, n_axes)`, { n_axes: [0] }],
    ['Squeeze', {}, `Squeeze(${h})`, {}],
    ['ReduceSum', { axes: [2, 3] }, `ReduceSum(${h}, n_axes)`, { n_axes: [2, 3] }],
    ['Dropout', { ratio: 0.5 }, `Dropout(${h})`, {}],
    ['Softmax', { axis: 3 }, `Softmax(${h})`, {}],
  ];
  for (const [opType, attributes, line, values] of CASES) {
    it(`${opType} ${JSON.stringify(attributes)}`, async () => {
      const { model: m } = applyRecipe(behindConv(opType, attributes), perChannel);
      assert.deepEqual(m.opsetImports, [{ domain: '', version: 13 }]);
      const found = m.graph.nodes.findIndex((n) => n.opType === opType);
      assert.ok(listing(m.graph)[found]?.startsWith(`${line} ->`), listing(m.graph)[found]);
      for (const [name, expected] of Object.entries(values))
        assert.deepEqual(await numbers(m, name), expected);
      const axis = m.graph.nodes[found]!.attributes.get('axis');
      assert.deepEqual(axis?.kind === 'int' ? axis.value : undefined, opType === 'Softmax' ? -1n : undefined);
    });
  }

  it('Split', async () => {
    const split = behindConv('Split', { axis: 1, split: [1, 1] }, ['y', 'z']);
    const { model: m } = applyRecipe(split, perChannel);
    assert.ok(listing(m.graph).some((line) => line.startsWith(`Split(${h}, n_split) ->`)));
    assert.deepEqual(await numbers(m, 'n_split'), [1, 1]);
  });

  it('but not where Softmax ran over several axes, which 13 no longer does', () => {
    const { changes } = applyRecipe(behindConv('Softmax', { axis: 1 }), perChannel);
    assert.match(changes[0]!.reason ?? '', /Softmax "n" means something else from opset 13 on/);
    const perTensor = applyRecipe(behindConv('Softmax', { axis: 1 }), recipe(staticEdit()));
    assert.deepEqual(perTensor.model.opsetImports, [{ domain: '', version: 11 }]);
    assert.ok(listing(perTensor.model.graph).some((line) => line.startsWith('Softmax(')));
  });
});
