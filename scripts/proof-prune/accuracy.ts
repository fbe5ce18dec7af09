/** Accuracy on labelled data after half of the channels are gone, with each repair, and what is saved. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { withCalibration } from '../../src/calibrated.ts';
import { openModel, saveModel } from '../../src/onnx/index.ts';
import { analyze } from '../../src/analysis/index.ts';
import { scoredGroups, withRatios } from '../../src/global-ratios.ts';
import type { Runner } from '../../src/runtime/index.ts';
import type { Edit, Recipe } from '../../src/transforms/index.ts';

const root = path.resolve(import.meta.dirname, '../..');
const fixtures = path.join(root, 'test/fixtures/models');
const samples = path.join(root, 'media/samples');

export interface Network {
  readonly name: string;
  readonly file: string;
  readonly test: string;
  readonly calibration: string;
}

const fashion = {
  test: path.join(samples, 'fmnist-test-2000.npz'),
  calibration: path.join(fixtures, 'fmnist-calib-256.npz'),
};
const digits = {
  test: path.join(fixtures, 'mnist-test-2000.npz'),
  calibration: path.join(fixtures, 'mnist-calib-256.npz'),
};

export const NETWORKS: readonly Network[] = [
  { name: 'fmnist_cnn', file: path.join(samples, 'fmnist_cnn.onnx'), ...fashion },
  { name: 'fmnist_cnn_bn', file: path.join(fixtures, 'fmnist_cnn_bn.onnx'), ...fashion },
  { name: 'fmnist_mobres', file: path.join(fixtures, 'fmnist_mobres.onnx'), ...fashion },
  { name: 'mnist_transformer', file: path.join(fixtures, 'mnist_transformer.onnx'), ...digits },
];

export interface Outcome {
  readonly accuracy: number;
  readonly original: number;
  readonly parameterBytes: readonly [before: number, after: number];
  readonly macs: readonly [before: number, after: number];
  readonly fileBytes: number;
}

export interface PruneOptions {
  /** Its ratio is one for all groups together. */
  readonly isShared?: boolean | undefined;
  /** Calibration samples, from the first one on. */
  readonly samples?: number | undefined;
}

export async function prunedAccuracy(
  runner: Runner,
  network: Network,
  given: Edit,
  { isShared = false, samples = 256 }: PruneOptions = {},
): Promise<Outcome> {
  const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-prune-'));
  const model = await openModel(network.file);
  try {
    const output = path.join(folder, 'pruned.onnx');
    const bare: Recipe = {
      version: 1,
      source: { name: network.name, sizeBytes: 0 },
      edits: [],
      calibration: { path: network.calibration, samples, batchSize: 64 },
    };
    const options = { runner: () => runner, ep: 'cpu', dims: {} } as const;
    const edit =
      isShared && given.type === 'prune-channels'
        ? withRatios(given, await scoredGroups(model, bare, given, options))
        : given;
    const recipe: Recipe = { ...bare, edits: [edit] };
    const changed = await withCalibration(model, recipe, options, async (applied) => {
      await saveModel(applied.model, output);
      return applied.model;
    });
    const report = await runner.check({
      original: network.file,
      compressed: output,
      ep: 'cpu',
      batchSizes: [100],
      data: { kind: 'numpy', path: network.test, limit: 2000 },
      dims: {},
      optimization: 'all',
    });
    const [batch] = report.batches;
    const [before, after] = [analyze(model).estimate(), analyze(changed).estimate()];
    const macs = (e: typeof before) => e.nodes.reduce((n, x) => n + (x.macs ?? 0), 0);
    return {
      accuracy: batch?.compressed?.accuracy ?? NaN,
      original: batch?.original?.accuracy ?? NaN,
      parameterBytes: [before.parameterBytes, after.parameterBytes],
      macs: [macs(before), macs(after)],
      fileBytes: (await stat(output)).size,
    };
  } finally {
    await model.source.close();
    await rm(folder, { recursive: true });
  }
}
