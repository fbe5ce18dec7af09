/** When memory of tensors that are no longer in use is freed. */
import assert from 'node:assert/strict';
import { Garbage } from '../../../src/runtime/worker/garbage.ts';

const MiB = 2 ** 20;

describe('Garbage', () => {
  it('collects what is young after 8 MiB, and all after 32 MiB', () => {
    const calls: string[] = [];
    const garbage = new Garbage((options) => calls.push(options?.type ?? 'all'));
    for (let i = 0; i < 7; i++) garbage.add(MiB);
    assert.deepEqual(calls, []);
    garbage.add(MiB);
    assert.deepEqual(calls, ['minor']);
    for (let i = 0; i < 24; i++) garbage.add(MiB);
    assert.deepEqual(calls, ['minor', 'minor', 'minor', 'all']);
    garbage.add(40 * MiB);
    assert.deepEqual(calls.slice(4), ['all']);
  });

  it('frees buffers that no one holds', () => {
    const garbage = new Garbage();
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    for (let i = 0; i < 64; i++) {
      garbage.add(filled(4 * MiB));
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    // left to itself, V8 lets 32 MiB of them stand
    assert.ok(most <= 16 * MiB, `${most / MiB} MiB at once`);
  });
});

/** In a frame of its own, which holds nothing once it is over. */
function filled(bytes: number): number {
  return new Uint8Array(bytes).fill(1).byteLength;
}
