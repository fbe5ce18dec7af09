/** One ratio for all groups of channels together. */
import assert from 'node:assert/strict';
import type { Model } from '../../../../src/onnx/model.ts';
import { scoredGroups, withRatios } from '../../../../src/global-ratios.ts';
import {
  applyRecipe,
  parseRecipe,
  pruneGroups,
  serializeRecipe,
  sharedRatios,
  type ScoredGroup,
} from '../../../../src/transforms/index.ts';
import { recipe } from '../edits.ts';
import { channels, compare, feeds } from './zeroed.ts';
import { ZOO } from './zoo.ts';

const group = (id: string, scores: readonly number[], each = 1): ScoredGroup => ({
  ...{ id, scores, channels: each * scores.length },
});

function network(name: string): Model {
  const found = ZOO.find((z) => z.name === name);
  if (found === undefined) throw new Error(`no ${name} in the zoo`);
  return found.model;
}

describe('one ratio for all groups', () => {
  const few = [group('a', [0, 1, 2, 3]), group('b', [4, 5, 6, 7])];
  const cases: readonly (readonly [
    name: string,
    groups: readonly ScoredGroup[],
    ratio: number,
    most: number,
    expected: Record<string, number>,
  ])[] = [
    ['takes the least of all first', few, 0.25, 1, { a: 0.5, b: 0 }],
    ['leaves one unit of each group', few, 0.5, 1, { a: 0.75, b: 0.25 }],
    ['leaves more where a group may lose no more', few, 0.5, 0.5, { a: 0.5, b: 0.5 }],
    ['takes less than asked for where no group may lose more', few, 1, 0.5, { a: 0.5, b: 0.5 }],
    // 8 of 16 channels: two heads of 3 are 6, a third would be 9, of which half is too much; two neurons are nearer
    [
      'counts channels, of which a unit has several',
      [group('heads', [0, 1, 2, 3], 3), group('neurons', [4, 5, 6, 7])],
      0.5,
      1,
      { heads: 0.75, neurons: 0 },
    ],
    ['takes none at zero', few, 0, 1, { a: 0, b: 0 }],
    ['writes thirds in two digits', [group('c', [1, 2, 3])], 0.34, 1, { c: 0.33 }],
  ];
  for (const [name, groups, ratio, most, expected] of cases)
    it(name, () => assert.deepEqual(sharedRatios(groups, ratio, most), expected));
});

describe('channels that go by one ratio for all groups', () => {
  const options = { runner: () => assert.fail('no data are needed'), ep: 'cpu', dims: {} } as const;

  for (const { name, model, inputs } of ZOO.filter((z) => ['residual', 'DenseNet', 'ViT'].includes(z.name))) {
    it(`are the least of all of ${name}, and the rest is as with them zeroed`, async () => {
      const asked = channels({ ratio: 0.4 });
      const groups = await scoredGroups(model, recipe(), asked, options);
      const able = pruneGroups(model).filter((g) => g.blocker === undefined && g.approximation === undefined);
      assert.deepEqual(groups.map((g) => g.id).sort(), able.map((g) => g.id).sort());
      const edit = withRatios(asked, groups);
      const { difference, effect, applied } = await compare(model, edit, feeds(inputs));
      assert.ok(difference < 1e-4 && effect > 1e-4, `${difference}, ${effect}`);
      // what stays of each group is what its ratio says
      const after = new Map(pruneGroups(applied.model).map((g) => [g.id, g.channels]));
      let [gone, all] = [0, 0];
      for (const { id, channels: before, scores } of groups) {
        const units = scores.length - Math.round((edit.ratios?.[id] ?? NaN) * scores.length);
        assert.equal(after.get(id), (units * before) / scores.length, id);
        [gone, all] = [gone + before - (after.get(id) ?? NaN), all + before];
      }
      assert.ok(Math.abs(gone / all - 0.4) < 0.1, `${gone} of ${all}`);
      // not the same of each: else it would tell nothing
      assert.ok(new Set(Object.values(edit.ratios ?? {})).size > 1);
    });
  }

  it('are looked at as edits before leave them', async () => {
    const model = network('residual');
    const before = recipe(channels({ layers: { nodes: ['a'] } }));
    const [whole, rest] = await Promise.all(
      [recipe(), before].map((r) => scoredGroups(model, r, channels(), options)),
    );
    const sizes = (groups?: readonly ScoredGroup[]) =>
      Object.fromEntries((groups ?? []).map((g) => [g.id, g.channels]));
    assert.deepEqual(sizes(rest), { ...sizes(whole), a: 6 });
  });

  it('are kept in the recipe, which reads no weight', () => {
    const edit = channels({ ratios: { a: 0.25, b: 0.5 } });
    const read = parseRecipe(serializeRecipe(recipe(edit)));
    assert.deepEqual(read.edits, [edit]);
    const model = network('residual');
    const plan = applyRecipe(model, recipe(channels({ ratios: { a: 0.25 }, layers: { nodes: ['a'] } })));
    const [change] = plan.changes;
    // 3 of a's 12 channels, each of 8 · 3 · 3 weights and a bias
    assert.equal((change?.beforeBytes ?? NaN) - (change?.afterBytes ?? NaN), 4 * 3 * 73);
  });

  it('are refused in a recipe where a share is none', () => {
    const text = serializeRecipe(recipe(channels({ ratios: { a: 1.5 } })));
    assert.throws(
      () => parseRecipe(text),
      /edits\[0\]\.ratios\["a"\]: expected a number from 0 to 1, got 1\.5/,
    );
  });
});
