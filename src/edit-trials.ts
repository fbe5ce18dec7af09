/**
 * Edits tried on a model: applied to the original, written, run, and compared with the original's answers, which is run
 * once. Composes `transforms` and `runtime`, as `calibrated.ts` does.
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

export interface TrialOptions extends CalibratedOptions {
  readonly runner: () => Pick<Runner, 'calibrate' | 'moments' | 'keepOutputs'>;
  /** A file with the model's content, to compare with. */
  readonly modelPath: string;
  /** Of the recipes that are made: source and calibration. */
  readonly recipe: Recipe;
  readonly data: DataSpec;
  readonly batchSize: number;
}

/** What a run with the edits told. */
export interface Trial {
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
  /** Whether that is since the edits change nothing. */
  readonly isUnchanged?: boolean | undefined;
}

/**
 * @throws RunnerError 'cancelled', and for what no run would survive: the original's included
 */
export type TryEdits = (edits: readonly Edit[]) => Promise<Trial>;

/** One file at a time lies in a folder that is removed. */
export async function withTrials<T>(
  model: Model,
  options: TrialOptions,
  work: (tryEdits: TryEdits) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-sensitivity-'));
  const original = new Original(options);
  try {
    return await work((edits) => measure(model, edits, { options, original, folder }));
  } finally {
    await original.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Run when the first edit is to be compared with it, and once. */
class Original {
  readonly #options: TrialOptions;
  #kept: Promise<KeptOutputs> | undefined;

  constructor(options: TrialOptions) {
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

interface Context {
  readonly options: TrialOptions;
  readonly original: Original;
  readonly folder: string;
}

async function measure(
  model: Model,
  edits: readonly Edit[],
  { options, original, folder }: Context,
): Promise<Trial> {
  const recipe: Recipe = { ...options.recipe, edits };
  const { changes } = applyRecipe(model, recipe);
  if (!changes.some((c) => c.status === 'applied')) {
    const reason = changes.find((c) => c.reason !== undefined)?.reason ?? 'the edit changes nothing';
    return { reason, isUnchanged: true };
  }
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

async function figures(kept: KeptOutputs, file: string, options: RunOptions): Promise<Trial> {
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
