/** Channel pruning: what is removed leaves the model as if it had been zero, on networks of every kind. */
import assert from 'node:assert/strict';
import { compare, channels, feeds } from './zeroed.ts';
import { ZOO } from './zoo.ts';

describe('removed channels', () => {
  for (const { name, model, inputs, accepted, refused } of ZOO) {
    it(`${name}: all layers at once`, async () => {
      const { applied, difference, effect } = await compare(model, channels(), feeds(inputs));
      assert.ok(difference < 1e-4, `differs by ${difference}`);
      assert.ok(effect > 1e-3, `zeroing changes the outputs by ${effect} only`);
      for (const id of accepted) {
        const change = applied.changes.find((c) => c.node === id);
        assert.equal(change?.status, 'applied', `${id}: ${change?.reason}`);
        assert.ok(change.afterBytes < change.beforeBytes, `${id} is as large as before`);
      }
      for (const [id, reason] of Object.entries(refused)) {
        const alone = channels({ layers: { nodes: [id] } });
        const found = (await compare(model, alone, feeds(inputs))).applied.changes.find((c) => c.node === id);
        assert.equal(found?.status, 'blocked', id);
        assert.match(found.reason ?? '', reason);
      }
    });

    it(`${name}: each layer alone`, async () => {
      for (const id of accepted) {
        const edit = channels({ layers: { nodes: [id] }, importance: 'random', ratio: 0.4 });
        const { applied, difference } = await compare(model, edit, feeds(inputs));
        assert.ok(difference < 1e-4, `${id} differs by ${difference}`);
        assert.equal(applied.changes.find((c) => c.node === id)?.status, 'applied', id);
      }
    });
  }
});
