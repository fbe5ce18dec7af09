/** Where the cut lies that the page draws. */
import assert from 'node:assert/strict';
import { DataType } from '../../../../src/onnx/index.ts';
import {
  applyRecipe,
  channelImportance,
  channelScores,
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
    const { quantiles } = await weightImportance(m, 'fc', signal);
    assert.equal(quantiles.length, 101);
    const { model: pruned } = applyRecipe(m, recipe(prune({ ratio: 0.3 })));
    assert.deepEqual(await sparsity(pruned, 'fc'), { zeros: 120, elements: 400 });
    // 120 magnitudes lie below; bins of 800 / 4096 tell it no finer
    assert.ok(Math.abs(quantiles[30]! - 120) <= 1, `${quantiles[30]}`);
  });

  it('puts weights that are all alike into one bin', async () => {
    const { counts, quantiles } = await weightImportance(linear(weights.map(() => 2)), 'fc', signal);
    assert.deepEqual(
      counts.filter((n) => n > 0),
      [400],
    );
    assert.ok(Math.abs(quantiles[50]! - 2) < 1e-6);
  });
});

describe('channelImportance', () => {
  it('counts channels, and has the cut at the score of the one at that place', async () => {
    const { model: m } = ZOO.find((z) => z.name === 'residual')!;
    const conv = m.graph.nodes.find((n) => n.opType === 'Conv')!.name;
    const groups = await channelScores(m, conv, { importance: 'l2' });
    const found = await channelImportance(m, conv, 'l2', signal);
    assert.equal(found.length, groups.length);
    assert.ok(found.length > 0);
    for (const [i, { unit, count, counts, quantiles, min, max }] of found.entries()) {
      const sorted = [...groups[i]!.scores].sort((a, b) => a - b);
      assert.deepEqual([unit, count, min, max], ['channel', groups[i]!.channels, sorted[0], sorted.at(-1)]);
      assert.ok(Math.abs(counts.reduce((sum, n) => sum + n, 0) - count) < 1e-9);
      assert.deepEqual([quantiles[0], quantiles[100]], [sorted[0], sorted.at(-1)]);
      assert.equal(quantiles[50], sorted[Math.round(sorted.length / 2)]);
    }
  });
});
