/** Readers of data: files made here, read as a run reads them. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bytesOf } from '../../../src/runtime/data/dtype.ts';
import { openRows } from '../../../src/runtime/data/rows.ts';
import { type DataSpec } from '../../../src/runtime/index.ts';
import { TestFolder } from './numpy-files.ts';
import { Workers } from './worker-bundle.ts';
import { batchesOf, cnn, info, isDataError } from './read-data.ts';

function wav(data: Buffer, { channels = 1, bits = 16, rate = 16_000, tag = 1 } = {}): Buffer {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0, 'latin1');
  head.writeUInt32LE(36 + data.length, 4);
  head.write('WAVEfmt ', 8, 'latin1');
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(tag, 20);
  head.writeUInt16LE(channels, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE((rate * channels * bits) / 8, 28);
  head.writeUInt16LE((channels * bits) / 8, 32);
  head.writeUInt16LE(bits, 34);
  head.write('data', 36, 'latin1');
  head.writeUInt32LE(data.length, 40);
  return Buffer.concat([head, data]);
}

/** A TensorProto of float32. */
function tensorProto(dims: readonly number[], values: readonly number[]): Buffer {
  const raw = bytesOf(Float32Array.from(values));
  return Buffer.from([...dims.flatMap((d) => [0x08, d]), 0x10, 1, 0x4a, raw.length, ...raw]);
}

const vocabulary = { '[PAD]': 0, '[UNK]': 1, the: 2, cat: 3, sat: 4 };
const tokenizer = JSON.stringify({
  version: '1.0',
  added_tokens: [{ id: 1, content: '[UNK]', special: true }],
  normalizer: { type: 'Lowercase' },
  pre_tokenizer: { type: 'Whitespace' },
  post_processor: null,
  decoder: null,
  model: { type: 'WordPiece', vocab: vocabulary, unk_token: '[UNK]', continuing_subword_prefix: '##' },
});

describe('test data in ONNX form', () => {
  const folder = new TestFolder();
  const inputs = [info('x', 'float32', ['batch', 2])];

  it('are split into samples, with the expected output as the answer', async () => {
    for (const [set, first] of [
      [0, 1],
      [1, 5],
    ] as const) {
      const at = folder.file(`model/test_data_set_${set}`);
      await mkdir(at, { recursive: true });
      await writeFile(
        path.join(at, 'input_0.pb'),
        tensorProto([2, 2], [first, first + 1, first + 2, first + 3]),
      );
      await writeFile(path.join(at, 'output_0.pb'), tensorProto([2, 1], [10 * first, 20 * first]));
    }
    const batches = await batchesOf({ kind: 'onnxTests', path: folder.file('model') }, inputs, 3);
    assert.deepEqual(
      batches.map((b) => [...(b.feeds['x']?.data ?? [])]),
      [
        [1, 2, 3, 4, 5, 6],
        [7, 8],
      ],
    );
    const [target] = batches[1]?.targets ?? [];
    assert.ok(target?.kind === 'tensor');
    assert.deepEqual([...target.tensor.data], [100]);
  });

  it('cut short, or of no test set, are refused', async () => {
    await mkdir(folder.file('bad/test_data_set_0'), { recursive: true });
    await writeFile(
      folder.file('bad/test_data_set_0/input_0.pb'),
      tensorProto([2, 2], [1, 2, 3, 4]).subarray(0, 12),
    );
    await assert.rejects(
      batchesOf({ kind: 'onnxTests', path: folder.file('bad') }, inputs, 1),
      isDataError(/test_data_set_0.input_0\.pb: /),
    );
    await assert.rejects(
      batchesOf({ kind: 'onnxTests', path: folder.path }, inputs, 1),
      isDataError(/holds no test_data_set_\* folder/),
    );
  });
});

