/** Images: made here, read as a run reads them. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { deflateSync, crc32 } from 'node:zlib';
import encodeJpeg, { init as initJpeg } from '@jsquash/jpeg/encode.js';
import encodeWebp, { init as initWebp } from '@jsquash/webp/encode.js';
import { resized } from '../../../src/runtime/data/image/resize.ts';
import { TestFolder } from './numpy-files.ts';
import { Workers } from './worker-bundle.ts';
import { cnn, isDataError } from './read-data.ts';

/** An RGB PNG, unfiltered. */
function png(width: number, height: number, pixel: (x: number, y: number) => readonly number[]): Buffer {
  const rows = Array.from({ length: height }, (_, y) =>
    Buffer.from([0, ...Array.from({ length: width }, (_x, x) => [...pixel(x, y)]).flat()]),
  );
  const chunk = (type: string, body: Uint8Array): Buffer => {
    const typed = Buffer.concat([Buffer.from(type, 'latin1'), body]);
    const out = Buffer.alloc(typed.length + 8);
    out.writeUInt32BE(body.length, 0);
    typed.copy(out, 4);
    out.writeUInt32BE(crc32(typed), typed.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(Buffer.concat(rows))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
describe('an image comes to size', () => {
  // 4 × 2: left half 0, right half 200
  const halves = {
    width: 4,
    height: 2,
    data: Uint8ClampedArray.from({ length: 32 }, (_, i) =>
      i % 4 === 3 ? 255 : Math.floor(i / 4) % 4 < 2 ? 0 : 200,
    ),
  };
  const reds = ({ data }: { data: Float32Array }) => [...data].filter((_, i) => i % 3 === 0).map(Math.round);

  it('cut from the middle, stretched, or with black beside it', () => {
    assert.deepEqual(reds(resized(halves, 2, 2, {})), [0, 200, 0, 200]);
    // of 4 pixels 2: weights 3/4, 3/4, 1/4 over 7/4, so that 200 becomes 29 and 171
    assert.deepEqual(reds(resized(halves, 2, 1, { resize: 'stretch' })), [29, 171]);
    assert.deepEqual(
      reds(resized(halves, 4, 4, { resize: 'letterbox' })),
      [0, 0, 0, 0, 0, 0, 200, 200, 0, 0, 200, 200, 0, 0, 0, 0],
    );
  });

  it('of its own stays as it is', () => {
    assert.deepEqual(reds(resized(halves, undefined, undefined, {})), [0, 0, 200, 200, 0, 0, 200, 200]);
  });
});

describe('a folder of images', () => {
  const folder = new TestFolder();
  const workers = new Workers();

  before(async () => {
    for (const name of ['3', '8']) await mkdir(folder.file(`images/${name}`), { recursive: true });
    const grey = (v: number) => png(28, 28, () => [v, v, v]);
    await writeFile(folder.file('images/3/a.png'), grey(255));
    const codec = async (name: string) =>
      WebAssembly.compile(
        await readFile(path.resolve(import.meta.dirname, '../../../node_modules/@jsquash', name)),
      );
    await initJpeg(await codec('jpeg/codec/enc/mozjpeg_enc.wasm'));
    await initWebp(await codec('webp/codec/enc/webp_enc_simd.wasm'));
    const rgba = {
      width: 56,
      height: 40,
      data: new Uint8ClampedArray(56 * 40 * 4).fill(128),
      colorSpace: 'srgb' as const,
    };
    for (let i = 3; i < rgba.data.length; i += 4) rgba.data[i] = 255;
    await writeFile(folder.file('images/8/b.jpg'), Buffer.from(await encodeJpeg(rgba)));
    await writeFile(folder.file('images/8/c.webp'), Buffer.from(await encodeWebp(rgba, { lossless: 1 })));
  });

  it('is decoded, whatever its format, and shown before it is run', async () => {
    const preview = await workers.shared.previewData({
      model: cnn,
      dims: {},
      data: { kind: 'images', path: folder.file('images') },
    });
    assert.equal(preview.description, 'images, 3 images');
    const [input] = preview.inputs;
    assert.deepEqual(input?.dims, [3, 1, 28, 28]);
    assert.equal(input.fedBy, 'image');
    // white, and grey twice
    const perImage = [0, 1, 2].map((i) => Math.round((input.values[i * 784 + 400] ?? 0) * 255));
    const byLabel = preview.labels.map((label, i) => `${label}: ${perImage[i] ?? ''}`).sort();
    assert.deepEqual(byLabel, ['3: 255', '8: 128', '8: 128']);
  });

  it('runs, with classes from its folders, colours normalised', async () => {
    const report = await workers.shared.check({
      original: cnn,
      compressed: cnn,
      ep: 'cpu',
      batchSizes: [2],
      dims: {},
      optimization: 'all',
      data: { kind: 'images', path: folder.file('images'), image: { mean: [0.5], std: [0.5] } },
    });
    assert.equal(report.hasLabels, true);
    assert.equal(report.batches[0]?.samples, 3);
    assert.equal(report.batches[0].error, undefined);
  });

  it('with one that is damaged names it', async () => {
    await mkdir(folder.file('broken'));
    await writeFile(folder.file('broken/x.png'), png(28, 28, () => [0, 0, 0]).subarray(0, 40));
    await assert.rejects(
      workers.shared.previewData({
        model: cnn,
        dims: {},
        data: { kind: 'images', path: folder.file('broken') },
      }),
      isDataError(/x\.png cannot be decoded as png/),
    );
    await mkdir(folder.file('empty'));
    await assert.rejects(
      workers.shared.previewData({
        model: cnn,
        dims: {},
        data: { kind: 'images', path: folder.file('empty') },
      }),
      isDataError(/there is no sample/),
    );
  });
});
