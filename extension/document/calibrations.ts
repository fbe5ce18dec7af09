/**
 * Runs the data of a document's recipe through its original where an edit looks at activations, and keeps what they
 * told while the document is open: a save after a check does not run them again.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { l10n, ProgressLocation, window, workspace, type Uri } from 'vscode';
import type { EpName, EstimateOptions } from '../../src/analysis/index.ts';
import { calibrate, calibrationPath, RANDOM_CALIBRATION } from '../../src/calibrated.ts';
import { saveModel, type Model } from '../../src/onnx/index.ts';
import type { CollectedCalibration, Runner } from '../../src/runtime/index.ts';
import { applyRecipe } from '../../src/transforms/index.ts';
import { localize } from '../l10n/domain-text.ts';
import { log } from '../log.ts';
import { withSignal } from './abort.ts';
import type { Snapshot } from './snapshot.ts';
import { fileName } from './write-model.ts';

/** What a calibration is of. */
export interface Calibrated {
  readonly uri: Uri;
  readonly snapshot: Snapshot;
  /** Whether the snapshot's original is what lies on disk. */
  readonly isOnDisk: boolean;
  readonly dims: NonNullable<EstimateOptions['dims']>;
  readonly ep: EpName;
}

interface Kept {
  readonly key: string;
  readonly found: Promise<CollectedCalibration>;
  uses: number;
}

export class Calibrations {
  readonly #runner: () => Runner;
  /** The last one: another recipe mostly asks for something else. */
  #kept: Kept | undefined;

  /** @param runner throws where models must not be run */
  constructor(runner: () => Runner) {
    this.#runner = runner;
  }

  /**
   * Hands on the changed model as it can be written; what makes its tensors is there until `work` is over.
   * @throws Error in an untrusted workspace where data have to be run, and all of `calibrate`
   */
  async use<T>(of: Calibrated, signal: AbortSignal, work: (model: Model) => Promise<T>): Promise<T> {
    const { base, recipe, applied } = of.snapshot;
    if (applied().calibrationTargets.length === 0) return work(applied().model);
    const kept = await this.#take(of, signal);
    try {
      const calibration = await kept.found;
      return await work(applyRecipe(base.model, recipe, { calibration }).model);
    } finally {
      kept.uses--;
      if (kept !== this.#kept) release(kept);
    }
  }

  /** The calibration, as one that is in use. */
  async #take(of: Calibrated, signal: AbortSignal): Promise<Kept> {
    const key = await keyOf(of);
    if (this.#kept?.key === key) {
      this.#kept.uses++;
      return this.#kept;
    }
    const kept = { key, found: this.#run(of, signal), uses: 1 };
    this.dispose();
    this.#kept = kept;
    kept.found.catch(() => {
      if (this.#kept === kept) this.#kept = undefined;
    });
    return kept;
  }

  async #run(of: Calibrated, signal: AbortSignal): Promise<CollectedCalibration> {
    const name = fileName(of.uri);
    if (!workspace.isTrusted)
      throw new Error(
        l10n.t(
          'An edit of {0} looks at activations: the model has to be run on data before it is written, and models are run in trusted workspaces only. Trust this workspace, or remove that edit.',
          name,
        ),
      );
    const data = of.snapshot.recipe.calibration?.path;
    const title =
      data === undefined
        ? l10n.t('Calibrating {0} on random inputs', name)
        : l10n.t('Calibrating {0} on {1}', name, path.basename(data));
    return window.withProgress(
      { location: ProgressLocation.Notification, title, cancellable: true },
      (progress, token) =>
        withSignal(token, (own) => {
          let reported = 0;
          return this.#calibrate(of, AbortSignal.any([signal, own]), (fraction, message) => {
            progress.report({ message: localize(message), increment: 100 * (fraction - reported) });
            reported = fraction;
          });
        }),
    );
  }

  async #calibrate(
    of: Calibrated,
    signal: AbortSignal,
    onProgress: (fraction: number, message: string) => void,
  ): Promise<CollectedCalibration> {
    const { base, recipe, applied } = of.snapshot;
    const runner = this.#runner();
    const batchSymbols = batchSymbolsOf(of);
    const dims = otherDims(of);
    const ep = await runnableEp(runner, of.ep, signal);
    return withOriginal(of, signal, async (modelPath) => {
      const found = await calibrate(base.model, recipe, applied().calibrationTargets, {
        ...{ runner: () => runner, ep, dims, batchSymbols, modelPath, signal },
        onProgress: ({ fraction, message }) => onProgress(fraction, message),
      });
      for (const warning of found.warnings) log().warn(`${fileName(of.uri)}: calibration: ${warning}`);
      return found;
    });
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
  found
    .then((calibration) => calibration.dispose())
    .catch((error: unknown) => log().debug('A calibration that ended badly:', error));
}

function batchSymbolsOf({ snapshot }: Calibrated): readonly string[] {
  const { symbols } = snapshot.base.analysis();
  return symbols.filter((s) => s.isBatch).map((s) => s.name);
}

/** Without the batch, which the data decide. */
function otherDims(of: Calibrated): Readonly<Record<string, number>> {
  const batch = batchSymbolsOf(of);
  return Object.fromEntries(Object.entries(of.dims).filter(([symbol]) => !batch.includes(symbol)));
}

/** Everything that its result depends on; which EP ran it is not of it. */
async function keyOf(of: Calibrated): Promise<string> {
  const { uri, snapshot } = of;
  const { base, recipe, applied } = snapshot;
  const data = recipe.calibration ?? RANDOM_CALIBRATION;
  const file = calibrationPath(data, path.dirname(uri.fsPath));
  // data that are no longer there are complained of by who reads them
  const written =
    file === undefined
      ? 0
      : await stat(file).then(
          ({ mtimeMs }) => mtimeMs,
          () => 0,
        );
  return JSON.stringify([base.stamp, applied().calibrationTargets, data, written, otherDims(of)]);
}

/** Figures may be shown for an EP that this machine does not have; the CPU gives the same activations. */
async function runnableEp(runner: Runner, ep: EpName, signal: AbortSignal): Promise<EpName> {
  if (ep === 'cpu') return ep;
  const status = (await runner.probeEps({ signal })).find((s) => s.ep === ep);
  return status?.available === true && status.isSoftware !== true ? ep : 'cpu';
}

/** A file to run: the model's own (undefined), or a copy where that is not on the local disk or is another by now. */
async function withOriginal<T>(
  { uri, snapshot, isOnDisk }: Calibrated,
  signal: AbortSignal,
  work: (modelPath: string | undefined) => Promise<T>,
): Promise<T> {
  if (uri.scheme === 'file' && isOnDisk) return work(undefined);
  const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-calibrate-'));
  try {
    const file = path.join(folder, fileName(uri));
    await saveModel(snapshot.base.model, file, { signal });
    return await work(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
