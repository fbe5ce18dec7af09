/** Sensitivity of a model whose state has its samples along another axis than the first, run in ONNX Runtime. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openModel, saveModel } from '../../src/onnx/index.ts';
import { Runner, type BatchAxes } from '../../src/runtime/index.ts';
import { measureSensitivity, type SensitivityPoint } from '../../src/sensitivity.ts';
import type { PruneChannelsEdit } from '../../src/transforms/index.ts';
import { npy, npz } from './runtime/numpy-files.ts';
import { bundleFolder } from './runtime/worker-bundle.ts';
import { channels } from './transforms/prune/zeroed.ts';
import { Net } from './transforms/prune/net.ts';

const samples = 6;

/** y = W₂ relu(W₁ (x + the mean of s over its first axis)); nothing but the data's layout says that `lanes` is the batch. */
function stateful() {
  const net = new Net();
  const mean = net.op('ReduceMean', ['s'], 'mean', { axes: [0], keepdims: 0 });
  const hidden = net.relu(net.linear(net.op('Add', ['x', mean], 'joined'), 'up', [8, 12]));
  return net.build({ x: ['n', 8], s: [4, 'lanes', 8] }, net.linear(hidden, 'down', [12, 5]));
}

describe('measureSensitivity along other batch axes', function () {
  this.timeout(60_000);
  let [folder, bundles] = ['', ''];
  let runner: Runner;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-sensitivity-test-'));
    bundles = await bundleFolder({ worker: 'src/runtime/worker/main.ts' });
    runner = new Runner({ workerPath: path.join(bundles, 'worker.cjs') });
    await saveModel(stateful(), path.join(folder, 'stateful.onnx'));
    const wave = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * i));
    const x = npy(wave(samples * 8), { shape: [samples, 8] });
    const s = npy(wave(4 * samples * 8), { shape: [4, samples, 8] });
    await writeFile(path.join(folder, 'data.npz'), npz({ x, s }));
  });
  after(async () => {
    await runner.dispose();
    await Promise.all([folder, bundles].map((f) => rm(f, { recursive: true })));
  });

  /** In batches of 4 and 2, calibration and comparison alike. */
  async function measure(
    batchAxes: BatchAxes | undefined,
    edit: Partial<PruneChannelsEdit> = {},
  ): Promise<SensitivityPoint[]> {
    const file = path.join(folder, 'stateful.onnx');
    const [data, model] = [path.join(folder, 'data.npz'), await openModel(file)];
    const points: SensitivityPoint[] = [];
    const calibration = { path: data, samples, batchSize: 4, ...(batchAxes && { batchAxes }) };
    try {
      await measureSensitivity(model, {
        runner: () => runner,
        ...{ modelPath: file, layers: ['up'], ratios: [0.25, 0.5], ep: 'cpu', dims: {}, batchSize: 4 },
        recipe: { version: 1, source: { name: 'stateful.onnx', sizeBytes: 0 }, edits: [], calibration },
        data: { kind: 'numpy', path: data, ...(batchAxes && { batchAxes }) },
        editAt: (layer, ratio) => channels({ layers: { nodes: [layer] }, ratio, ...edit }),
        onPoint: (point) => points.push(point),
      });
    } finally {
      await model.source.close();
    }
    return points;
  }

  it('runs all samples, and prunes by what they tell', async () => {
    const bare = await measure({ s: 1 });
    const repaired = await measure({ s: 1 }, { importance: 'activation', repair: 'least-squares' });
    for (const points of [bare, repaired]) {
      assert.deepEqual(
        points.map((p) => [p.layer, p.ratio, p.samples, p.reason]),
        [0.25, 0.5].map((ratio) => ['up', ratio, samples, undefined]),
      );
      assert.ok(points.every((p) => (p.cosine ?? 0) > 0 && (p.cosine ?? 1) < 1));
    }
    // as many samples as half of the neurons: the rest can stand in for them
    assert.ok((repaired[1]?.cosine ?? 0) > (bare[1]?.cosine ?? 1) + 0.01);
  });

  it('cannot be run where the state is taken for one that all samples share', async () => {
    await assert.rejects(measure(undefined), /lanes|4 by 6|broadcast|"s"/);
  });

  it('says where the axis is none', async () => {
    await assert.rejects(measure({ s: 3 }), /Input "s" has 3 dims and no axis 3 for its batch/);
  });
});
