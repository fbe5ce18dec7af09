/** Checks that are told to stop, and how soon they do. */
import assert from 'node:assert/strict';
import { firstProgress, isError, request, slow, Temporary } from './runner-cases.ts';
import { Workers } from './worker-bundle.ts';

describe('a check that goes wrong', () => {
  const temporary = new Temporary();
  const workers = new Workers();

  it('is cancelled within a second, in the midst of a run, and removes its files', async () => {
    const controller = new AbortController();
    const { heard, onProgress } = firstProgress();
    const check = workers.shared.check(request(slow), { signal: controller.signal, onProgress });
    await heard;
    const at = performance.now();
    controller.abort();
    await assert.rejects(check, isError('cancelled', /^Cancelled\.$/));
    assert.ok(performance.now() - at < 1000);
    assert.deepEqual(await temporary.list(), []);
  });

  it('is ended by dispose, as is what waits behind it and what comes after', async () => {
    const runner = workers.runner();
    const { heard, onProgress } = firstProgress();
    const running = assert.rejects(runner.check(request(slow), { onProgress }), isError('cancelled', /./));
    const waiting = assert.rejects(runner.check(request()), isError('cancelled', /./));
    await heard;
    assert.equal((await temporary.list()).length, 1);
    await runner.dispose();
    assert.deepEqual(await temporary.list(), []);
    await Promise.all([running, waiting]);
    await assert.rejects(runner.check(request()), isError('cancelled', /./));
  });

  it('that waits for its turn is cancelled at once, and the one before it is not', async () => {
    const runner = workers.runner();
    const controller = new AbortController();
    const { heard, onProgress } = firstProgress();
    const running = runner.check(
      request({ batchSizes: [64], data: { kind: 'random', seed: 0, samples: 640 } }),
      {
        onProgress,
      },
    );
    const waiting = runner.check(request(), { signal: controller.signal });
    const last = runner.check(request());
    await heard;
    controller.abort();
    await assert.rejects(waiting, isError('cancelled', /./));
    assert.equal((await running).batches[0]?.error, undefined);
    assert.equal((await last).batches[0]?.error, undefined);
  });
});
