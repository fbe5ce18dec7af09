/** The residual blocks of the original, ranked by what their weights or data tell of them. */
import type { BlocksView } from '../../src/protocol.ts';
import { blockStrengths, residualBlocks, type CalibrationData } from '../../src/transforms/index.ts';
import type { Model } from '../../src/onnx/index.ts';
import { localize } from '../l10n/domain-text.ts';
import { influencesOf } from '../session/calibrations.ts';
import type { Job, RunSettings } from '../session/protocol.ts';
import { runnerFor } from '../session/runners.ts';
import type { Shown } from '../session/shown.ts';
import { blockList } from './block-list.ts';

/** What was read once stays as long as the model is open. */
const strengths = new WeakMap<Model, ReadonlyMap<string, number>>();

/** @param data what to run, and on what; undefined: ranked by the weights */
export async function blocksView(
  shown: Shown,
  job: Job,
  data?: { readonly calibration: CalibrationData | undefined; readonly settings: RunSettings },
): Promise<BlocksView> {
  const { base, applied } = shown.snapshot;
  const { model, idsAfter } = applied();
  const isThere = (id: string): boolean => model === base.model || (idsAfter.get(id)?.length ?? 0) > 0;
  const blocks = residualBlocks(base.model).filter((b) => isThere(b.id));
  let scores: ReadonlyMap<string, number>;
  if (data === undefined) {
    scores = strengths.get(base.model) ?? (await blockStrengths(base.model, job.signal));
    strengths.set(base.model, scores);
  } else {
    const runner = () => runnerFor(data.settings.runner);
    scores = await influencesOf({ shown, isOnDisk: data.settings.isOnDisk, runner }, job, data.calibration);
  }
  return blockList(blocks, scores, localize);
}
