/** Random networks: what is removed leaves them as if it had been zero, in any combination of operators. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { applyRecipe } from '../../../../src/transforms/index.ts';
import { recipe } from '../edits.ts';
import { randomNet, randomNetOfBodies } from './random-nets.ts';
import { zeroedBodies } from './zeroed-bodies.ts';
import { channels, compare, feeds, furthest, run } from './zeroed.ts';

describe('removed channels of random networks', function () {
  const runs = Number(process.env['PRUNE_RUNS'] ?? 40);
  this.timeout(3_000 * runs);

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

  it(`equal zeroed ones inside of If, Loop and Scan, too, in ${runs} networks`, async () => {
    let pruned = 0;
    await fc.assert(
      fc.asyncProperty(randomNetOfBodies, fc.constantFrom(0.25, 0.5, 0.8), async (model, ratio) => {
        const edit = channels({ ratio });
        const { model: changed, changes } = applyRecipe(model, recipe(edit));
        const input = feeds({ x: [1, 3, 4, 4] });
        const [want, got] = [await run(await zeroedBodies(model, edit), input), await run(changed, input)];
        const difference = furthest(want, got);
        assert.ok(difference < 1e-3, `differs by ${difference}`);
        const inside = changes.filter(
          (c) => /_branch\/|\/body\//.test(c.node) && c.afterBytes < c.beforeBytes,
        );
        if (inside.length > 0) pruned++;
      }),
      { numRuns: runs },
    );
    assert.ok(pruned > runs / 3, `${pruned} of ${runs} lost channels inside`);
  });
});
