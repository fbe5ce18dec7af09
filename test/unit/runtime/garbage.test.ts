/** When memory of tensors that are no longer in use is freed. */
import assert from 'node:assert/strict';
import { Garbage } from '../../../src/runtime/worker/garbage.ts';

const MiB = 2 ** 20;

describe('Garbage', () => {
  it('collects what is young after 8 MiB, and all where as much as 16 MiB came at once or is left over', () => {
    const calls: string[] = [];
    let held = 100 * MiB;
    const collect = (options?: { readonly type: 'minor' }) => void calls.push(options?.type ?? 'all');
    const garbage = new Garbage({ collect, externalBytes: () => held });
    for (let i = 0; i < 7; i++) garbage.add(MiB);
    assert.deepEqual(calls.splice(0), []);
    garbage.add(MiB);
    assert.deepEqual(calls.splice(0), ['minor']);
    garbage.add(16 * MiB);
    assert.deepEqual(calls.splice(0), ['all']);
    held += 15 * MiB;
    garbage.add(8 * MiB);
    assert.deepEqual(calls.splice(0), ['minor']);
    held += MiB;
    garbage.add(8 * MiB);
    assert.deepEqual(calls.splice(0), ['minor', 'all']);
    // what a whole collection leaves is in use
    garbage.add(8 * MiB);
    assert.deepEqual(calls, ['minor']);
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
