/** The groups of channels of a document, by the nodes of its file. */
import type { GroupNames } from '../layer-ratios.ts';
import type { Snapshot } from './snapshot.ts';

/** Those that can go. */
export function namedGroups(snapshot: Snapshot): readonly GroupNames[] {
  const original = (id: string): string => snapshot.layers().originalNode(id);
  return snapshot
    .channelGroups()
    .filter((g) => g.blocker === undefined)
    .map(({ id, layers, channels }) => ({
      id: original(layers[0] ?? '') + id.slice(layers[0]?.length),
      layers: layers.map(original),
      channels,
    }));
}
