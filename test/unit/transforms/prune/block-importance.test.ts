/** Which residual blocks matter least: by their weights, and by how far they turn what goes through them. */
import assert from 'node:assert/strict';
import { DataType, type Model } from '../../../../src/onnx/model.ts';
import { value } from '../../../support/model-builder.ts';
import { blockProbe, blockStrengths, leastBlocks, residualBlocks } from '../../../../src/transforms/index.ts';
import { applyRecipe } from '../../../../src/transforms/index.ts';
import { cast, recipe } from '../edits.ts';
import { calibrate } from './calibration.ts';
import { image, Net, head } from './net.ts';
import { feeds, run, type Feeds } from './zeroed.ts';
import { BLOCK_ZOO } from './zoo-blocks.ts';

const zoo = (name: string): Model => BLOCK_ZOO.find((c) => c.name === name)!.model;
const input = feeds({ x: [2, 6, 8] });

async function influences(model: Model, data: Feeds): Promise<ReadonlyMap<string, number>> {
  const probe = blockProbe(model)!;
  return probe.influences(await calibrate(probe.model, data, probe.targets));
}

/** 1 − the mean cosine of rows of `width`. */
async function byHand(model: Model, data: Feeds, [x, y]: [string, string], width: number): Promise<number> {
  const outputs = [x, y].filter((n) => !(n in data)).map((n) => value(n));
  const seen = { ...data, ...(await run({ ...model, graph: { ...model.graph, outputs } }, data)) };
  const [a, b] = [x, y].map((n) => seen[n]!.data as Float32Array);
  const dot = (p: Float32Array, q: Float32Array, row: number): number =>
    Array.from({ length: width }, (_, i) => p[row * width + i]! * q[row * width + i]!).reduce(
      (s, v) => s + v,
    );
  const rows = a!.length / width;
  let sum = 0;
  for (let r = 0; r < rows; r++) sum += dot(a!, b!, r) / Math.sqrt(dot(a!, a!, r) * dot(b!, b!, r));
  return 1 - sum / rows;
}

describe('importance of blocks', () => {
  it('is the norm of the last weights per output, the mean of all blocks being 1', async () => {
    const net = new Net();
    let x = 'x';
    for (const [i, scale] of [1, 3, 2].entries()) {
      const h = net.relu(net.linear(x, `up${i}`, [8, 4]));
      const w = net.weight(`w${i}`, [4, 8], 0, scale);
      x = net.op('Add', [x, net.op('MatMul', [h, w], `down${i}`)], `add${i}`);
    }
    const strengths = await blockStrengths(net.build({ x: [2, 8] }, net.linear(x, 'out', [8, 2])));
    assert.deepEqual([...strengths.keys()], ['add0', 'add1', 'add2']);
    // columns of four equal weights: their norms are 2, 6 and 4
    [...strengths.values()].forEach((v, i) => assert.ok(Math.abs(v - [0.5, 1.5, 1][i]!) < 1e-6, `${v}`));
  });

  it('is the scale of a norm that ends the branch', async () => {
    const net = new Net();
    let x = 'x';
    for (const [i, scale] of [3, 1].entries()) {
      const y = net.op(
        'LayerNormalization',
        [net.linear(x, `f${i}`, [8, 8]), net.weight(`g${i}`, [8], 0, scale)],
        `ln${i}`,
      );
      x = net.op('Add', [y, x], `add${i}`);
    }
    const strengths = await blockStrengths(net.build({ x: [2, 8] }, x));
    assert.deepEqual(Object.fromEntries(strengths), { add0: 1.5, add1: 0.5 });
  });

  it('is 1 − cos(x, x + f(x)) of each token', async () => {
    const model = zoo('in a row');
    const found = await influences(model, input);
    for (const [id, x] of [
      ['add1', 'x'],
      ['add2', 'add1'],
      ['add3', 'add2'],
    ] as const) {
      const want = await byHand(model, input, [x, id], 8);
      assert.ok(Math.abs((found.get(id) ?? NaN) - want) < 1e-5, `${id}: ${found.get(id)}, not ${want}`);
      assert.ok(want > 0.01 && want < 2);
    }
  });

  it('is seen behind sums that are merged into norms, with the bias that goes with the branch', async () => {
    const found = await influences(zoo('merged into SkipLayerNormalization'), input);
    const want = await byHand(zoo('merged into SkipLayerNormalization'), input, ['x', 'n1.sum'], 8);
    assert.ok(Math.abs((found.get('n1') ?? NaN) - want) < 1e-5);
  });

  it('is taken over whole images, and in float32 whatever the model computes in', async () => {
    const net = new Net();
    const stem = net.conv('x', 'stem', [8, 3]);
    const sum = net.op('Add', [net.conv(net.relu(stem), 'f', [8, 8]), stem], 'sum');
    const model = net.build({ x: ['batch', 3, 8, 8] }, head(net, sum, 8), 12);
    const found = await influences(model, feeds(image));
    const want = await byHand(model, feeds(image), ['stem', 'sum'], 8 * 64);
    assert.ok(Math.abs((found.get('sum') ?? NaN) - want) < 1e-5);
    const half = applyRecipe(model, recipe(cast())).model;
    assert.ok([...half.graph.initializers.values()].some((t) => t.dataType === DataType.float16));
    assert.ok(Math.abs([...(await influences(half, feeds(image))).values()][0]! - want) < 1e-2);
  });

  it('chooses blocks that can go together', () => {
    const scores = (...ids: string[]) => new Map(ids.map((id, i) => [id, i]));
    const parallel = residualBlocks(zoo('beside each other'));
    assert.deepEqual(leastBlocks(parallel, scores('g.down.bias', 'f.down.bias', 'add'), 3), ['g.down.bias']);
    const nested = residualBlocks(zoo('within each other'));
    assert.deepEqual(leastBlocks(nested, scores('outer', 'inner'), 2), ['outer']);
    const row = residualBlocks(zoo('in a row'));
    assert.deepEqual(leastBlocks(row, scores('add3', 'add1'), 2), ['add3', 'add1']);
    assert.deepEqual(leastBlocks(residualBlocks(zoo('that cannot go')), new Map(), 2), []);
  });

  it('lists layers and bytes of each', () => {
    const [block] = residualBlocks(zoo('in a row'));
    const { layers, bytes } = block!;
    assert.deepEqual(layers, ['f1.up', 'f1.down']);
    assert.equal(bytes, 4 * (8 * 12 + 12 + 12 * 8 + 8));
  });
});
