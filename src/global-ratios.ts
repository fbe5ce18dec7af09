/** One ratio for all groups of channels together: what it makes of each, by what weights or data tell of them. */
import { withCalibration, type CalibratedOptions } from './calibrated.ts';
import type { Model } from './onnx/index.ts';
import { sharedRatios, type PruneChannelsEdit, type Recipe, type ScoredGroup } from './transforms/index.ts';

/** Of a single group: a layer of which hardly anything is left is worth more than its channels seem. */
export const MAX_GROUP_RATIO = 0.9;
/** So all groups of two or more units lose some, and none is repaired. */
const WHOLE = { ratio: 0.5, ratios: undefined, repair: undefined, roundTo: undefined } as const;

/**
 * How much the channels of each group matter that the edit would take some of. Streams their weights once, and runs the
 * recipe's data where the importance looks at activations.
 * @param recipe edits that come before it, and the data
 * @throws as `withCalibration`
 */
export async function scoredGroups(
  model: Model,
  recipe: Recipe,
  edit: PruneChannelsEdit,
  options: CalibratedOptions,
): Promise<readonly ScoredGroup[]> {
  const index = recipe.edits.length;
  const asked: Recipe = { ...recipe, edits: [...recipe.edits, { ...edit, ...WHOLE }] };
  return withCalibration(model, asked, options, async ({ channelScores }) => {
    const groups: ScoredGroup[] = [];
    for (const { edit: of, read } of channelScores)
      if (of === index) groups.push(...(await read(options.signal)));
    return groups;
  });
}

/** The edit with what its ratio makes of each group. @param most share of a single group that may go, 0..1 */
export function withRatios(
  edit: PruneChannelsEdit,
  groups: readonly ScoredGroup[],
  most = MAX_GROUP_RATIO,
): PruneChannelsEdit {
  return { ...edit, ratios: sharedRatios(groups, edit.ratio, most) };
}