describe('tables', () => {
  const folder = new TestFolder();
  const text = (name: string, content: string) => folder.write(name, Buffer.from(content));

  it('feed inputs by the names of their columns, classes by name', async () => {
    const file = await text('t.csv', '\ufeffa,b,label\n1,2.5,dog\n3,"4",cat\n');
    const [batch] = await batchesOf(
      { kind: 'table', path: file },
      [info('B', 'float32', ['batch']), info('a', 'int64', ['batch'])],
      2,
    );
    assert.deepEqual([...(batch?.feeds['B']?.data ?? [])], [2.5, 4]);
    assert.deepEqual([...(batch?.feeds['a']?.data ?? [])], [1n, 3n]);
    // in alphabetical order: cat 0, dog 1
    assert.deepEqual(batch?.labels, [1, 0]);
  });

  it('feed the only input with all columns, or nested numbers', async () => {
    const csv = await text('cols.tsv', 'x\ty\tz\n1\t2\t3\n4\t5\t6\n');
    const [joined] = await batchesOf({ kind: 'table', path: csv }, [info('in', 'float32', ['batch', 3])], 2);
    assert.deepEqual([...(joined?.feeds['in']?.data ?? [])], [1, 2, 3, 4, 5, 6]);
    const jsonl = await text('n.jsonl', '{"m": [[1, 2], [3, 4]]}\n\n{"m": [[5, 6], [7, 8]]}\n');
    const spec = { kind: 'table', path: jsonl, inputs: { in: 'm' } } as const;
    const [nested] = await batchesOf(spec, [info('in', 'float32', ['batch', 2, 2])], 2);
    assert.deepEqual([...(nested?.feeds['in']?.data ?? [])], [1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('that are damaged or do not fit are refused, with the place', async () => {
    const cases: readonly (readonly [string, string, RegExp])[] = [
      ['bad.jsonl', '{"a": 1}\n{"a": \n', /bad\.jsonl cannot be read: line 2: /],
      ['list.jsonl', '[1]\n', /line 1 is no JSON object/],
      ['ragged.csv', 'a,b\n1,2\n3\n', /ragged\.csv cannot be read: .*line 3/],
      ['other.csv', 'b\n1\n', /expected shape \[2\], found \[1\]|"columns"/],
      ['none.xyz', '', /none\.xyz is of a kind that is not read; use \.csv/],
      ['word.csv', 'a\n1\nx\n', /word\.csv, row 2: column "a" holds no number/],
    ];
    for (const [name, content, pattern] of cases) {
      const file = await text(name, content);
      const shape = name === 'word.csv' ? ['batch'] : ['batch', 2];
      await assert.rejects(
        batchesOf({ kind: 'table', path: file }, [info('a', 'float32', shape)], 1),
        isDataError(pattern),
      );
    }
    await assert.rejects(
      openRows(folder.file('missing.jsonl')),
      isDataError(/missing\.jsonl cannot be read: ENOENT/),
    );
    await assert.rejects(
      openRows(folder.file('missing.csv')),
      isDataError(/missing\.csv cannot be read: ENOENT/),
    );
  });
});

/** Three rows by pyarrow, compressed with zstd: image { bytes, path }, text, x [2], label. */
const parquet = path.resolve(import.meta.dirname, '../../fixtures/data/three-rows.parquet');

describe('a Parquet file', () => {
  const folder = new TestFolder();
  const workers = new Workers();

  it('gives numbers, text and labels by its columns', async () => {
    const [batch] = await batchesOf(
      { kind: 'table', path: parquet },
      [info('x', 'float32', ['batch', 2])],
      4,
    );
    assert.deepEqual([...(batch?.feeds['x']?.data ?? [])], [1, 2, 3, 4.5, 5, 6]);
    assert.deepEqual(batch?.labels, [1, 0, 1]);
    const file = await folder.write('tokenizer.json', Buffer.from(tokenizer));
    const spec = { kind: 'text', path: parquet, tokenizer: file } as const;
    const [text] = await batchesOf(spec, [info('input_ids', 'int64', ['batch', 'seq'])], 4, { seq: 2 });
    assert.deepEqual(Array.from(text?.feeds['input_ids']?.data ?? [], Number), [2, 3, 4, 0, 2, 0]);
  });

  it('gives images', async () => {
    const data = { kind: 'images', path: parquet } as const;
    const preview = await workers.shared.previewData({ model: cnn, dims: {}, data });
    assert.deepEqual(preview.labels, ['1', '0', '1']);
    const means = [0, 1, 2].map((i) => Math.round((preview.inputs[0]?.values[i * 784] ?? -1) * 255));
    assert.deepEqual(means, [0, 128, 255]);
  });

  it('that is damaged is refused', async () => {
    const bytes = (await readFile(parquet)).fill(0, 100, 200);
    const file = await folder.write('bad.parquet', bytes);
    const infos = [info('x', 'float32', ['batch', 2])];
    await assert.rejects(
      batchesOf({ kind: 'images', path: file }, [info('x', 'float32', ['batch', 1, 28, 28])], 4),
      isDataError(/bad\.parquet/),
    );
    await writeFile(file, bytes.subarray(0, 50));
    await assert.rejects(
      batchesOf({ kind: 'table', path: file }, infos, 4),
      isDataError(/bad\.parquet cannot be read/),
    );
  });
});

describe('text', () => {
  const folder = new TestFolder();
  const inputs = [
    info('input_ids', 'int64', ['batch', 'seq']),
    info('attention_mask', 'int64', ['batch', 'seq']),
    info('past_key', 'float32', ['batch', 2, 'past_sequence', 4]),
  ];
  let spec: Extract<DataSpec, { kind: 'text' }>;
  before(async () => {
    const file = await folder.write('t.txt', Buffer.from('The cat sat\n\nthe dog\n'));
    spec = {
      kind: 'text',
      path: file,
      tokenizer: await folder.write('tokenizer.json', Buffer.from(tokenizer)),
    };
  });

  it('becomes ids padded to the length, a mask, and the token that follows each as its label', async () => {
    const [batch] = await batchesOf(spec, inputs, 2, { seq: 4 });
    assert.ok(batch !== undefined);
    const numbers = (name: string) => Array.from(batch.feeds[name]?.data ?? [], Number);
    assert.deepEqual(numbers('input_ids'), [2, 3, 4, 0, 2, 1, 0, 0]);
    assert.deepEqual(numbers('attention_mask'), [1, 1, 1, 0, 1, 1, 0, 0]);
    // what no text feeds is filled: an empty cache
    assert.deepEqual(batch.feeds['past_key']?.dims, [2, 2, 0, 4]);
    assert.deepEqual(batch.targets, [
      { kind: 'tokens', next: [3, 4, -1, -1] },
      { kind: 'tokens', next: [1, -1, -1, -1] },
    ]);
  });

  it('longer than the input is cut; a label column takes the place of next tokens', async () => {
    const file = await folder.write('l.jsonl', Buffer.from('{"sentence": "the cat sat", "label": 1}\n'));
    const [batch] = await batchesOf({ ...spec, path: file }, inputs, 1, { seq: 2 });
    assert.deepEqual(Array.from(batch?.feeds['input_ids']?.data ?? [], Number), [2, 3]);
    assert.deepEqual(batch?.labels, [1]);
  });

  it('without a tokenizer, or of another column, is refused', async () => {
    await assert.rejects(
      batchesOf({ ...spec, tokenizer: spec.path }, inputs, 1),
      isDataError(/t\.txt is no tokenizer that can be used/),
    );
    await assert.rejects(
      batchesOf({ ...spec, column: 'body' }, inputs, 1),
      isDataError(/has no column "body"; it has "text"/),
    );
  });
});

describe('audio', () => {
  const folder = new TestFolder();
  const inputs = [info('input', 'float32', ['batch', 4]), info('sr', 'int64', [])];

  it('is cut into pieces of the input, the rest is silence, other inputs are filled', async () => {
    const file = await folder.write(
      'a.wav',
      wav(Buffer.from(Int16Array.of(16384, -16384, 0, 8192, 32767, -32768).buffer)),
    );
    const batches = await batchesOf({ kind: 'audio', path: file }, inputs, 2);
    assert.equal(batches.length, 1);
    const values = [...(batches[0]?.feeds['input']?.data ?? [])];
    assert.deepEqual(values, [0.5, -0.5, 0, 0.25, 32767 / 32768, -1, 0, 0]);
    assert.deepEqual([...(batches[0]?.feeds['sr']?.data ?? [])], [16_000n]);
  });

  it('of every sample format reads the same', async () => {
    const formats = [
      wav(Buffer.from([64, 192, 128, 128]), { bits: 8 }),
      wav(Buffer.from([0, 0, 0xc0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0]), { bits: 24 }),
      wav(Buffer.from(Int32Array.of(-(2 ** 30), 2 ** 30, 0, 0).buffer), { bits: 32 }),
      wav(Buffer.from(Float32Array.of(-0.5, 0.5, 0, 0).buffer), { bits: 32, tag: 3 }),
      // two channels: their mean
      wav(Buffer.from(Float64Array.of(-1, 0, 1, 0, 0.25, -0.25, 0, 0).buffer), {
        bits: 64,
        tag: 3,
        channels: 2,
      }),
    ];
    for (const [i, bytes] of formats.entries()) {
      const file = await folder.write(`f${i}.wav`, bytes);
      const [batch] = await batchesOf({ kind: 'audio', path: file }, inputs, 1);
      assert.deepEqual([...(batch?.feeds['input']?.data ?? [])], [-0.5, 0.5, 0, 0], `format ${i}`);
    }
  });

  it('at another rate is resampled', async () => {
    const ramp = Int16Array.from({ length: 8 }, (_, i) => i * 1024);
    const file = await folder.write('r.wav', wav(Buffer.from(ramp.buffer), { rate: 8000 }));
    const batches = await batchesOf({ kind: 'audio', path: file }, inputs, 1);
    const values = batches.flatMap((b) => [...(b.feeds['input']?.data ?? [])]).map((v) => Number(v) * 32);
    // twice as many, each second one half way
    assert.deepEqual(
      values.slice(0, 15),
      Array.from({ length: 15 }, (_, i) => i / 2),
    );
  });

  it('cut short or compressed is refused', async () => {
    const whole = wav(Buffer.alloc(64));
    const cases: readonly (readonly [Buffer, RegExp])[] = [
      [whole.subarray(0, 60), /ends before its data do/],
      [whole.subarray(0, 30), /its format is cut short|has no data/],
      [wav(Buffer.alloc(4), { tag: 85 }), /format 85 is compressed/],
      [Buffer.from('not audio at all'), /no RIFF WAVE file/],
    ];
    for (const [i, [bytes, pattern]] of cases.entries()) {
      const file = await folder.write(`bad${i}.wav`, bytes);
      await assert.rejects(batchesOf({ kind: 'audio', path: file }, inputs, 1), isDataError(pattern));
    }
  });
});
