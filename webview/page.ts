/** What the extension host may call on the page. */
import type { WebviewApi } from '../src/protocol.ts';
import { commandById } from './panes/layers/commands.ts';
import { selectedLayers } from './state/store.ts';
import { showLayerErrors, showMeasurement } from './state/runs.ts';
import { startPrune } from './state/draft.ts';
import { showSensitivity } from './state/sensitivity.ts';
import { open, receiveEstimate, selectLayer, showCheck, showColumn } from './state/actions.ts';

export const page: WebviewApi = {
  estimateChanged: (view) => settle(() => receiveEstimate(view)),
  reload: () => open(),
  showCheck: (view) => settle(() => showCheck(view)),
  showLayerErrors: (view) => settle(() => showLayerErrors(view)),
  showMeasurement: (view) => settle(() => showMeasurement(view)),
  showColumn: (column) => settle(() => showColumn(column)),
  selectLayer: (layerId) => settle(() => selectLayer(layerId, { showTable: true })),
  startPrune: (layerIds) => settle(() => startPrune(layerIds)),
  showSensitivity: (view) => settle(() => showSensitivity(view)),
  startForChosen: (edit) => Promise.resolve(startForChosen(edit)),
};

function startForChosen(edit: 'quantize' | 'prune'): boolean {
  const rows = selectedLayers.peek();
  const command = commandById(edit);
  if (command === undefined || command.blocked(rows) !== undefined) return false;
  command.run(rows);
  return true;
}

function settle(work: () => void): Promise<void> {
  return new Promise((resolve) => {
    work();
    resolve();
  });
}
