/**
 * Runs the data of a document's recipe through its original where an edit looks at activations, and keeps what they
 * told while the file is open: a save after a check does not run them again.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { EpName } from '../../src/analysis/index.ts';
import { calibrate, calibrationPath, RANDOM_CALIBRATION, type Calibrated } from '../../src/calibrated.ts';
import { blockInfluences } from '../../src/block-influence.ts';
import { scoredGroups } from '../../src/global-ratios.ts';
import { saveModel, type Model } from '../../src/onnx/index.ts';
import type { Runner } from '../../src/runtime/index.ts';
import {
  applyRecipe,
  needsData,
  type CalibrationData,
  type PruneChannelsEdit,
  type ScoredGroup,
} from '../../src/transforms/index.ts';
import type { Job } from './protocol.ts';
import type { Shown } from './shown.ts';

/** What a calibration is of, and what it runs on. */
export interface CalibrationOf {
  readonly shown: Pick<Shown, 'fileName' | 'snapshot' | 'options'>;
  /** Whether the snapshot's original is what lies on disk. */
  readonly isOnDisk: boolean;
  readonly runner: () => Pick<Runner, 'calibrate' | 'moments' | 'probeEps'>;
}

interface Kept {
  readonly key: string;
  readonly found: Promise<Calibrated>;
  uses: number;
}

export class Calibrations {
  /** The last one: another recipe mostly asks for something else. */
  #kept: Kept | undefined;

  /**
   * Hands on the changed model as it can be written, and what the data had to say of the edits; what makes its tensors
   * is there until `work` is over.
   * @throws all of `calibrate`
   */
  async use<T>(
    of: CalibrationOf,
    job: Job,
    work: (model: Model, warnings: readonly string[]) => Promise<T>,
  ): Promise<T> {
    const { file, recipe, applied } = of.shown.snapshot;
    if (!needsData(applied())) return work(applied().model, []);
    const kept = await this.#take(of, job);
    try {
      const found = await kept.found;
      return await work(applyRecipe(file.model, recipe, found).model, found.warnings);
    } finally {
      this.#leave(kept);
    }
  }

  #leave(kept: Kept): void {
    kept.uses--;
    if (kept !== this.#kept) release(kept);
  }

  /** Hands on what the data told where they have run already; they are not run for it. */
  async ifKnown<T>(
    shown: CalibrationOf['shown'],
    work: (found: Calibrated | undefined) => Promise<T>,
  ): Promise<T> {
    const key = await keyOf(shown);
    const kept = this.#kept;
    if (kept?.key !== key) return work(undefined);
    kept.uses++;
    try {
      // who runs them is told of what fails
      return await work(await kept.found.catch(() => undefined));
    } finally {
      this.#leave(kept);
    }
  }

  /** The calibration, as one that is in use. */
  async #take(of: CalibrationOf, job: Job): Promise<Kept> {
    const key = await keyOf(of.shown);
    if (this.#kept?.key === key) {
      this.#kept.uses++;
      return this.#kept;
    }
    const kept = { key, found: run(of, job), uses: 1 };
    this.dispose();
    this.#kept = kept;
    kept.found.catch(() => {
      if (this.#kept === kept) this.#kept = undefined;
    });
    return kept;
  }

  dispose(): void {
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept !== undefined) release(kept);
  }
}

/** Whoever uses it last disposes of it. */
function release({ found, uses }: Kept): void {
  if (uses > 0) return;
  // one that ended badly has told whoever asked for it
  found.then((calibration) => calibration.dispose()).catch(() => undefined);
}

async function run(of: CalibrationOf, { signal, report }: Job): Promise<Calibrated> {
  const { base, recipe, applied } = of.shown.snapshot;
  const ep = await runnableEp(of, signal);
  return withOriginal(of, signal, (modelPath) =>
    calibrate(base.model, recipe, applied(), {
      ...{ runner: of.runner, ep, modelPath, signal },
      ...{ dims: otherDims(of.shown), batchSymbols: batchSymbolsOf(of.shown) },
      onProgress: ({ fraction, message }) => report({ done: fraction, total: 1, message }),
    }),
  );
}

