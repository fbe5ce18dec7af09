/** Residual blocks: without one the model gives what it gives with the block's branch multiplied by zero. */
import assert from 'node:assert/strict';
import path from 'node:path';
import fc from 'fast-check';
import { analyze } from '../../../../src/analysis/index.ts';
import { opsetVersion, type Model } from '../../../../src/onnx/model.ts';
import { applyRecipe, parseRecipe, serializeRecipe } from '../../../../src/transforms/index.ts';
import { cast, quantize, recipe } from '../edits.ts';
import { blocks, blocksOf, compareBlocks, withFile } from './blocks-oracle.ts';
import { randomNetOfBlocks } from './random-nets.ts';
import { fileOf, LARGE, SMALL } from './real.ts';
import { feeds } from './zeroed.ts';
import { BLOCK_ZOO } from './zoo-blocks.ts';
import { ZOO } from './zoo.ts';

const zoo = (name: string): Model => BLOCK_ZOO.find((c) => c.name === name)!.model;
const able = (model: Model): string[] =>
  blocksOf(model).flatMap((b) => (b.blocker === undefined ? [b.id] : []));
/** One of the branches of each sum: the sum itself must stay something. */
const together = (model: Model): string[] => {
  const sums = new Map(blocksOf(model).flatMap((b) => (b.blocker ? [] : [[b.sum, b.id] as const])));
  return [...sums.values()];
};

