/** What the graph says of ids: the size of the table that they look up. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { DataType } from '../../../src/onnx/index.ts';
import { hintsOf, inputHints } from '../../../src/runtime/hints.ts';
import { constant, floats, graph, model, node, value } from '../../support/model-builder.ts';
import type { Node } from '../../../src/onnx/index.ts';

const ids = value('ids', ['batch', 4], DataType.int64);
const table = floats('table', [50, 2]);
const small = floats('small', [7, 2]);

const withNodes = (...nodes: Node[]) =>
  model(graph({ inputs: [ids], nodes, outputs: [value('y')], initializers: [table, small] }));

describe('an input of ids', () => {
  const CASES: [string, Node[], ReturnType<typeof hintsOf>][] = [
    ['is within its table', [node('Gather', ['table', 'ids'], ['y'])], { ids: { exclusiveMax: 50 } }],
    [
      'also along another axis',
      [node('Gather', ['table', 'ids'], ['y'], { axis: 1 })],
      { ids: { exclusiveMax: 2 } },
    ],
    [
      'also from the end',
      [node('Gather', ['table', 'ids'], ['y'], { axis: -1 })],
      { ids: { exclusiveMax: 2 } },
    ],
    [
      'also after a cast',
      [node('Cast', ['ids'], ['c'], { to: 6 }), node('Gather', ['table', 'c'], ['y'])],
      { ids: { exclusiveMax: 50 } },
    ],
    [
      'also in a Constant',
      [constant('t', floats('t', [9, 2])), node('Gather', ['t', 'ids'], ['y'])],
      { ids: { exclusiveMax: 9 } },
    ],
    [
      'within the smallest of several',
      [node('Gather', ['table', 'ids'], ['a']), node('Gather', ['small', 'ids'], ['b'])],
      { ids: { exclusiveMax: 7 } },
    ],
    [
      'is free where arithmetic comes before',
      [node('Neg', ['ids'], ['n']), node('Gather', ['table', 'n'], ['y'])],
      {},
    ],
    [
      'is free where the table is computed',
      [node('Relu', ['table'], ['t']), node('Gather', ['t', 'ids'], ['y'])],
      {},
    ],
    [
      'is free in a circle',
      [node('Identity', ['b'], ['a']), node('Identity', ['a'], ['b']), node('Gather', ['table', 'a'], ['y'])],
      {},
    ],
  ];
  for (const [title, nodes, expected] of CASES)
    it(title, () => assert.deepEqual(hintsOf(withNodes(...nodes)), expected));

  it('of a file that is none has no hint', async () => {
    const signal = new AbortController().signal;
    assert.deepEqual(await inputHints(path.join(import.meta.dirname, 'none.onnx'), signal), {});
  });
});

describe('an input that is a state', () => {
  const declared = (name: string, dims: readonly (number | string)[]) => value(name, dims);
  const CASES: [string, string, string, readonly (number | string)[], boolean][] = [
    ['with the output of the next one', 'h', 'hn', [2, 'batch', 64], true],
    ['of any length', 'state', 'stateN', ['a', 'b', 'c'], true],
    ['as a cache', 'past.0.key', 'present.0.key', [2, 'batch', 64], true],
    ['not where the output is another thing', 'h', 'y', [2, 'batch', 64], false],
    ['not where the output is of another size', 'h', 'hn', [2, 'batch', 32], false],
    ['not by its output alone', 'image', 'image_out', [2, 'batch', 64], false],
  ];
  for (const [title, input, output, dims, isState] of CASES)
    it(`is one ${title}`, () => {
      const inputs = [value('x', ['batch', 4]), declared(input, [2, 'batch', 64])];
      const hints = hintsOf(model(graph({ inputs, nodes: [], outputs: [declared(output, dims)] })));
      assert.deepEqual(hints[input]?.isState, isState ? true : undefined);
      const alone = hintsOf(
        model(graph({ inputs: inputs.slice(1), nodes: [], outputs: [declared(output, dims)] })),
      );
      assert.deepEqual(alone, {});
    });
});
