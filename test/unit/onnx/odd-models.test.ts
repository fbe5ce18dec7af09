/** Models that are odd: opened, saying what is odd, as far as they can be. */
import assert from 'node:assert/strict';
import { readTensor } from '../../../src/onnx/index.ts';
import { encode, graph, model, node, value } from '../../support/model-builder.ts';
import { encodePlain } from '../../support/onnx-schema.ts';
import { open, rejects } from './broken-files.ts';

describe('a model that is odd', () => {
  const relu = (input: string, output: string) => node('Relu', [input], [output]);
  const x = value('x', [1]);
  const call = (name: string) => ({ op_type: name, domain: 'l', input: ['a'], output: ['b'] });
  const functions = (calls: readonly string[]) =>
    encodePlain({
      ir_version: 8,
      opset_import: [{ version: 17 }],
      graph: {},
      functions: calls.map((called, i) => ({
        name: `F${i}`,
        domain: 'l',
        input: ['a'],
        node: [call(called)],
      })),
    });

  it('is opened, saying what is odd', async () => {
    const duplicate = encodePlain({
      ir_version: 8,
      opset_import: [{ version: 17 }],
      graph: {
        initializer: [
          { name: 'w', data_type: 2, dims: [1], raw_data: Buffer.from([1]) },
          { name: 'w', data_type: 2, dims: [1], raw_data: Buffer.from([2]) },
        ],
      },
    });
    const wrongLength = encodePlain({
      ir_version: 8,
      opset_import: [{ version: 17 }],
      graph: { initializer: [{ name: 'w', data_type: 1, dims: [3], raw_data: Buffer.alloc(8) }] },
    });
    const twice = encodePlain({
      ir_version: 8,
      opset_import: [{ version: 17 }],
      graph: {
        node: [
          {
            op_type: 'A',
            attribute: [
              { name: 'a', type: 2 },
              { name: 'a', type: 2, i: 1 },
            ],
          },
        ],
      },
    });
    const cases: [Uint8Array, string[]][] = [
      [
        await encode(
          model(graph({ inputs: [x], nodes: [relu('x', 'h'), relu('h', 'y')], outputs: [value('y')] })),
        ),
        [],
      ],
      [
        await encode(model(graph({ inputs: [x], nodes: [relu('h', 'y'), relu('x', 'h')] }))),
        ['nodes-out-of-order'],
      ],
      [await encode(model(graph({ inputs: [x], nodes: [relu('nothing', 'y')] }))), ['undefined-value']],
      [
        await encode(model(graph({ inputs: [x], nodes: [relu('x', 'y'), relu('x', 'y')] }))),
        ['duplicate-value'],
      ],
      [await encode(model(graph({ nodes: [], outputs: [value('y')] }))), ['undefined-output']],
      [duplicate, ['duplicate-initializer']],
      [wrongLength, ['tensor-length']],
      [twice, ['duplicate-attribute']],
    ];
    for (const [file, kinds] of cases) {
      const opened = await open(file);
      assert.deepEqual(
        opened.warnings.map((w) => w.kind),
        kinds,
      );
    }
  });

  it('lets a branch use values of the graph around it', async () => {
    const branch = graph({ nodes: [relu('h', 'inner')], outputs: [value('inner')] });
    const nodes = [relu('x', 'h'), node('If', ['c'], ['y'], { then_branch: branch, else_branch: branch })];
    const opened = await open(await encode(model(graph({ inputs: [x, value('c', [], 9)], nodes }))));
    assert.deepEqual(opened.warnings, []);
  });

  it('is refused where its functions call each other in a circle', async () => {
    await open(functions(['F1', 'F2', 'Relu']));
    await rejects(open(functions(['F1', 'F2', 'F0'])), 'malformed', /calls itself/);
    await rejects(open(functions(['F0'])), 'malformed', /"F0" calls itself/);
  });

  it('refuses to read a tensor whose data do not fit its shape', async () => {
    const tensor = (length: number) =>
      encodePlain({
        ir_version: 8,
        graph: { initializer: [{ name: 'w', data_type: 1, dims: [3], raw_data: Buffer.alloc(length) }] },
      });
    for (const [length, message] of [
      [8, /has 8 of the 12 bytes that float32 \[3\] needs/],
      [16, /more than the 12 bytes/],
    ] as const) {
      const opened = await open(tensor(length));
      const w = opened.graph.initializers.get('w');
      assert.ok(w !== undefined);
      await rejects(readTensor(opened, w), 'malformed', message);
    }
    const fine = await open(tensor(12));
    const w = fine.graph.initializers.get('w');
    assert.equal(w && (await readTensor(fine, w)).length, 12);
  });
});
