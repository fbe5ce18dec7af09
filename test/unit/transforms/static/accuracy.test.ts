/** Static quantization of real models, calibrated, saved and run by ONNX Runtime in a child process. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openModel, saveModel } from '../../../../src/onnx/index.ts';
import { applyRecipe, staticWeights, type StaticEdit } from '../../../../src/transforms/index.ts';
import { models, samples, Workers } from '../../runtime/worker-bundle.ts';
import { recipe } from '../edits.ts';
import { staticEdit } from './support.ts';

const fmnist = { calibration: 'fmnist-calib-256.npz', labelled: path.join(samples, 'fmnist-test-2000.npz') };
const CNN = { file: path.join(samples, 'fmnist_cnn.onnx'), ...fmnist };
const CNN_BN = { file: path.join(models, 'fmnist_cnn_bn.onnx'), ...fmnist };
const TRANSFORMER = {
  file: path.join(models, 'mnist_transformer.onnx'),
  calibration: 'mnist-calib-256.npz',
  labelled: path.join(models, 'mnist-test-2000.npz'),
};

interface Case {
  readonly title: string;
  readonly subject: typeof CNN;
  readonly edit: Partial<StaticEdit>;
  /** At least; measured: docs/quantization.md. */
  readonly sqnrDb: number;
  /** Kernels that must run, and how many. */
  readonly kernels: Readonly<Record<string, number>>;
}

const FUSED = { QLinearConv: 5, QGemm: 2 };
const CASES: readonly Case[] = [
  { title: 'CNN', subject: CNN, edit: {}, sqnrDb: 37, kernels: FUSED },
  {
    title: 'CNN, per channel, mse',
    subject: CNN,
    edit: { granularity: 'per-channel', range: 'mse' },
    sqnrDb: 37,
    kernels: FUSED,
  },
  {
    title: 'CNN, integer operators',
    subject: CNN,
    edit: { format: 'qoperator' },
    sqnrDb: 35,
    kernels: FUSED,
  },
  { title: 'CNN, BatchNormalization folded', subject: CNN_BN, edit: {}, sqnrDb: 37, kernels: FUSED },
  {
    title: 'transformer',
    subject: TRANSFORMER,
    edit: {},
    sqnrDb: 32,
    kernels: { QLinearMatMul: 22, MatMulIntegerToFloat: 3, QGemm: 1 },
  },
];

describe('static quantization of real models', function () {
  this.timeout(120_000);
  const workers = new Workers();
  let folder = '';

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-test-'));
  });
  after(() => rm(folder, { recursive: true }));

  for (const { title, subject, edit, sqnrDb, kernels } of CASES) {
    it(title, async () => {
      const runner = workers.shared;
      const { file, labelled } = subject;
      const compressed = path.join(folder, 'compressed.onnx');
      const model = await openModel(file);
      const usual = staticWeights('usual', edit.activationType ?? 'uint8');
      const planned = recipe(staticEdit({ ...usual, ...edit }));
      const calibration = await runner.calibrate({
        model: file,
        targets: applyRecipe(model, planned).calibrationTargets,
        data: { kind: 'numpy', path: path.join(models, subject.calibration), limit: 64 },
        ep: 'cpu',
        batchSize: 32,
        dims: {},
      });
      await saveModel(applyRecipe(model, planned, { calibration }).model, compressed);
      await calibration.dispose();
      await model.source.close();
      const { batches } = await runner.check({
        original: file,
        compressed,
        ep: 'cpu',
        batchSizes: [100],
        data: { kind: 'numpy', path: labelled, limit: 1000 },
        dims: {},
        optimization: 'all',
      });
      const [batch] = batches;
      assert.equal(batch?.error, undefined);
      const before = batch!.original?.accuracy ?? NaN;
      const after = batch!.compressed?.accuracy ?? NaN;
      assert.ok(Math.abs(before - after) <= 0.01, `top-1 ${after}, was ${before}`);
      const sqnr = Math.min(...batch!.outputs.map((o) => o.sqnrDb));
      const least = usual.weightType === 'uint8' ? sqnrDb - 0.5 : sqnrDb; // other weights round otherwise
      assert.ok(sqnr >= least && sqnr < 80, `${sqnr} dB`);
      const { nodes } = await runner.profile(compressed, {});
      const ran = Object.keys(kernels).map((op) => [op, nodes.filter((n) => n.opType === op).length]);
      assert.deepEqual(Object.fromEntries(ran), kernels);
    });
  }
});
