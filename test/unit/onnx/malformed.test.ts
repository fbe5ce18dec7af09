/** Broken messages, and limits: each refused with a kind and a place, beside a twin that is accepted. */
import assert from 'node:assert/strict';
import { openModel, readTensor, type OnnxErrorKind } from '../../../src/onnx/index.ts';
import { Encoder } from '../../../src/onnx/write/encoder.ts';
import { encodePlain } from '../../support/onnx-schema.ts';
import {
  open,
  bytes,
  concat,
  repeat,
  inGraph,
  inTensor,
  groups,
  failure,
  rejects,
  counting,
  sparse,
} from './broken-files.ts';

describe('a broken message', () => {
  const tag = (field: number, wire: number) => new Encoder().tag(field, wire).finish();
  const cases: [string, OnnxErrorKind, Uint8Array, RegExp][] = [
    ['a field longer than its message', 'malformed', inGraph(bytes('\x0a\x7f')), /runs past the end/],
    ['field number 0', 'malformed', inGraph(bytes('\x02\x00')), /no field/],
    ['wire type 6', 'malformed', inGraph(tag(3, 6)), /wire type 6/],
    ['a varint of eleven bytes', 'malformed', inGraph(concat(tag(3, 0), repeat(0x80, 10), [1])), /10 bytes/],
    ['a group without end', 'malformed', inGraph(concat(tag(90, 3), tag(1, 0), [1])), /no end/],
    [
      'a group that ends another',
      'malformed',
      inGraph(concat(tag(90, 3), tag(91, 4))),
      /ends inside another/,
    ],
    ['the end of no group', 'malformed', inGraph(tag(90, 4)), /never began/],
    [
      'a packed list that ends inside a number',
      'malformed',
      inTensor(concat(tag(1, 2), [1, 0x80], [0x10, 1])),
      /dims/,
    ],
    ['two graphs', 'unsupported', concat(inGraph([]), inGraph([])), /two graphs/],
  ];
  for (const [what, kind, file, message] of cases) {
    it(`is refused: ${what}`, async () => {
      const error = await failure(open(file));
      assert.equal(error.kind, kind, error.message);
      assert.match(error.message, message);
      assert.ok(error.details.offset !== undefined && error.details.file === 'broken.onnx', error.message);
    });
  }

  it('is refused naming the field it is in', async () => {
    const file = encodePlain({
      ir_version: 8,
      graph: { node: [{}, { attribute: [{ name: 'a', type: 4 }] }] },
    });
    assert.equal((await failure(open(file))).details.field, 'graph.node[1].attribute[0]');
  });

  it('is accepted: a varint of ten bytes, a group, an unknown field', async () => {
    const group = concat(tag(90, 3), tag(1, 0), [1], tag(2, 3), tag(2, 4), tag(90, 4));
    await open(inGraph(concat(tag(30, 0), repeat(0x80, 9), [1], group)));
  });
});

describe('a limit', () => {
  const nested = (depth: number): Uint8Array => {
    let subgraph: object = {};
    for (let i = 0; i < depth; i++) {
      subgraph = { node: [{ op_type: 'If', attribute: [{ name: 'then_branch', type: 5, g: subgraph }] }] };
    }
    return encodePlain({ ir_version: 8, graph: subgraph });
  };
  const tensorOf = (dims: readonly (number | string)[], dataType = 1) =>
    encodePlain({ ir_version: 8, graph: { initializer: [{ name: 'w', dims, data_type: dataType }] } });
  const ranked = (rank: number) => tensorOf(Array.from({ length: rank }, () => 1));
  const shaped = (rank: number) =>
    encodePlain({
      ir_version: 8,
      graph: {
        input: [
          { name: 'x', type: { tensor_type: { shape: { dim: Array.from({ length: rank }, () => ({})) } } } },
        ],
      },
    });
  // one message for the model and one for the graph, then three for each If
  const cases: [string, accepted: Uint8Array, refused: Uint8Array, OnnxErrorKind, RegExp][] = [
    ['depth of messages', nested(32), nested(33), 'limit', /nested more than 100 deep/],
    ['depth of groups', groups(100), groups(101), 'limit', /nested too deep/],
    ['rank of a tensor', ranked(1024), ranked(1025), 'limit', /more than 1024 dims/],
    ['rank of a shape', shaped(1024), shaped(1025), 'limit', /more than 1024 dims/],
    ['elements of a tensor', tensorOf([2 ** 26, 2 ** 26]), tensorOf([2 ** 27, 2 ** 27]), 'limit', /2\^53/],
    ['a dim of a tensor', tensorOf([0]), tensorOf(['-1']), 'malformed', /negative/],
  ];
  for (const [what, accepted, refused, kind, message] of cases) {
    it(`is kept: ${what}`, async () => {
      await open(accepted);
      await rejects(open(refused), kind, message);
    });
  }

  it('is kept before memory is spent: a name of 5 GB in a sparse file', async () => {
    // tag and length of graph, then tag and length of its name
    const size = 5e9;
    const name = new Encoder().header(2, size).finish();
    const head = concat([8, 8], new Encoder().header(7, name.length + size).finish(), name);
    const source = counting(sparse('sparse.onnx', head, head.length + size));
    await rejects(openModel(source), 'limit', /longer than/);
    assert.ok(source.bytesRead < 64 * 1024);
  });

  it('is kept before memory is spent: a tensor of 5 GB, which is skipped', async () => {
    const size = 5e9;
    const tensor = concat(
      encodePlain({ name: 'w', data_type: 2, dims: [String(size)] }, 'TensorProto'),
      new Encoder().header(9, size).finish(),
    );
    const initializer = concat(new Encoder().header(5, tensor.length + size).finish(), tensor);
    const head = concat([8, 8], new Encoder().header(7, initializer.length + size).finish(), initializer);
    const source = counting(sparse('sparse.onnx', head, head.length + size));
    const opened = await openModel(source);
    assert.deepEqual(
      opened.warnings.map((w) => w.kind),
      ['no-opset-import', 'file-too-large'].reverse(),
    );
    assert.ok(source.bytesRead < 64 * 1024);
    const w = opened.graph.initializers.get('w');
    assert.ok(w !== undefined);
    await rejects(readTensor(opened, w), 'limit', /too many for one array/);
  });
});
