/** What pruning layers costs: each alone, and together as far as a loss allows. */
import type { EpName } from '../../src/analysis/index.ts';
import { fitRatios as fit, type Curve, type Fit, type FitOptions } from '../../src/fit-ratios.ts';
import type { PruneOptions } from '../../src/protocol.ts';
import type { DataSpec } from '../../src/runtime/index.ts';
import { measureSensitivity } from '../../src/sensitivity.ts';
import { calibrationData } from '../calibration-data.ts';
import { pruneEdit } from '../edits.ts';
import { editsByLayer } from '../layer-ratios.ts';
import { withCopy } from './calibrations.ts';
import { namedGroups } from './named-groups.ts';
import type { Job, RunSettings } from './protocol.ts';
import { runnerFor } from './runners.ts';
import type { Shown } from './shown.ts';
import { Snapshot } from './snapshot.ts';

interface TrialRequest extends RunSettings {
  readonly options: PruneOptions;
  readonly ep: EpName;
  readonly data: DataSpec;
  /** A file with the original's content. */
  readonly modelPath: string;
  readonly dims: Readonly<Record<string, number>>;
  readonly batchSymbols: readonly string[];
  readonly batchSize: number;
}

export interface SensitivityRequest extends TrialRequest {
  readonly layers: readonly string[];
  readonly ratios: readonly number[];
}

/** Each point is reported as it comes. */
export async function sensitivity(
  shown: Shown,
  { signal, report }: Job,
  request: SensitivityRequest,
): Promise<void> {
  const { layers, ratios, options } = request;
  let done = 0;
  await withOriginal(shown, signal, request, (modelPath) =>
    measureSensitivity(shown.snapshot.base.model, {
      ...trialOptions(shown, signal, { ...request, modelPath }),
      ...{ layers, ratios },
      editAt: (layer, ratio) => pruneEdit({ nodes: [layer] }, { ...options, ratio }),
      onPoint: (point) => report({ done: ++done, total: layers.length * ratios.length, point }),
    }),
  );
}

export interface FitRequest extends TrialRequest, Pick<FitOptions, 'measure' | 'original' | 'maxLoss'> {
  readonly curves: readonly Curve[];
}

/** Without the recipe, as the sensitivity was measured. */
export async function fitRatios(shown: Shown, { signal, report }: Job, request: FitRequest): Promise<Fit> {
  const { base, recipe } = shown.snapshot;
  const groups = namedGroups(new Snapshot(base, { ...recipe, edits: [] }));
  const { curves, measure, original, maxLoss } = request;
  return withOriginal(shown, signal, request, (modelPath) =>
    fit(base.model, {
      ...trialOptions(shown, signal, { ...request, modelPath }),
      ...{ curves, measure, original, maxLoss },
      editsAt: (ratios) => editsByLayer(ratios, request.options, groups),
      onTry: (done, total, value) => report({ done, total, value }),
    }),
  );
}

/** The file that was given, or a copy where layers are inside of local functions: there, they are named without these. */
function withOriginal<T>(
  { fileName, snapshot: { base, file } }: Shown,
  signal: AbortSignal,
  { modelPath }: TrialRequest,
  work: (modelPath: string) => Promise<T>,
): Promise<T> {
  return base === file ? work(modelPath) : withCopy(base.model, fileName, signal, work);
}

/** The data of the choices that were made, where there are some; else those of the recipe. */
function trialOptions({ snapshot: { recipe } }: Shown, signal: AbortSignal, request: TrialRequest) {
  const { options, ep, data, modelPath, dims, batchSymbols, batchSize } = request;
  const calibration =
    options.calibration === undefined ? recipe.calibration : calibrationData(options.calibration);
  return {
    ...{ ep, data, modelPath, dims, batchSymbols, batchSize, signal },
    recipe: { ...recipe, calibration },
    runner: () => runnerFor(request.runner),
  };
}
