/**
 * How much each layer minds an edit: it is applied to one layer alone, at one ratio after another, and the model's
 * answers are compared with the original's, which is run once. Composes `transforms` and `runtime`, as `calibrated.ts`
 * does.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { withCalibration, type CalibratedOptions } from './calibrated.ts';
import { saveModel, type Model } from './onnx/index.ts';
import {
  RunnerError,
  type DataSpec,
  type FailureKind,
  type KeptOutputs,
  type Runner,
  type RunOptions,
} from './runtime/index.ts';
import { applyRecipe, type Edit, type Recipe } from './transforms/index.ts';

export interface SensitivityOptions extends CalibratedOptions {
  readonly runner: () => Pick<Runner, 'calibrate' | 'moments' | 'keepOutputs'>;
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
 * @throws RunnerError 'cancelled', and for what no run would survive: the original's included
 */
export async function measureSensitivity(model: Model, options: SensitivityOptions): Promise<void> {
  const { layers, ratios, signal, onPoint } = options;
  const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-sensitivity-'));
  const original = new Original(options);
  try {
    for (const layer of layers)
      for (const ratio of ratios) {
        signal?.throwIfAborted();
        onPoint({ layer, ratio, ...(await measure(model, layer, ratio, { options, original, folder })) });
      }
  } finally {
    await original.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Run when the first edit is to be compared with it, and once. */
class Original {
  readonly #options: SensitivityOptions;
  #kept: Promise<KeptOutputs> | undefined;

  constructor(options: SensitivityOptions) {
    this.#options = options;
  }

  get(): Promise<KeptOutputs> {
    const { ep, dims, batchSymbols, data, batchSize, modelPath, signal, onProgress } = this.#options;
    const request = { model: modelPath, ep, dims, batchSymbols, data, batchSize };
    return (this.#kept ??= this.#options.runner().keepOutputs(request, { signal, onProgress }));
  }

  async dispose(): Promise<void> {
    // one that failed has nothing to remove, and has been told of
    await this.#kept?.then((kept) => kept.dispose()).catch(() => undefined);
  }
}

type Measured = Omit<SensitivityPoint, 'layer' | 'ratio'>;

interface Context {
  readonly options: SensitivityOptions;
  readonly original: Original;
  readonly folder: string;
}

async function measure(
  model: Model,
  layer: string,
  ratio: number,
  { options, original, folder }: Context,
): Promise<Measured> {
  const recipe: Recipe = { ...options.recipe, edits: [options.editAt(layer, ratio)] };
  const { changes } = applyRecipe(model, recipe);
  if (!changes.some((c) => c.status === 'applied'))
    return { reason: changes.find((c) => c.reason !== undefined)?.reason ?? 'the edit changes nothing' };
  const file = path.join(folder, 'pruned.onnx');
  const { signal, onProgress } = options;
  const kept = await original.get();
  return withCalibration(model, recipe, options, async (applied) => {
    await saveModel(applied.model, file, { signal });
    return figures(kept, file, { signal, onProgress });
  });
}

/** What says that another point would fare no better. */
const fatal: ReadonlySet<FailureKind> = new Set<FailureKind>(['cancelled', 'data', 'ep', 'internal']);

async function figures(kept: KeptOutputs, file: string, options: RunOptions): Promise<Measured> {
  try {
    const { outputs, accuracy, samples, data } = await kept.compare(file, options);
    const cosines = outputs.flatMap((o) => o.cosine ?? []);
    return {
      ...{ accuracy, originalAccuracy: kept.accuracy, samples, data },
      cosine: cosines.length === 0 ? undefined : Math.min(...cosines),
    };
  } catch (error) {
    if (!(error instanceof RunnerError) || fatal.has(error.kind)) throw error;
    return { reason: error.message };
  }
}
