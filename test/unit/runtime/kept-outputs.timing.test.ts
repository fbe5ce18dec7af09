/** How soon a comparison with kept outputs stops. */
import assert from 'node:assert/strict';
import { RunnerError } from '../../../src/runtime/index.ts';
import { cnn } from './runner-cases.ts';
import { Workers } from './worker-bundle.ts';

const isCancelled = (error: unknown): boolean => error instanceof RunnerError && error.kind === 'cancelled';

describe('kept outputs', () => {
  const workers = new Workers();

  it('are compared with within a second of being told not to', async () => {
    const kept = await workers.shared.keepOutputs({
      ...{ model: cnn, ep: 'cpu', batchSize: 256, dims: {} },
      data: { kind: 'random', seed: 0, samples: 1024 },
    });
    try {
      const stop = new AbortController();
      let at = Infinity;
      const run = kept.compare(cnn, {
        signal: stop.signal,
        onProgress: () => {
          at = Math.min(at, performance.now());
          stop.abort();
        },
      });
      await assert.rejects(run, isCancelled);
      assert.ok(performance.now() - at < 1000, `${performance.now() - at} ms`);
      // what was kept is there for the next one
      assert.equal((await kept.compare(cnn)).outputs[0]?.cosine, 1);
    } finally {
      await kept.dispose();
    }
  });
});