/** How far each residual block of the original turns what goes through it, over data. @throws as `blockInfluences` */
export async function influencesOf(
  of: CalibrationOf,
  { signal, report }: Job,
  data: CalibrationData | undefined,
): Promise<ReadonlyMap<string, number>> {
  const { model } = of.shown.snapshot.base;
  const { localPath } = model.source.file;
  return blockInfluences(model, data, localPath === undefined ? '.' : path.dirname(localPath), {
    ...{ runner: of.runner, ep: await runnableEp(of, signal), signal },
    ...{ dims: otherDims(of.shown), batchSymbols: batchSymbolsOf(of.shown) },
    onProgress: ({ fraction, message }) => report({ done: fraction, total: 1, message }),
  });
}

/** How much the channels matter of which the edit would take some, after the recipe. @throws as `scoredGroups` */
export async function channelScoresOf(
  of: CalibrationOf,
  { signal, report }: Job,
  edit: PruneChannelsEdit,
  data: CalibrationData | undefined,
): Promise<readonly ScoredGroup[]> {
  const { base, recipe, applied } = of.shown.snapshot;
  const isRun = ['activation', 'reconstruction'].includes(edit.importance) || needsData(applied());
  const before = data === undefined ? recipe : { ...recipe, calibration: data };
  const read = (ep: EpName, modelPath?: string): Promise<readonly ScoredGroup[]> =>
    scoredGroups(base.model, before, edit, {
      ...{ runner: of.runner, ep, modelPath, signal },
      ...{ dims: otherDims(of.shown), batchSymbols: batchSymbolsOf(of.shown) },
      onProgress: ({ fraction, message }) => report({ done: fraction, total: 1, message }),
    });
  if (!isRun) return read('cpu');
  const ep = await runnableEp(of, signal);
  return withOriginal(of, signal, (modelPath) => read(ep, modelPath));
}

function batchSymbolsOf(shown: CalibrationOf['shown']): readonly string[] {
  const { symbols } = shown.snapshot.base.analysis();
  return symbols.filter((s) => s.isBatch).map((s) => s.name);
}

/** Without the batch, which the data decide. */
function otherDims(shown: CalibrationOf['shown']): Readonly<Record<string, number>> {
  const batch = batchSymbolsOf(shown);
  return Object.fromEntries(Object.entries(shown.options.dims).filter(([name]) => !batch.includes(name)));
}

/** Everything that its result depends on, beside the file; which EP ran it is not of it. */
async function keyOf(shown: CalibrationOf['shown']): Promise<string> {
  const { base, recipe, applied } = shown.snapshot;
  const data = recipe.calibration ?? RANDOM_CALIBRATION;
  const { localPath } = base.model.source.file;
  const file = calibrationPath(data, localPath === undefined ? '.' : path.dirname(localPath));
  // data that are no longer there are complained of by who reads them
  const written =
    file === undefined
      ? 0
      : await stat(file).then(
          ({ mtimeMs }) => mtimeMs,
          () => 0,
        );
  const { calibrationTargets, repairs } = applied();
  // repair is of the pruned model, which the edits make
  const repaired = repairs.length === 0 ? undefined : recipe.edits;
  return JSON.stringify([calibrationTargets, repaired, data, written, otherDims(shown)]);
}

/** Figures may be shown for an EP that this machine does not have; the CPU gives the same activations. */
async function runnableEp({ shown, runner }: CalibrationOf, signal: AbortSignal): Promise<EpName> {
  const { ep } = shown.options;
  if (ep === 'cpu') return ep;
  const status = (await runner().probeEps({ signal })).find((s) => s.ep === ep);
  return status?.available === true && status.isSoftware !== true ? ep : 'cpu';
}

/**
 * A file to run: the model's own (undefined), or a copy where that is not on the local disk, is another by now, or has
 * local functions that the recipe writes out.
 */
async function withOriginal<T>(
  { shown, isOnDisk }: CalibrationOf,
  signal: AbortSignal,
  work: (modelPath: string | undefined) => Promise<T>,
): Promise<T> {
  const { base, file: asRead } = shown.snapshot;
  if (asRead.model.source.file.localPath !== undefined && isOnDisk && base === asRead) return work(undefined);
  return withCopy(base.model, shown.fileName, signal, work);
}

/** @param work gets the path of a file that is gone after it */
export async function withCopy<T>(
  model: Model,
  fileName: string,
  signal: AbortSignal,
  work: (file: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-calibrate-'));
  try {
    const file = path.join(folder, fileName);
    await saveModel(model, file, { signal });
    return await work(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
