/**
 * How much each layer minds an edit: it is applied to one layer alone, at one ratio after another, and the model is run
 * beside the original. Composes `transforms` and `runtime`, as `calibrated.ts` does.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { withCalibration, type CalibratedOptions } from './calibrated.ts';
import { saveModel, type Model } from './onnx/index.ts';
import type { CheckReport, DataSpec, Runner } from './runtime/index.ts';
import { applyRecipe, type Edit, type Recipe } from './transforms/index.ts';

export interface SensitivityOptions extends CalibratedOptions {
  readonly runner: () => Pick<Runner, 'calibrate' | 'moments' | 'check'>;
  /** A file with the model's content, to compare with. */
  readonly modelPath: string;
  readonly layers: readonly string[];
  /** 0..1 */
  readonly ratios: readonly number[];
  readonly editAt: (layer: string, ratio: number) => Edit;
  /** Of the recipes that are made: source and calibration. */
  readonly recipe: Recipe;
  readonly data: DataSpec;
  readonly batchSize: number;
  readonly onPoint: (point: SensitivityPoint) => void;
}

/** One layer at one ratio. */
export interface SensitivityPoint {
  readonly layer: string;
  readonly ratio: number;
  /** Against the labels, where the data have some; 0..1. */
  readonly accuracy?: number | undefined;
  readonly originalAccuracy?: number | undefined;
  /** Of the outputs, of which the least like the original's counts. */
  readonly cosine?: number | undefined;
  readonly samples?: number | undefined;
  /** What was run, in words. */
  readonly data?: string | undefined;
  /** Why there is no figure: what blocks the edit, or how the run failed. */
  readonly reason?: string | undefined;
}

/**
 * Layers in their order, each at all ratios; one file at a time lies in a folder that is removed.
 * @throws RunnerError 'cancelled', and for what no run would survive
 */
export async function measureSensitivity(model: Model, options: SensitivityOptions): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-sensitivity-'));
  try {
    for (const layer of options.layers)
      for (const ratio of options.ratios) {
        options.signal?.throwIfAborted();
        options.onPoint({ layer, ratio, ...(await measure(model, layer, ratio, options, folder)) });
      }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Measured = Omit<SensitivityPoint, 'layer' | 'ratio'>;

async function measure(
  model: Model,
  layer: string,
  ratio: number,
  options: SensitivityOptions,
  folder: string,
): Promise<Measured> {
  const recipe: Recipe = { ...options.recipe, edits: [options.editAt(layer, ratio)] };
  const { changes } = applyRecipe(model, recipe);
  if (!changes.some((c) => c.status === 'applied'))
    return { reason: changes.find((c) => c.reason !== undefined)?.reason ?? 'the edit changes nothing' };
  const file = path.join(folder, 'pruned.onnx');
  const { ep, dims, batchSymbols, data, batchSize, modelPath, signal } = options;
  return withCalibration(model, recipe, options, async (applied) => {
    await saveModel(applied.model, file, { signal });
    const report = await options.runner().check(
      {
        ...{ original: modelPath, compressed: file, ep, data, dims, batchSymbols },
        ...{ batchSizes: [batchSize], optimization: 'all' },
      },
      { signal },
    );
    return figures(report);
  });
}

function figures({ batches, data }: CheckReport): Measured {
  const [batch] = batches.filter((b) => b.error === undefined);
  if (batch === undefined)
    return { reason: batches.find((b) => b.error !== undefined)?.error ?? 'nothing ran' };
  const cosines = batch.outputs.flatMap((o) => o.cosine ?? []);
  return {
    accuracy: batch.compressed?.accuracy,
    originalAccuracy: batch.original?.accuracy,
    cosine: cosines.length === 0 ? undefined : Math.min(...cosines),
    samples: batch.samples,
    data,
  };
}
