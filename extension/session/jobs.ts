/** What takes its time: reading weights, running models, writing files. Each can be cancelled, and says how far it is. */
import { modelStream, saveModel, type Model } from '../../src/onnx/index.ts';
import {
  chooseForms as choose,
  findDuplicates as find,
  weightSqnr,
  type ChosenForms,
  type DuplicateGroup,
  type LayerSelector,
} from '../../src/transforms/index.ts';
import type { Base } from './base.ts';
import type { Job, RunSettings } from './protocol.ts';
import { runnerFor } from './runners.ts';
import type { Shown } from './shown.ts';

/**
 * How much of each weight survives the recipe: kept with the snapshot, and shown by its views from then on. What
 * calibration data decide is told once they have run, for a save or a check.
 */
export async function measureSqnr(shown: Shown, { signal, report }: Job): Promise<void> {
  const { snapshot } = shown;
  const known = snapshot.sqnr;
  if (known !== undefined && ![...known.values()].some((f) => f.sqnrDb === undefined)) return;
  snapshot.sqnr = await shown.calibrations.ifKnown(shown, (data) =>
    weightSqnr(snapshot.base.model, snapshot.recipe, {
      ...{ data, signal },
      onProgress: (done, total) => report({ done, total }),
    }),
  );
}

/** The last choice per file: what was looked at in the dialog is not worked out again when it is applied. */
const lastChoice = new WeakMap<Base, { readonly key: string; readonly forms: ChosenForms }>();

export async function chooseForms(
  { snapshot: { base }, options: { ep } }: Shown,
  { signal, report }: Job,
  layers: LayerSelector,
  minSqnrDb: number,
): Promise<ChosenForms> {
  const key = JSON.stringify([ep, layers, minSqnrDb]);
  const known = lastChoice.get(base);
  if (known?.key === key) return known.forms;
  const onProgress = (done: number, total: number): void => report({ done, total });
  const forms = await choose(base.model, { ep, layers, minSqnrDb, signal, onProgress });
  lastChoice.set(base, { key, forms });
  return forms;
}

/** Of the file as it is, in which the edit looks for them, too. */
export function findDuplicates(
  { snapshot }: Shown,
  { signal, report }: Job,
): Promise<readonly DuplicateGroup[]> {
  const onProgress = (done: number, total: number): void => report({ done, total });
  return find(snapshot.base.model, { signal, onProgress });
}

/** Where a model is written: a path on local disk, or nowhere: then its bytes are the answer. */
export type Target = string | undefined;

/** The file as it was read, without the recipe. */
export function writeOriginal(
  { snapshot }: Shown,
  job: Job,
  target: Target,
): Promise<Uint8Array | undefined> {
  return write(snapshot.file.model, target, job);
}

/**
 * The changed model.
 * @param settings where it has to be run before: see `Queries.needsCalibration`
 */
export function writeChanged(
  shown: Shown,
  job: Job,
  target: Target,
  settings?: RunSettings,
): Promise<Uint8Array | undefined> {
  return calibrated(shown, job, settings, (model) => write(model, target, job));
}

/**
 * Runs the data of the recipe ahead of what needs them, and keeps what they tell.
 * @returns what they do not: layers that no sample comes to, say
 */
export function calibrate(shown: Shown, job: Job, settings: RunSettings): Promise<readonly string[]> {
  return calibrated(shown, job, settings, (_model, warnings) => Promise.resolve(warnings));
}

function calibrated<T>(
  shown: Shown,
  job: Job,
  settings: RunSettings | undefined,
  work: (model: Model, warnings: readonly string[]) => Promise<T>,
): Promise<T> {
  const runner = () => {
    if (settings === undefined) throw new Error(`${shown.fileName}: the recipe looks at activations`);
    return runnerFor(settings.runner);
  };
  return shown.calibrations.use({ shown, isOnDisk: settings?.isOnDisk === true, runner }, job, work);
}

async function write(model: Model, target: Target, { signal, report }: Job): Promise<Uint8Array | undefined> {
  if (target !== undefined) {
    const onProgress = ({ fraction }: { readonly fraction: number }): void =>
      report({ done: fraction, total: 1 });
    await saveModel(model, target, { signal, onProgress });
    return undefined;
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of modelStream(model, { signal })) chunks.push(chunk);
  // not Buffer.concat, whose memory is shared with others: this is handed over
  const bytes = new Uint8Array(chunks.reduce((sum, c) => sum + c.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
