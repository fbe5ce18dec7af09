/** The largest batch within a budget: the search on made-up memory, then on a real model. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { RunnerError } from '../../../src/runtime/index.ts';
import { searchLargest } from '../../../src/runtime/largest.ts';
import { samples, Workers } from './worker-bundle.ts';

describe('the search for the largest batch', () => {
  const cases: readonly {
    readonly title: string;
    /** undefined: out of memory */
    readonly peak: (n: number) => number | undefined;
    readonly budget: number;
    readonly expected: number;
    readonly limit: 'memory' | 'maxBatch';
    readonly maxTrials: number;
  }[] = [
    {
      title: 'follows a line',
      peak: (n) => 100 + 10 * n,
      budget: 1000,
      expected: 90,
      limit: 'memory',
      maxTrials: 6,
    },
    {
      title: 'ends at the greatest allowed',
      peak: (n) => n,
      budget: 1e9,
      expected: 512,
      limit: 'maxBatch',
      maxTrials: 6,
    },
    {
      title: 'knows when not even one fits',
      peak: (n) => 100 * n,
      budget: 99,
      expected: 0,
      limit: 'memory',
      maxTrials: 1,
    },
    {
      title: 'halves where larger sizes crash',
      peak: (n) => (n > 37 ? undefined : n),
      budget: 1e9,
      expected: 37,
      limit: 'memory',
      maxTrials: 14,
    },
    {
      title: 'gets through steps',
      peak: (n) => 2 ** Math.ceil(Math.log2(n)),
      budget: 200,
      expected: 128,
      limit: 'memory',
      maxTrials: 22,
    },
    {
      title: 'gets through a plateau',
      peak: (n) => (n < 300 ? 5 : 5 * n),
      budget: 1600,
      expected: 320,
      limit: 'memory',
      maxTrials: 22,
    },
  ];
  for (const { title, peak, budget, expected, limit, maxTrials } of cases) {
    it(title, async () => {
      const tried: number[] = [];
      const found = await searchLargest({
        budgetBytes: budget,
        maxBatch: 512,
        attempt: (batchSize) => {
          tried.push(batchSize);
          return Promise.resolve({ batchSize, peakBytes: peak(batchSize), peakSource: 'made up' });
        },
      });
      assert.equal(found.batchSize, expected);
      assert.equal(found.limit, limit);
      assert.equal(found.peakBytes, expected === 0 ? undefined : peak(expected));
      assert.equal(new Set(tried).size, tried.length, `tried twice: ${tried.join(', ')}`);
      assert.ok(tried.length <= maxTrials, tried.join(', '));
    });
  }
});

describe('the largest batch of a real model', () => {
  const workers = new Workers();
  const request = { model: path.join(samples, 'fmnist_cnn.onnx'), ep: 'cpu', dims: {} } as const;

  it('is within the budget, and one more is not', async () => {
    const budgetBytes = 24 * 2 ** 20;
    const found = await workers.shared.findLargestBatch({ ...request, budgetBytes });
    assert.equal(found.limit, 'memory');
    assert.equal(found.peakSource, 'ORT arena (mem_in_use_peak)');
    assert.ok(found.batchSize > 1 && (found.peakBytes ?? Infinity) <= budgetBytes);
    const more = found.trials.find((t) => t.batchSize === found.batchSize + 1);
    assert.ok((more?.peakBytes ?? 0) > budgetBytes);
  });

  it('on an EP that is not there is an error', async () => {
    await assert.rejects(
      workers.shared.findLargestBatch({ ...request, ep: 'coreml', budgetBytes: 1 }),
      (error: unknown) => error instanceof RunnerError && error.kind === 'ep',
    );
  });
});
