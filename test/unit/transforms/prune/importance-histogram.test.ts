/** Where the cut lies that the page draws. */
import assert from 'node:assert/strict';
import { DataType } from '../../../../src/onnx/index.ts';
import {
  applyRecipe,
  channelImportance,
  channelScores,
  channelsKept,
  pruneGroups,
  sparsity,
  weightImportance,
} from '../../../../src/transforms/index.ts';
import { graph, model, node, tensor, value } from '../../../support/model-builder.ts';
import { prune, recipe } from '../edits.ts';
import { ZOO } from './zoo.ts';

const signal = new AbortController().signal;

function linear(weights: readonly number[]) {
  const bytes = new Uint8Array(Float32Array.from(weights).buffer);
  const w = tensor('w', DataType.float, [4, weights.length / 4], bytes);
  const nodes = [node('MatMul', ['x', 'w'], ['y'], { name: 'fc' })];
  return model(
    graph({ inputs: [value('x', ['batch', 4])], nodes, outputs: [value('y')], initializers: [w] }),
  );
}

describe('weightImportance', () => {
  const weights = Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 1 : -1) * (i + 1));

  it('counts every weight by its magnitude', async () => {
    const { unit, count, min, max, counts } = await weightImportance(linear(weights), 'fc', signal);
    assert.deepEqual([unit, count, min, max], ['weight', 400, 0, 400]);
    assert.equal(
      counts.reduce((sum, n) => sum + n, 0),
      400,
    );
  });

  it('has the cut where the edit has it', async () => {
    const m = linear(weights);
    const { cuts } = await weightImportance(m, 'fc', signal);
    assert.equal(cuts.length, 101);
    const { model: pruned } = applyRecipe(m, recipe(prune({ ratio: 0.3 })));
    assert.deepEqual(await sparsity(pruned, 'fc'), { zeros: 120, elements: 400 });
    // 120 magnitudes lie below; bins of 800 / 4096 tell it no finer
    assert.equal(cuts[30]!.gone, 120);
    assert.ok(Math.abs(cuts[30]!.below - 120) <= 1, `${cuts[30]!.below}`);
  });

  it('puts weights that are all alike into one bin', async () => {
    const { counts, cuts } = await weightImportance(linear(weights.map(() => 2)), 'fc', signal);
    assert.deepEqual(
      counts.filter((n) => n > 0),
      [400],
    );
    assert.ok(Math.abs(cuts[50]!.below - 2) < 1e-6);
  });
});

describe('channelImportance', () => {
  it('counts channels, and has the cut at the score of the one at that place', async () => {
    const { model: m } = ZOO.find((z) => z.name === 'residual')!;
    const conv = m.graph.nodes.find((n) => n.opType === 'Conv')!.name;
    const groups = await channelScores(m, conv, { importance: 'l2' });
    const found = await channelImportance(m, conv, { importance: 'l2' }, signal);
    assert.equal(found.length, groups.length);
    assert.ok(found.length > 0);
    for (const [i, { unit, count, counts, cuts, min, max }] of found.entries()) {
      const sorted = [...groups[i]!.scores].sort((a, b) => a - b);
      assert.deepEqual([unit, count, min, max], ['channel', groups[i]!.channels, sorted[0], sorted.at(-1)]);
      assert.ok(Math.abs(counts.reduce((sum, n) => sum + n, 0) - count) < 1e-9);
      assert.deepEqual([cuts[0]?.below, cuts[100]?.below], [sorted[0], sorted.at(-1)]);
      assert.equal(cuts[50]?.below, sorted[Math.round(sorted.length / 2)]);
    }
  });

  it('says of every ratio how many the plan takes: tied ones together, up to a multiple', async () => {
    const groups = ZOO.flatMap(({ model: m }) =>
      pruneGroups(m)
        .filter((g) => g.blocker === undefined && g.approximation === undefined)
        .map((group) => ({ m, group })),
    );
    const tied = groups.find(({ group }) => group.units < group.channels)!;
    const single = groups.find(({ group }) => group.units === group.channels)!;
    for (const [{ m, group }, roundTo] of [
      [tied, undefined],
      [tied, 8],
      [single, 4],
    ] as const) {
      const [found] = await channelImportance(m, group.layers[0]!, { importance: 'l1', roundTo }, signal);
      assert.deepEqual(
        found!.cuts.map(({ gone }) => gone),
        Array.from({ length: 101 }, (_, i) => group.channels - channelsKept(group, i / 100, roundTo)),
      );
    }
  });

  it('takes none of what is not exact, unless it may', async () => {
    const { model: m } = ZOO.find((z) => pruneGroups(z.model).some((g) => g.approximation !== undefined))!;
    const group = pruneGroups(m).find((g) => g.approximation !== undefined)!;
    const own = { importance: 'l1' } as const;
    const parts = await channelImportance(m, group.layers[0]!, own, signal);
    const all = await channelImportance(m, group.layers[0]!, { ...own, approximate: true }, signal);
    assert.equal(all.length, parts.length + 1);
  });
});
