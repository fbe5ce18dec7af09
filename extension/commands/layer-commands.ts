/** What the links over a layer in the text do. They take (model URI as text, layer id) and are in no menu. */
import { Uri, ViewColumn } from 'vscode';
import type { FormName } from '../../src/protocol.ts';
import { applyEdit, showEditor } from '../apply-edit.ts';
import { isFormName, usualEdit } from '../forms.ts';
import { settings } from '../settings.ts';
import type { Services } from '../services.ts';
import type { Command } from './command.ts';
import { reportNothingDone } from './report-edit.ts';

/** What the link says beside the layer: the form that stays small where dynamic int8 does not. */
function formOf(detail: unknown): FormName {
  return isFormName(detail) ? detail : 'dynamic-int8';
}

/** Shows the layer in the editor. */
export const revealLayer: Command = layerCommand('vramLens.layer.reveal', async (services, uri, layerId) => {
  await showEditor(services, uri, ViewColumn.Beside);
  await services.documents.use(uri, (document) => {
    for (const page of services.editors.pagesOf(document)) page.selectLayer(layerId);
  });
});

export const quantizeLayer: Command = layerCommand(
  'vramLens.layer.quantize',
  async (services, uri, layerId, form) => {
    const edit = usualEdit(formOf(form), { nodes: [layerId] }, settings);
    await showEditor(services, uri, ViewColumn.Beside);
    reportNothingDone(await applyEdit(services, uri, { edits: [edit] }));
  },
);

/**
 * The same in another form: for what the present one does not save, of one layer or of all that have that problem. Takes
 * (model URI as text, layer ids, name of the form). Two steps to undo.
 */
export const requantizeLayers: Command = {
  id: 'vramLens.layer.requantize',
  run: async (services, model, layers, form) => {
    if (typeof model !== 'string' || !Array.isArray(layers)) return;
    const [uri, ids] = [Uri.parse(model, true), layers.map(String)];
    await showEditor(services, uri, ViewColumn.Beside);
    await revert(services, uri, ids);
    const edit = usualEdit(formOf(form), { nodes: ids }, settings);
    reportNothingDone(await applyEdit(services, uri, { edits: [edit] }));
  },
};

/** Opens the dialog in the editor: what it would do is seen there before it is done. */
export const pruneLayer: Command = layerCommand('vramLens.layer.prune', async (services, uri, layerId) => {
  await showEditor(services, uri, ViewColumn.Beside);
  await services.documents.use(uri, (document) => {
    for (const page of services.editors.pagesOf(document)) {
      page.selectLayer(layerId);
      page.startPrune([layerId]);
    }
  });
});

export const revertLayer: Command = layerCommand('vramLens.layer.revert', async (services, uri, layerId) => {
  await showEditor(services, uri, ViewColumn.Beside);
  await revert(services, uri, [layerId]);
});

function revert(services: Services, uri: Uri, layerIds: readonly string[]): Promise<void> {
  return services.documents.use(uri, async (document) => {
    const changed = await Promise.all(layerIds.map((id) => document.ask('changedNodes', id)));
    document.revertLayers(changed.flat());
  });
}

function layerCommand(
  id: Command['id'],
  run: (services: Services, uri: Uri, layerId: string, detail: unknown) => Promise<void>,
): Command {
  return {
    id,
    run: async (services, model, layerId, detail) => {
      if (typeof model === 'string' && typeof layerId === 'string')
        await run(services, Uri.parse(model, true), layerId, detail);
    },
  };
}
