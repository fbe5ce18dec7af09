/** One ratio for all groups of channels together: what it makes of each. */
import { withRatios } from '../../src/global-ratios.ts';
import type { CalibrationData, PruneChannelsEdit, ScoredGroup } from '../../src/transforms/index.ts';
import type { Base } from './base.ts';
import { channelScoresOf } from './calibrations.ts';
import type { Job, RunSettings } from './protocol.ts';
import { runnerFor } from './runners.ts';
import type { Shown } from './shown.ts';

export interface RatiosRequest {
  readonly edit: PruneChannelsEdit;
  readonly maxRatio: number | undefined;
  /** Of the edit; undefined: those of the recipe. */
  readonly data: CalibrationData | undefined;
  /** Where the importance or the recipe looks at data. */
  readonly settings: RunSettings | undefined;
}

/** The last that were read, per file: the slider asks for other ratios of the same. */
const lastScores = new WeakMap<Base, { readonly key: string; readonly groups: readonly ScoredGroup[] }>();

/** By group of the edit, as a recipe keeps it. Streams the weights of the groups, or runs data, where they are others. */
export async function channelRatios(
  shown: Shown,
  job: Job,
  { edit, maxRatio, data, settings }: RatiosRequest,
): Promise<Readonly<Record<string, number>>> {
  const { base, recipe } = shown.snapshot;
  const { layers, importance, approximate, seed } = edit;
  const key = JSON.stringify([recipe, layers, importance, approximate, seed, data]);
  let last = lastScores.get(base);
  if (last?.key !== key) {
    const runner = () => {
      if (settings === undefined) throw new Error(`${shown.fileName}: the recipe looks at activations`);
      return runnerFor(settings.runner);
    };
    const of = { shown, isOnDisk: settings?.isOnDisk === true, runner };
    last = { key, groups: await channelScoresOf(of, job, edit, data) };
    lastScores.set(base, last);
  }
  return withRatios(edit, last.groups, maxRatio).ratios ?? {};
}
