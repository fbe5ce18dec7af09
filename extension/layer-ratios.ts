/** A ratio for each layer, as edits of a recipe. */
import type { PruneOptions } from '../src/protocol.ts';
import type { Edit } from '../src/transforms/index.ts';
import { pruneEdit } from './edits.ts';

/** Channels that stand or fall together. */
export interface GroupNames {
  /** As a recipe names it. */
  readonly id: string;
  /** Whose weights make them. */
  readonly layers: readonly string[];
  readonly channels: number;
}

export type LayerRatios = Readonly<Record<string, number>>;

/**
 * Of channels one edit: a group that several of the layers make loses as much as the one that bears least. Of zeros one
 * for all layers of the same ratio.
 * @throws as `pruneEdit`; RangeError where no layer loses any
 */
export function editsByLayer(
  ratios: LayerRatios,
  options: PruneOptions,
  groups: readonly GroupNames[],
): readonly Edit[] {
  const layers = Object.keys(ratios).filter((layer) => (ratios[layer] ?? 0) > 0);
  if (layers.length === 0) throw new RangeError('no layer was chosen');
  for (const ratio of Object.values(ratios))
    if (!(ratio >= 0 && ratio <= 1)) throw new RangeError(`expected a ratio from 0 to 1, got ${ratio}`);
  if (options.kind === 'zeros') return zerosByLayer(ratios, layers, options);
  const wanted = groups.filter((g) => g.layers.some((l) => layers.includes(l)));
  const byGroup = wanted.map((group) => {
    const named = group.layers.flatMap((l) => ratios[l] ?? []);
    return { ...group, ratio: Math.min(...named) };
  });
  const channels = byGroup.reduce((sum, g) => sum + g.channels, 0);
  const gone = byGroup.reduce((sum, g) => sum + g.channels * g.ratio, 0);
  // of all of them together, as a recipe says it
  const ratio = channels === 0 ? 0 : Math.round((1000 * gone) / channels) / 1000;
  const edit = pruneEdit({ nodes: layers }, { ...options, ratio });
  return [{ ...edit, ratios: Object.fromEntries(byGroup.map((g) => [g.id, g.ratio])) } as Edit];
}

function zerosByLayer(ratios: LayerRatios, layers: readonly string[], options: PruneOptions): Edit[] {
  const byRatio = new Map<number, string[]>();
  for (const layer of layers) {
    const ratio = ratios[layer] ?? 0;
    byRatio.set(ratio, [...(byRatio.get(ratio) ?? []), layer]);
  }
  return [...byRatio].map(([ratio, nodes]) => pruneEdit({ nodes }, { ...options, ratio }));
}
