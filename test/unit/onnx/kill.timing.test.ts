/** A save that is killed at any moment: the old file or the new one is there, whole, and the next save tidies up. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { openModel, readTensor, saveModel } from '../../../src/onnx/index.ts';
import { SAVED_BYTES, versionOf } from '../../support/onnx-saver.ts';
import { inTemporaryFolder, SAMPLE_MODEL } from '../../support/onnx-files.ts';

const SAVER = fileURLToPath(new URL('../../support/onnx-saver.ts', import.meta.url));
const KILLS = 8;

describe('a save killed at a random moment', () => {
  it(`leaves a whole file, ${KILLS} times out of ${KILLS}, and nothing beside it after the next save`, async function () {
    this.timeout(120_000);
    await inTemporaryFolder(async (folder) => {
      const source = path.join(folder, 'source.onnx');
      const target = path.join(folder, 'target.onnx');
      await copyFile(SAMPLE_MODEL, source);
      const model = await openModel(source);
      await saveModel(versionOf(model, 1), target);
      let interrupted = 0;
      for (let i = 0; i < KILLS; i++) {
        await killWhileSaving(source, target, 3 + i * 25);
        if ((await readdir(folder)).length > 2) interrupted++;
        const opened = await openModel(target);
        const c = opened.graph.initializers.get('c');
        assert.ok(c !== undefined);
        const bytes = await readTensor(opened, c);
        assert.equal(bytes.length, SAVED_BYTES);
        assert.ok((bytes[0] === 1 || bytes[0] === 2) && bytes.every((b) => b === bytes[0]));
        await opened.source.close();
        await saveModel(versionOf(model, 1 + (i % 2)), target);
        assert.deepEqual((await readdir(folder)).sort(), ['source.onnx', 'target.onnx']);
      }
      // a kill between two saves shows nothing
      assert.ok(interrupted >= KILLS / 4, `only ${interrupted} saves were under way`);
      await model.source.close();
    });
  });
});

async function killWhileSaving(source: string, target: string, afterMs: number): Promise<void> {
  const saver = spawn(process.execPath, ['--import=tsx', SAVER, source, target], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(saver.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, afterMs));
  } finally {
    const exit = once(saver, 'exit');
    saver.kill('SIGKILL');
    await exit;
  }
}
