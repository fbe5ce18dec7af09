/** Files that are no models, or broken ones: each refused with a kind and a place, beside a twin that is accepted. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  memorySource,
  openModel,
  OnnxError,
  readTensor,
  type ByteSource,
  type Model,
  type OnnxErrorKind,
} from '../../../src/onnx/index.ts';
import { Encoder } from '../../../src/onnx/write/encoder.ts';
import { encode, floats, graph, model, node, value } from '../../support/model-builder.ts';
import { inTemporaryFolder, SAMPLE_MODEL } from '../../support/onnx-files.ts';
import { encodePlain } from '../../support/onnx-schema.ts';

describe('a file that is no model', () => {
  const files: [string, string | Uint8Array, RegExp][] = [
    ['empty', '', /the file is empty/],
    ['text', 'hello, this is a readme\n', /this is text/],
    ['JSON', '{"format": "onnx"}', /this is text/],
    ['Chinese text', '模型文件', /this is text/],
    ['a web page', '<!DOCTYPE html><html><head></head></html>', /web page/],
    [
      'a Git LFS pointer',
      'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n',
      /Git LFS pointer.*git lfs pull/,
    ],
    ['a ZIP archive', 'PK\x03\x04\x14\0\0\0', /ZIP/],
    ['a PNG image', Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1'), /PNG/],
    ['a GGUF model', Buffer.from('GGUF\x03\0\0\0'), /GGUF/],
    ['an ORT model', Buffer.from('\x1c\0\0\0ORTM'), /ORT format/],
    ['a TensorFlow Lite model', Buffer.from('\x1c\0\0\0TFL3'), /TensorFlow Lite/],
    ['a safetensors file', Buffer.from('\x40\0\0\0\0\0\0\0{"w":{"dtype":"F32"}}'), /safetensors/],
    ['zeros', new Uint8Array(5000), /zeros/],
    ['random bytes', Uint8Array.from({ length: 600 }, (_, i) => (i * 157 + 91) % 256), /not an ONNX file/],
    [
      'a single tensor',
      encodePlain({ dims: [1], data_type: 1, raw_data: Buffer.alloc(4) }, 'TensorProto'),
      /no graph/,
    ],
  ];
  for (const [what, content, message] of files) {
    it(`is refused: ${what}`, () => rejects(open(bytes(content)), 'not-onnx', message));
  }

  it('is refused: a folder', () =>
    rejects(openModel(path.dirname(SAMPLE_MODEL)), 'not-onnx', /this is a folder/));

  it('is refused at once: a pipe that nobody writes to', () =>
    inTemporaryFolder(async (folder) => {
      const pipe = path.join(folder, 'pipe.onnx');
      execFileSync('mkfifo', [pipe]);
      await rejects(openModel(pipe), 'not-onnx', /device or pipe/);
    }));

  it('is refused: a device', () => rejects(openModel('/dev/zero'), 'not-onnx', /device/));

  it('is reported by name where it is missing', () =>
    rejects(openModel('/no/such/model.onnx'), 'io', /no such file.*\/no\/such\/model\.onnx/));

  it('is accepted where it is a model', async () => {
    const opened = await openModel(SAMPLE_MODEL);
    assert.deepEqual(opened.warnings, []);
    await opened.source.close();
  });
});

describe('a model that was cut off', () => {
  it('is refused wherever it was cut, and said to be incomplete as soon as the graph has begun', async () => {
    const whole = await readFile(SAMPLE_MODEL);
    // the graph is the fourth field; it begins within the first hundred bytes
    for (const length of [100, 1000, 5000, whole.length >> 1, whole.length - 100, whole.length - 13]) {
      const error = await failure(open(whole.subarray(0, length)));
      assert.equal(error.kind, 'truncated', `at ${length}: ${error.message}`);
      assert.match(error.message, /was not copied completely|ends/);
    }
    for (let length = 0; length < 100; length++) {
      const { kind } = await failure(open(whole.subarray(0, length)));
      assert.ok(kind === 'truncated' || kind === 'not-onnx', `at ${length}: ${kind}`);
    }
  });

  it('is refused without reading what is there', async () => {
    const whole = await readFile(SAMPLE_MODEL);
    const source = counting(memorySource('cut.onnx', whole.subarray(0, whole.length - 1000)));
    await rejects(openModel(source), 'truncated', /ends \d+ bytes too early/);
    assert.ok(source.bytesRead < 64 * 1024, `${source.bytesRead} bytes were read`);
  });
});

describe('a model', () => {
  it('is opened without reading its weights', async () => {
    const weights = floats('w', [1024, 1024]);
    const file = await encode(
      model(graph({ nodes: [node('MatMul', ['x', 'w'], ['y'])], initializers: [weights] })),
    );
    const source = counting(memorySource('large.onnx', file));
    await openModel(source);
    assert.ok(source.bytesRead < 64 * 1024, `${source.bytesRead} of ${file.length} bytes were read`);
  });

  it('is closed where it is refused', async () => {
    const source = counting(memorySource('text', bytes('hello')));
    await rejects(openModel(source), 'not-onnx', /text/);
    assert.equal(source.closed, 1);
  });

  it('stops being opened on abort', async () => {
    const abort = new AbortController();
    abort.abort();
    await assert.rejects(openModel(SAMPLE_MODEL, { signal: abort.signal }), { name: 'AbortError' });
  });
});

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

function open(content: Uint8Array): Promise<Model> {
  return openModel(memorySource('broken.onnx', content));
}

function bytes(content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? Buffer.from(content) : content;
}

function concat(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts.map((part) => Uint8Array.from(part))));
}

function repeat(byte: number, times: number): number[] {
  return Array.from({ length: times }, () => byte);
}

function inGraph(content: Uint8Array | readonly number[]): Uint8Array {
  return concat([8, 8], new Encoder().bytes(7, Uint8Array.from(content)).finish());
}

function inTensor(content: Uint8Array): Uint8Array {
  return inGraph(new Encoder().bytes(5, content).finish());
}

function groups(depth: number): Uint8Array {
  const encoder = new Encoder();
  for (let i = 0; i < depth; i++) encoder.tag(90, 3);
  for (let i = 0; i < depth; i++) encoder.tag(90, 4);
  return inGraph(encoder.finish());
}

async function failure(opening: Promise<unknown>): Promise<OnnxError> {
  const error: unknown = await opening.then(
    () => new Error('it was accepted'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof OnnxError, String(error));
  return error;
}

async function rejects(opening: Promise<unknown>, kind: OnnxErrorKind, message: RegExp): Promise<void> {
  const error = await failure(opening);
  assert.match(error.message, message);
  assert.equal(error.kind, kind, error.message);
}

interface Counting extends ByteSource {
  bytesRead: number;
  closed: number;
}

function counting(source: ByteSource): Counting {
  const counted: Counting = {
    name: source.name,
    sizeBytes: source.sizeBytes,
    bytesRead: 0,
    closed: 0,
    read: (offset, length) => {
      counted.bytesRead += length;
      return source.read(offset, length);
    },
    close: () => {
      counted.closed++;
      return source.close();
    },
  };
  return counted;
}

/** `head`, then zeros up to `sizeBytes`. */
function sparse(name: string, head: Uint8Array, sizeBytes: number): ByteSource {
  return {
    name,
    sizeBytes,
    read: (offset, length) => {
      const content = new Uint8Array(length);
      content.set(head.subarray(offset, offset + length));
      return Promise.resolve(content);
    },
    close: () => Promise.resolve(),
  };
}
