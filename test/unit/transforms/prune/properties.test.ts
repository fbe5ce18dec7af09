/** Random networks: what is removed leaves them as if it had been zero, in any combination of operators. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { randomNet } from './random-nets.ts';
import { channels, compare, feeds } from './zeroed.ts';

describe('removed channels of random networks', function () {
  this.timeout(120_000);
  const runs = Number(process.env['PRUNE_RUNS'] ?? 40);

  it(`equal zeroed ones, in ${runs} networks`, async () => {
    const ratio = fc.constantFrom(0.25, 0.5, 0.8);
    const importance = fc.constantFrom('l1', 'random');
    await fc.assert(
      fc.asyncProperty(randomNet, ratio, importance, async (model, r, by) => {
        const edit = channels({ ratio: r, importance: by });
        const { difference } = await compare(model, edit, feeds({ x: [1, 3, 4, 4] }));
        assert.ok(difference < 1e-3, `differs by ${difference}`);
      }),
      { numRuns: runs },
    );
  });
});
