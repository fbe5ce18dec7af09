/** What one run leaves for the next. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { isKept, KeptFiles, type KeptSide } from '../../../src/runtime/calibrate/kept.ts';
import { inTemporaryFolder } from '../../support/onnx-files.ts';

const none: KeptSide = { known: {}, keep: [] };
const tensor = { type: 'float32', dims: [2], data: Float32Array.of(1, -2) };
const integers = { type: 'int64', dims: [1], data: BigInt64Array.of(3n) };

describe('values kept between runs', () => {
  it('come back batch by batch, under any name, until they are not asked for any more', () =>
    inTemporaryFolder(async (parent) => {
      const folder = path.join(parent, 'kept');
      const first = new KeptFiles({ folder, original: none, changed: { known: {}, keep: ['a/b', 'n'] } });
      assert.equal(await first.batchSize(), undefined);
      assert.deepEqual(first.missing('changed'), ['a/b', 'n']);
      await first.write('changed', 'a/b', 0, tensor);
      await first.write('changed', 'n', 0, integers);
      assert.equal(await isKept(folder), false);
      await first.complete(4);
      assert.equal(await isKept(folder), true);
      const known = { 'a/b': 1, n: 7 };
      const second = new KeptFiles({ folder, original: none, changed: { known, keep: ['n', 'c'] } });
      assert.equal(await second.batchSize(), 4);
      assert.deepEqual(second.missing('changed'), ['c']);
      assert.deepEqual(await second.read('changed', 'a/b', 0), tensor);
      await second.complete(4);
      await assert.rejects(second.read('changed', 'a/b', 0), /ENOENT/);
      assert.deepEqual(await second.read('changed', 'n', 0), integers);
    }));

  it('are none where they are too large, or no numbers', () =>
    inTemporaryFolder(async (parent) => {
      for (const [limit, given, kept] of [
        [8, tensor, true],
        [7, tensor, false],
        [8, undefined, false],
      ] as const) {
        const folder = path.join(parent, `${limit}-${given === undefined ? 'none' : 'some'}`);
        const files = new KeptFiles({ folder, original: { known: {}, keep: ['a'] }, changed: none }, limit);
        await files.write('original', 'a', 0, given);
        await files.complete(1);
        assert.equal(await isKept(folder), kept);
      }
    }));
});
