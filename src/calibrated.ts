/**
 * Where edits meet what calibration data tell: the runner collects, the recipe uses. `transforms` and `runtime` do not
 * know each other, so whoever writes a changed model (extension, command line) comes through here.
 */
import path from 'node:path';
import type { Calibration, EpName } from './analysis/index.ts';
import { saveModel, type Model } from './onnx/index.ts';
import {
  dataSpecOf,
  RunnerError,
  type CollectedCalibration,
  type DataSpec,
  type Runner,
  type RunOptions,
} from './runtime/index.ts';
import { RepairFiles, repairLayers } from './repaired.ts';
import {
  applyRecipe,
  needsData,
  writtenOut,
  type AppliedRecipe,
  type CalibrationData,
  type Recipe,
  type RepairValues,
} from './transforms/index.ts';

export interface CalibratedOptions extends RunOptions {
  readonly runner: () => Pick<Runner, 'calibrate' | 'moments'>;
  readonly ep: EpName;
  /** Sizes of the symbolic dims other than the batch. */
  readonly dims: Readonly<Record<string, number>>;
  readonly batchSymbols?: readonly string[] | undefined;
  /** A file with the model's content to run, where its own is not on the local disk, or is another by now. */
  readonly modelPath?: string | undefined;
}

/** Where a recipe names none: enough to see ranges, not enough to trust them. */
export const RANDOM_CALIBRATION: CalibrationData = { samples: 32, batchSize: 8 };

/** What the data told, for `applyRecipe`; to be disposed of. */
export interface Calibrated {
  readonly calibration: Calibration | undefined;
  readonly repaired: RepairValues;
  readonly warnings: readonly string[];
  dispose(): Promise<void>;
}

/**
 * Applies the recipe, after a calibration where an edit needs one, and hands on what can be written, with what the
 * data had to say. The calibration is gone when `use` is over, so the model is to be saved within.
 * @throws as {@link calibrate}
 */
export async function withCalibration<T>(
  model: Model,
  recipe: Recipe,
  options: CalibratedOptions,
  use: (applied: AppliedRecipe, warnings: readonly string[]) => Promise<T>,
): Promise<T> {
  const plan = applyRecipe(model, recipe);
  if (!needsData(plan)) return use(plan, []);
  const calibrated = await calibrate(model, recipe, plan, options);
  try {
    return await use(applyRecipe(model, recipe, calibrated), calibrated.warnings);
  } finally {
    await calibrated.dispose();
  }
}

/**
 * Runs the recipe's data through the original model, and through the changed one as often as repair goes on from one
 * round of layers to the next.
 * @param plan the recipe as applied without data
 * @throws RunnerError 'data' where the model is not on the local disk, or the data cannot be read, and all of
 * {@link Runner.calibrate} and {@link Runner.moments}
 */
export async function calibrate(
  model: Model,
  recipe: Recipe,
  { calibrationTargets: targets, repairs }: AppliedRecipe,
  options: CalibratedOptions,
): Promise<Calibrated> {
  const own = model.source.file.localPath;
  const given = options.modelPath ?? own;
  if (given === undefined) {
    const message = `${model.source.file.name} is not on the local disk, so no data can be run through it; save a copy first.`;
    throw new RunnerError('data', message);
  }
  const { ep, dims, batchSymbols, signal, onProgress } = options;
  const from = recipe.calibration ?? RANDOM_CALIBRATION;
  const data = await calibrationSpec(from, path.dirname(own ?? given));
  const run = { data, ep, batchSize: from.batchSize, dims, batchSymbols };
  const runner = options.runner();
  const rounds = new Set(repairs.map((r) => `${r.edit} ${r.round.join('.')}`)).size;
  const parts = rounds + (targets.length > 0 ? 1 : 0);
  const progressOf = (done: number): RunOptions => ({
    signal,
    onProgress: ({ fraction, message }) => onProgress?.({ fraction: (done + fraction) / parts, message }),
  });
  const repaired = await RepairFiles.create();
  let calibration: CollectedCalibration | undefined;
  const dispose = async (): Promise<void> => {
    await calibration?.dispose();
    await repaired.dispose();
  };
  const { folder } = repaired;
  try {
    const file = await runnableFile(writtenOut(model, recipe), { model, file: given, folder, signal });
    if (targets.length > 0)
      calibration = await runner.calibrate({ model: file, targets, ...run }, progressOf(0));
    await repairLayers(
      { model, recipe, calibration, repaired, signal },
      {
        moments: (changed, questions, use, round, kept) =>
          runner.moments(
            { original: file, changed, targets: questions, kept, ...run },
            use,
            progressOf(parts - rounds + round),
          ),
        statistics: (changed, questions, round) =>
          runner.calibrate(
            { model: changed, targets: questions, ...run },
            progressOf(parts - rounds + round),
          ),
      },
    );
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    calibration,
    repaired,
    warnings: [...(calibration?.warnings ?? []), ...repaired.warnings],
    dispose,
  };
}

/** Where edits reach into local functions, what is seen in them has names in a file without functions only. */
async function runnableFile(
  run: Model,
  given: {
    readonly model: Model;
    readonly file: string;
    readonly folder: string;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<string> {
  if (run === given.model) return given.file;
  const file = path.join(given.folder, 'written-out.onnx');
  await saveModel(run, file, { signal: given.signal });
  return file;
}

/** Where the data of a recipe lie; undefined: they are random. */
export function calibrationPath(data: CalibrationData, modelFolder: string): string | undefined {
  return data.path === undefined ? undefined : path.resolve(modelFolder, data.path);
}

/** The data that a recipe names, as the runner takes them. */
export async function calibrationSpec(data: CalibrationData, modelFolder: string): Promise<DataSpec> {
  const file = calibrationPath(data, modelFolder);
  const { inputs, batchAxes } = data;
  const layout = batchAxes && { batchAxes };
  if (file === undefined) return { kind: 'random', seed: 0, samples: data.samples, ...layout };
  return { ...(await dataSpecOf(file, data.samples, modelFolder)), ...(inputs && { inputs }), ...layout };
}
