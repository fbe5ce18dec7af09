/** Measuring what pruning each layer costs: asked for here, told by the host point by point. */
import { batch } from '@preact/signals';
import type { EditRequest, SensitivityView } from '../../src/protocol.ts';
import { usualChannels } from './draft.ts';
import { complain, host } from './host.ts';
import { draft, layers, patchView, selectedLayers, sensitivity } from './store.ts';

type PruneRequest = EditRequest & { readonly type: 'prune' };

/** Of the layers of a dialog, with its choices; the ratio is what varies. */
export function measureSensitivity({ layerIds, options }: PruneRequest): void {
  batch(() => {
    draft.value = undefined;
    patchView({ tab: 'sensitivity' });
  });
  // not counted as under way: it takes minutes, in which the page goes on as usual
  host()
    .sensitivity(layerIds, options)
    .catch((error: unknown) => complain('failed.sensitivity', error));
}

/** Of the chosen layers, or all, the way that saves memory. */
export function measureUsual(): void {
  const chosen = selectedLayers.peek().filter((l) => l.canPrune);
  const rows = chosen.length > 0 ? chosen : layers.peek().filter((l) => l.canPrune);
  measureSensitivity({ type: 'prune', layerIds: rows.map((l) => l.id), options: usualChannels });
}

export function stopSensitivity(): void {
  host()
    .stopSensitivity()
    .catch((error: unknown) => complain('failed.sensitivity', error));
}

export function showSensitivity(view: SensitivityView): void {
  sensitivity.value = view;
}
