import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { withAnySignal } from '../../../src/runtime/turns.ts';

describe('a signal that follows several', () => {
  const untilAborted = (signal: AbortSignal): Promise<string> =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve('aborted')));

  it('aborts with each of them, and leaves nothing in them', async () => {
    const [one, two] = [new AbortController(), new AbortController()];
    for (const controller of [one, two]) {
      const run = withAnySignal([undefined, one.signal, two.signal], (signal) => {
        if (controller === one) return untilAborted(signal);
        assert.ok(signal.aborted, 'as one of them was before');
        return Promise.resolve('aborted');
      });
      controller.abort();
      assert.equal(await run, 'aborted');
      assert.deepEqual(
        [one, two].map((c) => getEventListeners(c.signal, 'abort').length),
        [0, 0],
      );
    }
  });

  it('leaves nothing where the task fails, or ends by itself', async () => {
    const { signal } = new AbortController();
    const fails = withAnySignal([signal], () => Promise.reject(new Error('broken')));
    await assert.rejects(fails, /broken/);
    assert.equal(await withAnySignal([signal], (s) => Promise.resolve(s.aborted)), false);
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });
});
