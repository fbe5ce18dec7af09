/** What running the model tells beside checks: where the error starts, and what one run held. */
import { batch } from '@preact/signals';
import type { LayerErrorsView, MeasurementView, ReportKind } from '../../src/protocol.ts';
import type { TextKey } from '../l10n/index.ts';
import { t } from '../l10n/index.ts';
import { addNotice, ask, complain, host } from './host.ts';
import { budgetBytes, layerErrors, measurement, patchView } from './store.ts';

export function showLayerErrors(view: LayerErrorsView): void {
  batch(() => {
    layerErrors.value = view;
    patchView({ tab: 'checks' });
  });
}

export function showMeasurement(view: MeasurementView): void {
  batch(() => {
    measurement.value = view;
    patchView({ isSummaryOpen: true });
  });
}

// not counted as under way: they may take minutes, in which the page goes on as usual
function start(what: TextKey, run: Promise<void>): void {
  run.catch((error: unknown) => complain(what, error));
}

export const compareLayers = (): void => start('failed.layerErrors', host().compareLayers());
export const measure = (): void => start('failed.run', host().measure());
export const findLargestBatch = (): void =>
  start('failed.findLargest', host().findLargestBatch(budgetBytes.peek()));

export async function saveReport(checkId: string, kind: ReportKind): Promise<void> {
  const isSaved = await ask('failed.report', (h) => h.saveReport(checkId, kind));
  if (isSaved === true) addNotice('info', t('checks.saved'));
}
