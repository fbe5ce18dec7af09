/** Static quantization of attention: masked scores stay float. */
import assert from 'node:assert/strict';
import { DataType, type Model, type Node } from '../../../../src/onnx/model.ts';
import { applyRecipe } from '../../../../src/transforms/index.ts';
import { floats, graph, model, node, value } from '../../../support/model-builder.ts';
import { recipe } from '../edits.ts';
import { calibrationOf, staticEdit } from './support.ts';

describe('static quantization leaves float', () => {
  /** q + mask, through `between` (from 's' to 't'), Softmax, MatMul. */
  const attention = (...between: readonly Node[]) =>
    model(
      graph({
        inputs: [value('x', ['n', 2]), value('mask', ['n', 2]), value('c', ['n', 2], DataType.bool)],
        outputs: [value('y', ['n', 2])],
        initializers: [
          floats('W', [2, 2]),
          floats('V', [2, 2]),
          floats('k', [], [0.5]),
          floats('low', [], [-1e9]),
        ],
        nodes: [
          node('MatMul', ['x', 'W'], ['q'], { name: 'query' }),
          node('Add', ['q', 'mask'], ['s'], { name: 'masked' }),
          ...between,
          node('Softmax', [between.length === 0 ? 's' : 't'], ['p'], { name: 'softmax' }),
          node('MatMul', ['p', 'V'], ['y'], { name: 'value' }),
        ],
      }),
    );
  const masked = (
    m: Model,
    ranges: Parameters<typeof calibrationOf>[0],
    more: Parameters<typeof calibrationOf>[1] = {},
  ) => {
    const known: typeof ranges = {
      ...{ x: [-1, 1], q: [-9, 9], mask: [-9, 0], s: [-9, 9], r: [-9, 9], t: [-9, 9], p: [0, 1], y: [-1, 1] },
      ...ranges,
    };
    const calibration = calibrationOf(known, more);
    const { changes } = applyRecipe(m, recipe(staticEdit()), { calibration });
    return changes.filter((c) => c.status === 'blocked').map((c) => c.node);
  };

  it('scores with a mask before Softmax, once calibration has seen it', () => {
    assert.deepEqual(masked(attention(), {}), []);
    assert.deepEqual(masked(attention(), { mask: [-1e4, 0], s: [-10_005, 9] }), ['masked', 'softmax']);
    assert.deepEqual(masked(attention(), {}, { s: { nonFinite: 3 } }), ['masked', 'softmax']);
  });

  const BETWEEN: readonly [string, readonly Node[], readonly string[]][] = [
    ['a Cast', [node('Cast', ['s'], ['t'], { name: 'cast', to: 1 })], []],
    [
      'a Cast and a Mul',
      [node('Cast', ['s'], ['r'], { name: 'cast', to: 1 }), node('Mul', ['r', 'k'], ['t'], { name: 'mul' })],
      ['mul'],
    ],
    [
      'a Sub and a Where',
      [
        node('Sub', ['s', 'k'], ['r'], { name: 'sub' }),
        node('Where', ['c', 'r', 'low'], ['t'], { name: 'where' }),
      ],
      [],
    ],
    ['a Mul, which would join', [node('Mul', ['s', 'k'], ['t'], { name: 'mul' })], ['mul']],
  ];
  for (const [title, between, others] of BETWEEN) {
    it(`scores with a mask that pass ${title} before Softmax`, () => {
      const stay = masked(attention(...between), { s: [-10_005, 9], r: [-10_005, 9], t: [-10_005, 9] });
      assert.deepEqual(stay, ['masked', ...others, 'softmax']);
      assert.ok(!masked(attention(...between), {}).includes('masked'));
    });
  }

  it('not what is as small and meets no Softmax', () => {
    const m = attention(node('Tanh', ['s'], ['t'], { name: 'tanh' }));
    assert.ok(!masked(m, { s: [-10_005, 9] }).includes('masked'));
  });
});
