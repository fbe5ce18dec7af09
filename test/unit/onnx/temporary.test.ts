/** Temporary files: what reaches the disk while more is written. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { TemporaryFile } from '../../../src/onnx/files/temporary.ts';
import { inTemporaryFolder } from '../../support/onnx-files.ts';

const LARGE = 100 * 1024 * 1024;

describe('a temporary file', () => {
  for (const [title, bytes, expected] of [
    ['that is small is sent to the disk at the end only', 1000, 0],
    ['that is large is sent there in between', LARGE, 1],
  ] as const) {
    it(title, () =>
      inTemporaryFolder(async (folder) => {
        const temp = await TemporaryFile.create(folder);
        let sent = 0;
        temp.handle.datasync = () => {
          sent++;
          return Promise.resolve();
        };
        temp.wrote(bytes);
        // one at a time
        temp.wrote(bytes);
        assert.equal(sent, expected);
        await temp.complete();
        assert.equal((await readdir(folder)).length, 1);
      }),
    );
  }

  it('tells at the end of an error in between, which the system tells of once', () =>
    inTemporaryFolder(async (folder) => {
      const temp = await TemporaryFile.create(folder);
      temp.handle.datasync = () => Promise.reject(new Error('EIO'));
      temp.wrote(LARGE);
      await assert.rejects(temp.complete(), /EIO/);
      await temp.discard();
      assert.deepEqual(await readdir(folder), []);
    }));
});
