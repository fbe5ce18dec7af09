/** Histograms of weights, before and after rounding. */
import assert from 'node:assert/strict';
import type { Model } from '../../../src/onnx/model.ts';
import { weightHistogram, weightSqnr } from '../../../src/transforms/index.ts';
import { floats, graph, model, node, value } from '../../support/model-builder.ts';
import { blocks, cast, prune, quantize, recipe } from './edits.ts';

// 0, 1, … 7, twice, and their negatives: [32, 1]
const W = Array.from({ length: 32 }, (_, i) => (i < 16 ? i % 8 : -(i % 8)));

function layer(values: readonly number[] = W): Model {
  return model(
    graph({
      inputs: [value('x')],
      outputs: [value('y')],
      initializers: [floats('W', [values.length, 1], values), floats('c', [1], [5])],
      nodes: [
        node('Gemm', ['x', 'W', 'c'], ['h'], { name: 'fc' }),
        node('Relu', ['h'], ['y'], { name: 'relu' }),
      ],
    }),
  );
}

const total = (counts: Float64Array) => counts.reduce((a, b) => a + b, 0);

describe('weightHistogram', () => {
  it('counts the weights in equal bins, and tells their moments', async () => {
    const found = await weightHistogram(layer(), 'fc', { bins: 7 });
    // bins of 2 from -7 to 7: [-7, -5) [-5, -3) [-3, -1) [-1, 1) [1, 3) [3, 5) [5, 7]
    assert.deepEqual([...found.counts], [4, 4, 4, 6, 4, 4, 6]);
    const { tensor, dims, count, zeros, min, max, mean, notFinite, after } = found;
    assert.deepEqual(
      { tensor, dims, count, zeros, min, max, mean, notFinite, after },
      {
        tensor: 'W',
        dims: [32, 1],
        count: 32,
        zeros: 4,
        min: -7,
        max: 7,
        mean: 0,
        notFinite: 0,
        after: undefined,
      },
    );
    // 4 · (1 + 4 + … + 49) / 32
    assert.ok(Math.abs(found.deviation - Math.sqrt((4 * 140) / 32)) < 1e-12);
  });

  it('leaves out what is not finite, and counts it', async () => {
    const found = await weightHistogram(layer([...W.slice(0, 30), NaN, Infinity]), 'fc', { bins: 4 });
    assert.deepEqual([found.count, found.notFinite, total(found.counts)], [30, 2, 30]);
  });

  it('has one bin for weights that are all the same, and none of no weights', async () => {
    const same = await weightHistogram(layer([3, 3, 3]), 'fc', { bins: 2 });
    assert.deepEqual([...same.counts], [3, 0]);
  });

  for (const edit of [quantize(), blocks({ bits: 4 }), blocks({ bits: 2, isSymmetric: true })]) {
    it(`tells what a recipe makes of them: ${JSON.stringify(edit)}`, async () => {
      const r = recipe(edit);
      const { after, counts } = await weightHistogram(layer(), 'fc', { bins: 7, recipe: r });
      assert.equal(after?.sqnrDb, (await weightSqnr(layer(), r)).get('fc')?.sqnrDb);
      assert.equal(total(after!.counts), total(counts));
      const [line] = after!.grid;
      assert.equal(after!.grid.length, 1);
      // the first block holds 0 to 7 only
      const ends = [line!.low, line!.high].map((q) => line!.scale * (q - line!.zeroPoint));
      assert.ok(Math.abs(Math.max(...ends) - 7) < 0.01, ends.join(' to '));
    });
  }

  it('has no grid of floats', async () => {
    const found = await weightHistogram(layer(), 'fc', { bins: 8, recipe: recipe(cast()) });
    assert.deepEqual(found.after?.grid, []);
    assert.ok(found.after.sqnrDb > 60);
    assert.equal(
      found.after.counts.reduce((sum, n) => sum + n, 0),
      found.count,
    );
  });

  it('has the zeros of what is pruned, and the values that stay', async () => {
    const r = recipe(prune({ ratio: 0.5 }));
    const { after, counts, unknownAfter } = await weightHistogram(layer(), 'fc', { bins: 15, recipe: r });
    // bins around -7, -6, … 7: the two of each from 4 on stay, of both signs
    assert.deepEqual([...after!.counts], [2, 2, 2, 2, 0, 0, 0, 16, 0, 0, 0, 2, 2, 2, 2]);
    assert.deepEqual([...counts], [2, 2, 2, 2, 2, 2, 2, 4, 2, 2, 2, 2, 2, 2, 2]);
    assert.equal(after!.sqnrDb, (await weightSqnr(layer(), r)).get('fc')?.sqnrDb);
    assert.deepEqual([after!.grid, unknownAfter], [[], undefined]);
  });

  it('tells that data decide, where they do', async () => {
    for (const edit of [blocks({ algorithm: 'gptq' }), prune({ method: 'wanda' })]) {
      const found = await weightHistogram(layer(), 'fc', { bins: 15, recipe: recipe(edit) });
      assert.deepEqual([found.after, found.unknownAfter], [undefined, 'needs-data']);
    }
  });

  it('is that of the weights where the recipe leaves the node alone', async () => {
    const r = recipe(blocks({ layers: { nodes: ['other'] } }));
    const { after } = await weightHistogram(layer(), 'fc', { bins: 7, recipe: r });
    assert.equal(after, undefined);
  });

  const refused: [string, string, number, RegExp][] = [
    ['a node that is not there', 'gone', 8, /no node of that id/],
    ['a node without weights', 'relu', 8, /no float32 constant/],
    ['no bins', 'fc', 0, /expected 1 to 4096, got 0/],
    ['a million bins', 'fc', 1e6, /expected 1 to 4096/],
  ];
  for (const [title, id, bins, message] of refused) {
    it(`refuses ${title}`, () => assert.rejects(weightHistogram(layer(), id, { bins }), message));
  }
});
