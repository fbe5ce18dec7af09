/** Measuring what pruning each layer costs: asked for here, told by the host point by point; and what comes of it. */
import { batch, signal } from '@preact/signals';
import type { EditRequest, FittedRatiosView, PruneOptions, SensitivityView } from '../../src/protocol.ts';
import { t } from '../l10n/index.ts';
import { changeDraft, usualChannels } from './draft.ts';
import { addNotice, ask, complain, host } from './host.ts';
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
    .sensitivity(layerIds, varied(options))
    .catch((error: unknown) => complain('failed.sensitivity', error));
}

/** Without what decides in place of the ratio. */
function varied(options: PruneOptions): PruneOptions {
  if (options.kind === 'channels') {
    const { ratios: _, scope: __, maxRatio: ___, ...alone } = options;
    return alone;
  }
  const { ratios: _, pattern: __, ...alone } = options;
  return { ...alone, scope: 'layer' };
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

/** Opens the dialog with what was measured of a layer: its choices, and one of its ratios. */
export function pruneAsMeasured({ options }: SensitivityView, layerId: string, ratio: number): void {
  changeDraft({ type: 'prune', layerIds: [layerId], options: { ...options, ratio } });
}

type Measure = SensitivityView['measure'];
const usualLoss: Readonly<Record<Measure, number>> = { accuracy: 0.02, similarity: 0.01 };
const losses = signal(usualLoss);

/** What a person allows the whole model to lose; 0..1. */
export const maxLoss = (measure: Measure): number => losses.value[measure];

export function setMaxLoss(measure: Measure, loss: number): void {
  losses.value = { ...losses.peek(), [measure]: loss };
}

export const isFitting = signal(false);

/** Ratios that were found, and what was measured with them. */
export interface Suggestion extends FittedRatiosView {
  readonly measured: SensitivityView;
}
export const suggestion = signal<Suggestion | undefined>(undefined);

/** Runs the model some times, then opens the dialog with what each layer can lose. */
export async function suggestRatios(measured: SensitivityView): Promise<void> {
  const loss = maxLoss(measured.measure);
  isFitting.value = true;
  const found = await ask('failed.fit', (h) => h.fitRatios(loss));
  isFitting.value = false;
  if (found === undefined) return;
  const layerIds = Object.keys(found.ratios);
  if (layerIds.length === 0) {
    addNotice('info', t('ratios.none'));
    return;
  }
  suggestion.value = { ...found, measured };
  changeDraft({ type: 'prune', layerIds, options: { ...measured.options, ratios: found.ratios } });
}