describe('removed blocks', () => {
  for (const { name, model, inputs, blocks: ids, refused } of BLOCK_ZOO) {
    it(`${name}: each alone, and all at once`, async () => {
      assert.deepEqual(able(model), ids);
      for (const id of ids) {
        const { difference, effect } = await compareBlocks(model, [id], feeds(inputs));
        assert.ok(difference < 1e-5, `${id} differs by ${difference}`);
        assert.ok(effect > 1e-3, `${id} changes the outputs by ${effect} only`);
      }
      if (ids.length > 0) {
        const { difference } = await compareBlocks(model, together(model), feeds(inputs));
        assert.ok(difference < 1e-5, `together they differ by ${difference}`);
      }
      for (const [id, reason] of Object.entries(refused ?? {})) {
        const [change] = applyRecipe(model, recipe(blocks(id))).changes;
        assert.equal(change?.status, 'blocked', id);
        assert.match(change.reason ?? '', reason);
      }
    });
  }

  for (const [name, count] of [
    ['residual', 3],
    ['ViT', 2],
    ['GPT-like, grouped queries', 2],
    ['stream behind SkipSimplifiedLayerNormalization', 1],
  ] as const) {
    it(`of ${name}`, async () => {
      const { model, inputs } = ZOO.find((z) => z.name === name)!;
      assert.equal(able(model).length, count);
      for (const id of able(model)) {
        const { difference, effect } = await compareBlocks(model, [id], feeds(inputs));
        assert.ok(difference < 1e-4 && effect > 1e-3, `${id}: ${difference}, ${effect}`);
      }
    });
  }

  it('of random networks', async function () {
    this.timeout(120_000);
    let seen = 0;
    await fc.assert(
      fc.asyncProperty(randomNetOfBlocks, async (model) => {
        const input = feeds({ x: [1, 3, 4, 4] });
        for (const id of able(model)) {
          seen++;
          const { difference } = await compareBlocks(model, [id], input);
          assert.ok(difference < 1e-4, `${id} differs by ${difference}`);
        }
        const ids = together(model);
        if (ids.length < 2) return;
        const { difference } = await compareBlocks(model, ids, input);
        assert.ok(difference < 1e-4, `together they differ by ${difference}`);
      }),
      { numRuns: Number(process.env['PRUNE_RUNS'] ?? 40) },
    );
    assert.ok(seen > 0, 'no random network has a block');
  });

  it('is written down, read again and undone', () => {
    const edit = blocks('add1', 'add3');
    assert.deepEqual(parseRecipe(serializeRecipe(recipe(edit))).edits, [edit]);
    const model = zoo('in a row');
    const glob = applyRecipe(
      model,
      recipe({ type: 'prune-blocks', layers: { glob: 'add*', except: ['add2'] } }),
    );
    const named = applyRecipe(model, recipe(edit));
    assert.deepEqual(
      glob.model.graph.nodes.map((n) => n.name),
      named.model.graph.nodes.map((n) => n.name),
    );
    assert.equal(named.model.graph.initializers.size, model.graph.initializers.size - 8);
    assert.equal(applyRecipe(model, recipe()).model, model);
  });

  it('tells bytes, MACs and peak from the recipe alone', () => {
    const model = zoo('in a row');
    const applied = applyRecipe(model, recipe(blocks('add2')));
    // up: [8, 12] and 12, down: [12, 8] and 8
    const saved = applied.changes.reduce((n, c) => n + c.beforeBytes - c.afterBytes, 0);
    assert.equal(saved, 4 * (8 * 12 + 12 + 12 * 8 + 8));
    assert.deepEqual(
      applied.changes.map((c) => c.node),
      ['add2', 'f2.up', 'f2.up.bias', 'f2.down', 'f2.down.bias'],
    );
    const [before, after] = [model, applied.model].map((m) => analyze(m).estimate({ dims: { batch: 2 } }));
    const macs = (e: typeof before): number => e!.nodes.reduce((n, x) => n + (x.macs ?? 0), 0);
    assert.equal(macs(before) - macs(after), 2 * 6 * 2 * 8 * 12);
    assert.equal(before!.parameterBytes - after!.parameterBytes, saved);
    assert.ok(after!.totalPeak.bytes! < before!.totalPeak.bytes!);
  });

  it('keeps one branch of each sum', () => {
    const model = zoo('beside a projection');
    const { changes } = applyRecipe(model, recipe(blocks('b', 'short')));
    const blocked = changes.filter((c) => c.status === 'blocked');
    assert.match(blocked.map((c) => c.reason).join(), /the other branch of Add "sum" goes already/);
    const [sum] = applyRecipe(model, recipe(blocks('sum'))).changes;
    assert.match(sum?.reason ?? '', /either of its branches could go: name "short" \/ "b" instead/);
  });

  it('takes what is inside a block along, and no later edit finds it', () => {
    const model = zoo('within each other');
    const { changes } = applyRecipe(model, recipe(blocks('inner', 'outer'), quantize()));
    assert.deepEqual(
      changes.filter((c) => c.edit === 0 && c.status === 'blocked'),
      [],
    );
    assert.deepEqual(
      changes.filter((c) => c.edit === 1).map((c) => c.node),
      ['out'],
    );
    const again = applyRecipe(model, recipe(blocks('outer'), blocks('inner'))).changes;
    assert.equal(again.find((c) => c.edit === 1)?.reason, 'an earlier edit removed it');
    const late = applyRecipe(model, recipe(quantize(), blocks('outer')));
    assert.equal(late.changes.find((c) => c.node === 'outer')?.status, 'applied');
    assert.equal(late.model.graph.nodes.filter((n) => n.opType === 'MatMulInteger').length, 1);
    const half = applyRecipe(model, recipe(cast(), blocks('outer')));
    assert.equal(half.changes.find((c) => c.node === 'outer')?.status, 'applied');
  });

  it('becomes the plain norm, at the opset that has it', () => {
    const model = zoo('merged into SkipLayerNormalization');
    const { model: changed } = applyRecipe(model, recipe(blocks('n1')));
    assert.equal(opsetVersion(changed), 17);
    assert.equal(changed.graph.nodes.find((n) => n.name === 'n1')?.opType, 'LayerNormalization');
    assert.equal(changed.graph.initializers.has('n1.bias'), false);
  });
});

describe('removed blocks of real models', function () {
  this.timeout(60_000);
  const counts = [0, 0, 3, 6, 6, 7, 11, 4];
  [...SMALL, ...LARGE].forEach((real, i) => {
    it(path.basename(real.file), () =>
      withFile(fileOf(real), async (model) => {
        const ids = able(model);
        assert.equal(ids.length, counts[i]);
        const tried = i < SMALL.length ? ids : ids.slice(0, 2);
        for (const id of tried) {
          const { difference } = await compareBlocks(model, [id], real.feeds);
          assert.ok(difference < 1e-4, `${id} differs by ${difference}`);
        }
        if (ids.length === 0) return;
        const { difference, applied } = await compareBlocks(model, together(model), real.feeds);
        assert.ok(difference < 1e-4, `together they differ by ${difference}`);
        assert.ok(applied.model.graph.nodes.length < model.graph.nodes.length);
      }),
    );
  });
});
