/** The parser gives the same model whatever the window's size, and takes every spelling that protobuf allows. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import {
  DataType,
  memorySource,
  modelStream,
  openModel,
  readStrings,
  readTensor,
  type ByteSource,
  type Graph,
  type Model,
} from '../../../src/onnx/index.ts';
import { readModel, type ParsedModel } from '../../../src/onnx/read/model.ts';
import { Cursor } from '../../../src/onnx/wire/cursor.ts';
import { decodeText, encodeText } from '../../../src/onnx/wire/text.ts';
import { Encoder } from '../../../src/onnx/write/encoder.ts';
import { collect } from '../../support/model-builder.ts';
import { anew, SAMPLE_MODEL } from '../../support/onnx-files.ts';
import { everything } from '../../support/onnx-everything.ts';
import { decodePlain, encodePlain } from '../../support/onnx-schema.ts';

describe('the reader', () => {
  it('keeps everything that ONNX knows when all is written anew', async () => {
    const model = await open(everything);
    const bytes = await collect(modelStream(anew(model)));
    assert.deepEqual(decodePlain(bytes), decodePlain(everything));
  });

  it('keeps it byte for byte where nothing was changed', async () => {
    const model = await open(everything);
    assert.ok(Buffer.from(everything).equals(await collect(modelStream(model))));
  });

  it('keeps fields of the future, groups among them, in every message', async () => {
    const future = Uint8Array.from([0xfa, 0x3e, 2, 1, 2, 0xf8, 0x3e, 5, 0xfb, 0x3e, 0x08, 1, 0xfc, 0x3e]);
    const node = message([
      [1, text('a')],
      [4, text('Relu')],
    ]);
    const graph = message([
      [1, concat(node, future)],
      [2, text('g')],
    ]);
    const file = concat(Uint8Array.from([8, 8]), message([[7, concat(future, graph, future)]]), future);
    const model = await open(file);
    const [first] = model.graph.nodes;
    assert.deepEqual(first?.inputs, ['a']);
    const bytes = await collect(modelStream(anew(model)));
    assert.equal(count(bytes, future), 4);
  });

  for (const windowBytes of [1, 2, 7, 64, 1000]) {
    it(`gives the same model through a window of ${windowBytes} bytes`, async () => {
      for (const bytes of [everything, await readFile(SAMPLE_MODEL)]) {
        const file = memorySource('wire.onnx', bytes);
        const { graph, functions, opsetImports } = await openModel(file);
        const parsed = parseThrough(file, bytes, windowBytes);
        assert.deepEqual(parsed.graph, graph);
        assert.deepEqual(parsed.functions, functions);
        assert.deepEqual(parsed.opsetImports, opsetImports);
      }
    });
  }

  it('keeps initializers of one name, the one that counts last, until an edit takes the name away', async () => {
    const raw = (byte: number) => ({ name: 'w', data_type: 2, dims: [1], raw_data: Buffer.from([byte]) });
    const other = { name: 'v', data_type: 2, dims: [1], raw_data: Buffer.from([3]) };
    const model = await open(encodePlain({ ir_version: 8, graph: { initializer: [raw(1), other, raw(2)] } }));
    assert.deepEqual([...(model.graph.initializers.get('w')?.smallData ?? [])], [2]);
    const stored = async (graph: Graph) => {
      const bytes = await collect(modelStream({ ...model, graph: { ...graph, range: undefined } }));
      const { graph: plain } = decodePlain(bytes) as {
        graph: { initializer: { name: string; raw_data: string }[] };
      };
      return plain.initializer.map((t) => `${t.name} ${Buffer.from(t.raw_data, 'base64').toString('hex')}`);
    };
    assert.deepEqual(await stored(model.graph), ['w 01', 'w 02', 'v 03']);
    const without = new Map([...model.graph.initializers].filter(([name]) => name !== 'w'));
    assert.deepEqual(await stored({ ...model.graph, initializers: without }), ['v 03']);
  });

  it('takes tensors of one model into another, with their bytes', async () => {
    const from = await open(encodePlain({ ir_version: 8, graph: { initializer: [tensorOf('a', 7)] } }));
    const into = await open(
      encodePlain({ ir_version: 8, graph: { name: 'x', initializer: [tensorOf('b', 9)] } }),
    );
    const initializers = new Map([...into.graph.initializers, ...from.graph.initializers]);
    const joined = { ...into, graph: { ...into.graph, initializers, range: undefined } };
    const again = await open(await collect(modelStream(joined)));
    for (const [name, byte] of [
      ['a', 7],
      ['b', 9],
    ] as const) {
      const tensor = again.graph.initializers.get(name);
      assert.ok(tensor !== undefined);
      assert.ok((await readTensor(again, tensor)).every((b) => b === byte));
    }
  });

  it('reads names that are no UTF-8 without loss', () => {
    const bytes = Buffer.from([0x41, 0xff, 0xc3, 0xa9, 0xe4, 0xbd, 0xef, 0xbf, 0xbd, 0xed, 0xa0, 0x80]);
    const decoded = decodeText(bytes, 0, bytes.length);
    assert.ok(decoded.startsWith('A\udcffé'));
    assert.deepEqual(Buffer.from(encodeText(decoded)), bytes);
  });
});

describe('attributes without a type, as before IR version 2', () => {
  const cases: [string, object, unknown][] = [
    ['a float', { f: 1.5 }, { kind: 'float', value: 1.5 }],
    ['an int', { i: 3 }, { kind: 'int', value: 3n }],
    ['ints', { ints: [4, 5] }, { kind: 'ints', value: [4n, 5n] }],
  ];
  for (const [what, attribute, expected] of cases) {
    it(`are told by their field: ${what}`, async () => {
      const bytes = encodePlain({
        ir_version: 1,
        graph: { node: [{ op_type: 'A', attribute: [{ name: 'a', ...attribute }] }] },
      });
      const found = (await open(bytes)).graph.nodes[0]?.attributes.get('a');
      assert.deepEqual({ kind: found?.kind, value: found && 'value' in found ? found.value : 0 }, expected);
    });
  }
});

describe('tensor data', () => {
  const int32 = (values: readonly number[]) => [...new Uint8Array(Int32Array.from(values).buffer)];
  const cases: [string, object, readonly number[]][] = [
    ['float_data', { data_type: 1, dims: [2], float_data: [1, -2] }, [0, 0, 128, 63, 0, 0, 0, 192]],
    ['double_data', { data_type: 11, dims: [1], double_data: [1] }, [0, 0, 0, 0, 0, 0, 240, 63]],
    ['int32_data of int32', { data_type: 6, dims: [3], int32_data: [1, -1, 70000] }, int32([1, -1, 70000])],
    ['int32_data of int8', { data_type: 3, dims: [3], int32_data: [1, -1, -128] }, [1, 255, 128]],
    ['int32_data of uint8', { data_type: 2, dims: [2], int32_data: [0, 255] }, [0, 255]],
    ['int32_data of uint16', { data_type: 4, dims: [2], int32_data: [1, 65535] }, [1, 0, 255, 255]],
    ['int32_data of bool', { data_type: 9, dims: [2], int32_data: [1, 0] }, [1, 0]],
    ['int32_data of float16, as bits', { data_type: 10, dims: [1], int32_data: [0x3c00] }, [0, 0x3c]],
    ['int32_data of bfloat16, as bits', { data_type: 16, dims: [1], int32_data: [0x3f80] }, [0x80, 0x3f]],
    ['int32_data of float8', { data_type: 17, dims: [1], int32_data: [0x7e] }, [0x7e]],
    ['int32_data of int4, two to an entry', { data_type: 22, dims: [3], int32_data: [0x21, 3] }, [0x21, 3]],
    ['int32_data of uint2, four to an entry', { data_type: 25, dims: [5], int32_data: [0xe4, 1] }, [0xe4, 1]],
    ['int64_data', { data_type: 7, dims: [1], int64_data: ['-2'] }, [254, 255, 255, 255, 255, 255, 255, 255]],
    ['uint64_data of uint32', { data_type: 12, dims: [1], uint64_data: [4294967295] }, [255, 255, 255, 255]],
    [
      'float_data of complex64',
      { data_type: 14, dims: [1], float_data: [1, 0] },
      [0, 0, 128, 63, 0, 0, 0, 0],
    ],
    ['raw_data of float4', { data_type: 23, dims: [3], raw_data: Buffer.from([0x21, 3]) }, [0x21, 3]],
    ['no data for no elements', { data_type: 1, dims: [0, 5] }, []],
  ];
  for (const [what, tensor, expected] of cases) {
    it(`are read as raw_data would have them: ${what}`, async () => {
      const model = await open(
        encodePlain({ ir_version: 8, graph: { initializer: [{ name: 'w', ...tensor }] } }),
      );
      const w = model.graph.initializers.get('w');
      assert.ok(w !== undefined);
      assert.deepEqual([...(w.smallData ?? [-1])], expected);
      assert.deepEqual([...(await readTensor(model, { ...w, smallData: undefined }))], expected);
    });
  }

  it('are read where they were not packed, or packed in several pieces', async () => {
    // int32_data: 1 and −1 alone, then 2 and 3 packed
    const minusOne = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    const data = Uint8Array.from([0x28, 1, 0x28, ...minusOne, 0x2a, 2, 2, 3]);
    const header = encodePlain({ name: 'w', data_type: 6, dims: [4] }, 'TensorProto');
    const model = await open(modelWithTensor(concat(data, header)));
    const w = model.graph.initializers.get('w');
    assert.ok(w !== undefined);
    assert.deepEqual([...(await readTensor(model, w))], int32([1, -1, 2, 3]));
    const anewBytes = await collect(modelStream(anew(model)));
    const again = await open(anewBytes);
    const copy = again.graph.initializers.get('w');
    assert.ok(copy !== undefined);
    assert.deepEqual([...(await readTensor(again, copy))], int32([1, -1, 2, 3]));
  });

  it('of strings are read as strings, even between other fields', async () => {
    const parts = [
      encodePlain({ data_type: DataType.string, string_data: [Buffer.from('one')] }, 'TensorProto'),
      encodePlain({ dims: [2], name: 'w', string_data: [Buffer.from('два')] }, 'TensorProto'),
    ];
    const model = await open(modelWithTensor(concat(...parts)));
    const w = model.graph.initializers.get('w');
    assert.ok(w !== undefined);
    const strings = await readStrings(model, w);
    assert.deepEqual(
      strings.map((s) => Buffer.from(s).toString()),
      ['one', 'два'],
    );
  });
});

/** 8 KB, each byte the same. */
const tensorOf = (name: string, byte: number): object => ({
  name,
  data_type: 2,
  dims: [8192],
  raw_data: Buffer.alloc(8192, byte),
});

