/**
 * What takes a sum from before to after, step by step.
 *
 * ```ts
 * waterfall(100, [{ label: 'a', delta: -60 }, { label: 'b', delta: -10 }], 1, others)
 * // 100 | a: 100 → 40 | others: 40 → 30 | 30
 * ```
 */
export interface Delta {
  readonly label: string;
  readonly delta: number;
}

export interface WaterfallStep extends Delta {
  readonly from: number;
  readonly to: number;
}

/**
 * The largest changes first; those beyond `limit` are one step.
 * @param others the label of that step, told how many it stands for
 */
export function waterfall(
  before: number,
  deltas: readonly Delta[],
  limit: number,
  others: (count: number) => string,
): readonly WaterfallStep[] {
  const ranked = deltas
    .filter(({ delta }) => delta !== 0)
    .sort((a, b) => Math.abs(b.delta) - Math.abs(a.delta));
  const rest = ranked.slice(limit);
  const shown =
    rest.length === 0
      ? ranked
      : [
          ...ranked.slice(0, limit),
          { label: others(rest.length), delta: rest.reduce((sum, { delta }) => sum + delta, 0) },
        ];
  let at = before;
  return shown.map((step) => {
    const from = at;
    at += step.delta;
    return { ...step, from, to: at };
  });
}
