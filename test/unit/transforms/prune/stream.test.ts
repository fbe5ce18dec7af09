/** Channels of a residual stream that a normalization computes over: exact where they can be, marked where not. */
import assert from 'node:assert/strict';
import { applyRecipe, parseRecipe, serializeRecipe } from '../../../../src/transforms/index.ts';
import { recipe } from '../edits.ts';
import { channels, compare, feeds } from './zeroed.ts';
import { MEAN_ZOO, RMS_ZOO, ZERO_MEAN_ZOO } from './zoo-norm.ts';

const approximate = channels({ layers: { nodes: ['embed'] }, approximate: true });

describe('channels of a residual stream', () => {
  for (const { name, model, inputs } of ZERO_MEAN_ZOO) {
    it(`${name}: exact where the mean is zero`, async () => {
      const { applied, difference, effect } = await compare(model, approximate, feeds(inputs));
      assert.ok(difference < 1e-4, `differs by ${difference}`);
      assert.ok(effect > 1e-3, `zeroing changes the outputs by ${effect} only`);
      assert.equal(applied.model.graph.initializers.get('embed.w')?.dims[1], 8);
    });
  }

  for (const { name, model, inputs } of MEAN_ZOO) {
    it(`${name}: stays whole unless asked for, and then says that it is not exact`, async () => {
      const reason =
        /^(LayerNormalization|SkipLayerNormalization|ReduceMean) "n[12](\.mean)?" takes the mean over/;
      const refused = applyRecipe(model, recipe({ ...approximate, approximate: false })).changes;
      assert.deepEqual(
        refused.map((c) => c.status),
        ['blocked'],
      );
      assert.match(refused[0]?.reason ?? '', reason);
      const { applied, difference, effect } = await compare(model, approximate, feeds(inputs));
      assert.ok(difference > 1e-4 && difference < effect, `differs by ${difference} of ${effect}`);
      const warning = applied.warnings.find((w) => w.code === 'approximate-channels');
      assert.match(warning?.message ?? '', /not exactly .* takes the mean over .* repair is recommended/);
    });
  }

  it('is not warned of where removal is exact', () => {
    const [{ model } = assert.fail('no model')] = RMS_ZOO;
    const { changes, warnings } = applyRecipe(model, recipe(approximate));
    assert.ok(changes.some((c) => c.node === 'embed' && c.status === 'applied'));
    assert.deepEqual(
      warnings.filter((w) => w.code === 'approximate-channels'),
      [],
    );
  });

  it('is asked for in a recipe', () => {
    assert.deepEqual(parseRecipe(serializeRecipe(recipe(approximate))), recipe(approximate));
  });
});
