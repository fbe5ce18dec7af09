import assert from 'node:assert/strict';
import { cards, cardsThatFit } from '../../../src/analysis/index.ts';

const GiB = 2 ** 30;

describe('graphics cards', () => {
  it('are listed once each, least memory first', () => {
    assert.equal(new Set(cards.map((c) => `${c.vendor} ${c.name}`)).size, cards.length);
    assert.deepEqual(
      cards.map((c) => c.memoryBytes),
      cards.map((c) => c.memoryBytes).sort((a, b) => a - b),
    );
  });

  for (const [peak, smallest] of [
    [0, 4],
    [4 * GiB, 4],
    [4 * GiB + 1, 6],
    [20 * GiB, 20],
    [81 * GiB, 96],
  ] as const)
    it(`fit ${peak} bytes from ${smallest} GiB on`, () => {
      assert.equal(cardsThatFit(peak)[0]?.memoryBytes, smallest * GiB);
    });

  it('are too small for what none of them holds', () => {
    assert.deepEqual(cardsThatFit(1024 * GiB), []);
  });
});
