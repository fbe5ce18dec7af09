/**
 * One ratio for all groups of channels together: those that matter least go, wherever they are, so that some groups lose
 * more of theirs than others. Importances of different groups are compared as they are: norms have a mean of 1 in each
 * (as in Torch-Pruning's global pruning), expected loss and reconstruction are shares of the readers' outputs.
 *
 *     sharedRatios([{ id: 'a', channels: 4, scores: [0, 1, 2, 3] }, { id: 'b', channels: 4, scores: [4, 5, 6, 7] }], 0.5, 0.75)
 *     // { a: 0.75, b: 0.25 }
 */

export interface ScoredGroup {
  /** As in `pruneGroups`. */
  readonly id: string;
  /** In all: several for each unit where some are tied. */
  readonly channels: number;
  /** One per unit that can go by itself; the lowest go first. */
  readonly scores: ArrayLike<number>;
}

/**
 * By group: the share of its units that goes.
 * @param ratio share of the channels of all groups, 0..1
 * @param most share of a single group that may go, 0..1; at least one unit stays in any case
 */
export function sharedRatios(
  groups: readonly ScoredGroup[],
  ratio: number,
  most: number,
): Record<string, number> {
  const units = groups.flatMap((group) => Array.from(group.scores, (score) => ({ group, score })));
  const left = ratio * groups.reduce((sum, { channels }) => sum + channels, 0);
  const gone = new Map(groups.map((group) => [group, 0]));
  let removed = 0;
  for (const { group } of units.sort((a, b) => a.score - b.score)) {
    const { length } = group.scores;
    const [count, size] = [gone.get(group) ?? 0, group.channels / length];
    // to the nearest unit
    if (removed + size / 2 > left || count >= Math.min(length - 1, Math.floor(most * length))) continue;
    gone.set(group, count + 1);
    removed += size;
  }
  return Object.fromEntries([...gone].map(([{ id, scores }, n]) => [id, shareOf(n, scores.length)]));
}

/** In as few digits as tell the number of units. */
function shareOf(count: number, length: number): number {
  for (let digits = 2; digits < 15; digits++) {
    const share = Number((count / length).toFixed(digits));
    if (Math.round(share * length) === count) return share;
  }
  return count / length;
}
