import assert from 'node:assert/strict';
import { commonCards, parseBatchSizes, parseBudget } from '../../../extension/budget.ts';

const gibibyte = 1024 ** 3;

describe('A memory budget as typed', () => {
  const cases: [string, number | undefined][] = [
    ['8', 8 * gibibyte],
    [' 8 GB ', 8 * gibibyte],
    ['8gib', 8 * gibibyte],
    ['512 MiB', 512 * 1024 ** 2],
    ['1.5G', 1.5 * gibibyte],
    ['1T', 1024 * gibibyte],
    ['0', undefined],
    ['-1', undefined],
    ['', undefined],
    ['8 bananas', undefined],
    ['9999999999T', undefined],
  ];
  for (const [text, bytes] of cases)
    it(`"${text}" is ${bytes ?? 'none'}`, () => assert.equal(parseBudget(text), bytes));

  it('cards are listed from the smallest on', () => {
    const sizes = commonCards.map((c) => c.gibibytes);
    assert.deepEqual(
      sizes,
      [...sizes].sort((a, b) => a - b),
    );
  });
});

describe('Batch sizes as typed', () => {
  const cases: [string, number[] | undefined][] = [
    ['1, 8, 32', [1, 8, 32]],
    ['32 8 8;1', [1, 8, 32]],
    ['1，8、32', [1, 8, 32]],
    ['0', undefined],
    ['1.5', undefined],
    ['1, x', undefined],
    ['', undefined],
    ['1e3', undefined],
  ];
  for (const [text, sizes] of cases)
    it(`"${text}" is ${sizes?.join(' ') ?? 'none'}`, () => assert.deepEqual(parseBatchSizes(text), sizes));
});
