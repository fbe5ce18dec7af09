import assert from 'node:assert/strict';
import { Arena } from '../../../src/analysis/memory/arena.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

describe('the arena', () => {
  it('hands out a free chunk whole unless it is twice as large as what is asked for', () => {
    const arena = new Arena();
    arena.allocate(401_408);
    assert.equal(arena.inUseBytes, 401_408, 'the first megabyte is split');
    arena.allocate(401_408);
    // 1 MiB − 401 408 = 647 168 < 2 · 401 408
    assert.equal(arena.inUseBytes, MiB);
    assert.equal(arena.heldBytes, MiB);
  });

  it('rounds up to 256 bytes, and gives nothing for nothing', () => {
    const arena = new Arena();
    arena.allocate(1);
    assert.equal(arena.inUseBytes, 256);
    assert.equal(arena.allocate(0), undefined);
    assert.equal(arena.inUseBytes, 256);
  });

  it('takes regions of 1, 2, 4, … MiB, and the next power of two that holds a larger one', () => {
    const cases = [
      { sizes: [MiB], held: MiB },
      { sizes: [MiB, MiB], held: 3 * MiB },
      { sizes: [MiB, 2 * MiB, 4 * MiB], held: 7 * MiB },
      { sizes: [5 * MiB], held: 8 * MiB },
      // 8 MiB was grown to, so the next region is as large again
      { sizes: [5 * MiB, 6 * MiB], held: 16 * MiB },
    ];
    for (const { sizes, held } of cases) {
      const arena = new Arena();
      for (const size of sizes) arena.allocate(size);
      assert.equal(arena.heldBytes, held, String(sizes));
    }
  });

  it('joins neighbours that are free', () => {
    const arena = new Arena();
    const chunks = [1, 2, 3].map(() => arena.allocate(256 * KiB));
    arena.allocate(256 * KiB);
    for (const chunk of chunks) arena.free(chunk);
    assert.equal(arena.inUseBytes, 256 * KiB);
    arena.allocate(768 * KiB);
    assert.equal(arena.heldBytes, MiB, 'the three freed quarters hold it');
  });

  it('takes the smallest free chunk that will do', () => {
    const arena = new Arena();
    const large = arena.allocate(512 * KiB);
    arena.allocate(256);
    const small = arena.allocate(64 * KiB);
    arena.allocate(256);
    arena.free(large);
    arena.free(small);
    assert.equal(arena.allocate(64 * KiB), small);
  });

  it('keeps reservations beside the regions, and counts both in the peak', () => {
    const arena = new Arena();
    arena.reserve(1000);
    const chunk = arena.allocate(256);
    arena.free(chunk);
    arena.release(500);
    assert.deepEqual([arena.inUseBytes, arena.peakBytes, arena.heldBytes], [500, 1256, MiB + 500]);
  });
});
