/** Files that are no models, or cut off: each refused with a kind and a place, beside a twin that is accepted. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { memorySource, openModel } from '../../../src/onnx/index.ts';
import { encode, floats, graph, model, node } from '../../support/model-builder.ts';
import { inTemporaryFolder, SAMPLE_MODEL } from '../../support/onnx-files.ts';
import { encodePlain } from '../../support/onnx-schema.ts';
import { open, bytes, failure, rejects, counting } from './broken-files.ts';

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
