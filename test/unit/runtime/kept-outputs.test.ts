/** One model run once, others compared with what it gave. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { RunnerError, type KeepRequest } from '../../../src/runtime/index.ts';
import { TestFolder } from './numpy-files.ts';
import { models, samples, Workers } from './worker-bundle.ts';

const cnn = path.join(samples, 'fmnist_cnn.onnx');
const mobres = path.join(models, 'fmnist_mobres.onnx');
const labelled = path.join(samples, 'fmnist-test-2000.npz');

const request = (more: Partial<KeepRequest> = {}): KeepRequest => ({
  ...{ model: cnn, ep: 'cpu', batchSize: 64, dims: {} },
  data: { kind: 'numpy', path: labelled, limit: 120 },
  ...more,
});

const isCancelled = (error: unknown): boolean => error instanceof RunnerError && error.kind === 'cancelled';

describe('kept outputs', () => {
  const folder = new TestFolder();
  const workers = new Workers();
  const { TMPDIR } = process.env;
  // of its own, so that others' folders are not counted
  before(() => void (process.env['TMPDIR'] = folder.path));
  after(() => {
    if (TMPDIR === undefined) Reflect.deleteProperty(process.env, 'TMPDIR');
    else process.env['TMPDIR'] = TMPDIR;
  });

  it('give each other model what a check of it gives', async () => {
    const runner = workers.shared;
    const kept = await runner.keepOutputs(request());
    try {
      const runs = [await kept.compare(mobres), await kept.compare(cnn)];
      const { batches } = await runner.check({
        ...{ original: cnn, compressed: mobres, ep: 'cpu', batchSizes: [64], dims: {}, optimization: 'all' },
        data: request().data,
      });
      assert.deepEqual(runs[0]?.outputs, batches[0]?.outputs);
      assert.deepEqual(runs[0]?.labelMetrics, batches[0]?.compressed?.labelMetrics);
      assert.equal(kept.accuracy, batches[0]?.original?.accuracy);
      assert.deepEqual(
        runs.map((r) => [r.samples, r.data]),
        Array.from({ length: 2 }, () => [120, 'fmnist-test-2000.npz, 120 of 2000 samples']),
      );
      assert.equal(runs[1]?.outputs[0]?.sqnrDb, Infinity);
    } finally {
      await kept.dispose();
    }
    assert.deepEqual(await readdir(tmpdir()), []);
  });

  it('are gone with the runner', async () => {
    const runner = workers.runner();
    const kept = await runner.keepOutputs(request());
    assert.equal((await readdir(tmpdir())).length, 1);
    await runner.dispose();
    assert.deepEqual(await readdir(tmpdir()), []);
    await assert.rejects(kept.compare(cnn), isCancelled);
  });

  it('take half the batch where memory does not suffice', async () => {
    const session = { memoryLimitBytes: 300 * 2 ** 20 };
    const data = { kind: 'random', seed: 0, samples: 2048 } as const;
    const kept = await workers.shared.keepOutputs(request({ batchSize: 2048, data, session }));
    assert.ok(kept.batchSize < 2048 && kept.batchSize >= 16, String(kept.batchSize));
    assert.equal(kept.samples, 2048);
    await kept.dispose();
  });

  it('refuse a model that is not there, and leave nothing', async () => {
    const missing = path.join(folder.path, 'missing.onnx');
    assert.equal(existsSync(missing), false);
    await assert.rejects(workers.shared.keepOutputs(request({ model: missing })), /missing\.onnx/);
    assert.deepEqual(await readdir(tmpdir()), []);
  });
});
