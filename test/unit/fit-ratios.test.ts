/** Ratios by layer from a sensitivity: by arithmetic, and with a runner that is told how much each try loses. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import path from 'node:path';
import { fitRatios, ratioWithin, type Curve, type FitOptions } from '../../src/fit-ratios.ts';
import { openModel, type Model } from '../../src/onnx/index.ts';
import type { ComparedRun, KeptOutputs } from '../../src/runtime/index.ts';

const sample = path.resolve(import.meta.dirname, '../../media/samples/fmnist_cnn.onnx');

const curve: Curve['points'] = [
  { ratio: 0.1, value: 0.93 },
  { ratio: 0.2, value: 0.9 },
  { ratio: 0.3, value: 0.5 },
];

describe('the ratio at which a layer loses no more', () => {
  const cases: readonly (readonly [string, Curve['points'], number, number, number])[] = [
    ['between two points, by a straight line', curve, 0.94, 0.025, 0.15],
    ['at a point', curve, 0.94, 0.04, 0.2],
    ['before the first point', curve, 0.94, 0.005, 0.05],
    ['rounded down to a whole percent', curve, 0.94, 0.0272, 0.15],
    ['of all that was measured, where nothing falls below', curve, 0.94, 0.5, 0.3],
    ['none, where the first percent costs more', curve, 0.94, 0.0005, 0],
    ['none of a layer that was not measured', [], 0.94, 0.5, 0],
    ['up to the first fall, though it rises again behind', [...curve.slice(0, 2), { ratio: 0.3, value: 0.6 }, { ratio: 0.4, value: 0.94 }], 0.94, 0.04, 0.2], // prettier-ignore
    ['beyond a layer that got better', [{ ratio: 0.1, value: 0.95 }, { ratio: 0.2, value: 0.85 }], 0.94, 0.04, 0.15], // prettier-ignore
    ['nothing for nothing', curve, 0.94, 0, 0],
  ];
  for (const [name, points, original, loss, expected] of cases)
    it(name, () => assert.equal(ratioWithin(points, original, loss), expected));
});

describe('fitRatios', () => {
  let model: Model;
  before(async () => {
    model = await openModel(sample);
  });
  after(() => model.source.close());

  const layers = ['/f/f.3/f.3.0/Conv', '/fc1/Gemm'];
  /** Each loses a point a percent alone. */
  const even: readonly Curve[] = layers.map((layer) => ({
    layer,
    points: [0.1, 0.2, 0.3, 0.4].map((ratio) => ({ ratio, value: 0.9 - ratio / 10 })),
  }));

  /** @param loss of a model with these ratios */
  async function fit(
    loss: (ratios: Readonly<Record<string, number>>) => number,
    options: Partial<FitOptions>,
  ) {
    const tries: Readonly<Record<string, number>>[] = [];
    const sizes: number[] = [];
    const kept: KeptOutputs = {
      ...{ samples: 100, data: 'x.npz', accuracy: 0.9, labelMetrics: [], warnings: [], batchSize: 16 },
      compare: (file) => {
        sizes.push(statSync(file).size);
        const value = 0.9 - loss(tries.at(-1) ?? {});
        const run: ComparedRun = {
          ...{ samples: 100, data: 'x.npz', accuracy: value, labelMetrics: [], warnings: [] },
          outputs: [{ output: 'y', cosine: value, sqnrDb: 1, maxAbsError: 1, top1Agreement: 1 }],
        };
        return Promise.resolve(run);
      },
      dispose: () => Promise.resolve(),
    };
    const none = () => Promise.reject(new Error('nothing looks at data'));
    const found = await fitRatios(model, {
      runner: () => ({ calibrate: none, moments: none, keepOutputs: () => Promise.resolve(kept) }),
      ...{
        modelPath: sample,
        ep: 'cpu',
        dims: {},
        batchSize: 16,
        data: { kind: 'random', seed: 0, samples: 100 },
      },
      recipe: { version: 1, source: { name: 'x', sizeBytes: 0 }, edits: [] },
      ...{ curves: even, measure: 'accuracy', original: 0.9, maxLoss: 0.02 },
      editsAt: (ratios) => {
        tries.push(ratios);
        return Object.entries(ratios).map(([layer, ratio]) => ({
          ...{ type: 'prune-channels', layers: { nodes: [layer] }, importance: 'l1', ratio, seed: 0 },
        }));
      },
      ...options,
    });
    return { found, tries, sizes };
  }

  it('runs all layers together, and takes less where they lose more so', async () => {
    // together they lose twice of what each loses alone: half a point each, at 10 %
    const { found, tries, sizes } = await fit(
      (ratios) => Object.values(ratios).reduce((a, b) => a + b, 0) / 10,
      {},
    );
    assert.deepEqual(tries[0], { [layers[0]!]: 0.2, [layers[1]!]: 0.2 });
    assert.deepEqual(found.ratios, { [layers[0]!]: 0.1, [layers[1]!]: 0.1 });
    assert.ok(Math.abs(found.value - 0.88) < 1e-9, String(found.value));
    assert.equal(found.original, 0.9);
    assert.ok(tries.length <= 8 && tries.length > 2, String(tries.length));
    assert.ok(sizes.every((s) => s < statSync(sample).size));
  });

  it('takes more where they lose less together, up to what was measured', async () => {
    const { found, tries } = await fit(() => 0.001, {});
    assert.deepEqual(found.ratios, { [layers[0]!]: 0.4, [layers[1]!]: 0.4 });
    assert.deepEqual(
      tries.map((t) => t[layers[0]!]),
      [0.2, 0.4],
    );
  });

  it('leaves out the layers that bear none', async () => {
    const curves = [even[0]!, { layer: layers[1]!, points: [{ ratio: 0.1, value: 0 }] }];
    const { found } = await fit((ratios) => (ratios[layers[0]!] ?? 0) / 10, { curves });
    assert.deepEqual(found.ratios, { [layers[0]!]: 0.2 });
  });

  it('finds none where all cost too much, and says what the original has', async () => {
    const { found } = await fit(() => 0.5, {});
    assert.deepEqual(found, { ratios: {}, value: 0.9, original: 0.9 });
  });

  it('goes by similarity where there are no labels', async () => {
    const { found } = await fit((ratios) => (ratios[layers[0]!] ?? 0) / 10, {
      measure: 'similarity',
      original: 0.9,
    });
    assert.deepEqual(found.ratios, { [layers[0]!]: 0.2, [layers[1]!]: 0.2 });
  });

  it('ends where it is cancelled', async () => {
    const stop = new AbortController();
    const run = fit(() => 0.5, { signal: stop.signal, onTry: () => stop.abort() });
    await assert.rejects(run, { name: 'AbortError' });
  });
});
