/** Which of some layers one scale for the whole weight serves badly. */
import type { CoarseLayersView } from '../../src/protocol.ts';
import { coarseLayers } from '../../src/transforms/index.ts';
import { namedLayers } from '../edits.ts';
import type { Job } from '../session/protocol.ts';
import type { Shown } from '../session/shown.ts';

/** As the file has them. */
export async function coarseView(
  document: Shown,
  { signal }: Job,
  layerIds: readonly string[],
): Promise<CoarseLayersView> {
  const names = new Map(document.estimateBefore.layers.map((l) => [l.id, l.name]));
  const { model } = document.snapshot.base;
  const { layers, ...extent } = await coarseLayers(model, namedLayers({ layerIds }), { signal });
  return {
    ...extent,
    layers: layers.map(({ node, ...figures }) => ({ name: names.get(node) ?? node, ...figures })),
  };
}