const open = (bytes: Uint8Array): Promise<Model> => openModel(memorySource('wire.onnx', bytes));

/** Parses with a window that never holds more than the parser asks for, or `windowBytes`. */
function parseThrough(file: ByteSource, bytes: Uint8Array, windowBytes: number): ParsedModel {
  const cursor = new Cursor(file);
  const step = readModel(cursor, { knownFields: 0 }, (parsed) => parsed);
  for (;;) {
    const state = step.next();
    if (state.done === true) return state.value;
    cursor.refill(bytes.slice(cursor.offset, cursor.offset + Math.max(state.value, windowBytes)));
  }
}

function modelWithTensor(tensor: Uint8Array): Uint8Array {
  return concat(Uint8Array.from([8, 8]), message([[7, message([[5, tensor]])]]));
}

function message(fields: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  const encoder = new Encoder();
  for (const [field, content] of fields) encoder.bytes(field, content);
  return encoder.finish();
}

const text = (s: string): Uint8Array => Buffer.from(s);
const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

function count(bytes: Uint8Array, wanted: Uint8Array): number {
  const all = Buffer.from(bytes);
  let found = 0;
  for (let at = all.indexOf(wanted); at !== -1; at = all.indexOf(wanted, at + wanted.length)) found++;
  return found;
}
