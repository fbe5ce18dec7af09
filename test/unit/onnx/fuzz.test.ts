/** A hundred thousand broken files: none hangs, crashes or takes the memory. `scripts/fuzz-onnx.ts` goes on longer. */
import assert from 'node:assert/strict';
import { fuzz } from '../../support/onnx-fuzz.ts';

describe('100,000 mutated files', () => {
  it('are each refused with a reason or kept as they are, in 2 s and 512 MB at most', async function () {
    this.timeout(600_000);
    const before = process.memoryUsage().rss;
    const { files, opened, refused, slowestMs, peakBytes } = await fuzz({ seed: 20240607, files: 100_000 });
    assert.equal(files, 100_000);
    // mutations that change nothing, or everything, would prove nothing
    assert.ok(opened > 10_000 && (refused['malformed'] ?? 0) > 10_000, JSON.stringify({ opened, refused }));
    assert.ok(
      (refused['truncated'] ?? 0) > 1000 && (refused['not-onnx'] ?? 0) > 500,
      JSON.stringify(refused),
    );
    assert.ok(slowestMs < 2000, `the slowest took ${slowestMs} ms`);
    assert.ok(peakBytes - before < 512 * 1024 * 1024, `memory grew by ${peakBytes - before} bytes`);
  });
});
