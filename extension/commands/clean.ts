/** Unused and duplicate initializers go: "Clean Up Initializers"; these, float64 and functions: fixes in the text view. */
import { l10n, ProgressLocation, Uri, ViewColumn, window } from 'vscode';
import type { CleanEdit } from '../../src/transforms/index.ts';
import { applyEdit, showEditor } from '../apply-edit.ts';
import { withJobProgress } from '../document/job-progress.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { FUNCTIONS, isWaste, UNUSED, WIDE } from '../text/waste.ts';
import type { Command } from './command.ts';
import { targetModel } from '../target.ts';
import { reportEdit, reportNothingDone } from './report-edit.ts';

/** Both at once. */
export const clean: Command = {
  id: 'vramLens.clean',
  run: async (services, argument) => {
    const uri = await targetModel(argument);
    if (uri === undefined) return;
    await services.documents.use(uri, async (document) => {
      const edit: CleanEdit = { ...(await duplicatesEdit(document)), unused: true };
      const applied = await applyEdit(services, uri, { edits: [edit] });
      if (applied.changed > 0) return reportEdit(document, applied);
      if (applied.blocked.length > 0) return void reportNothingDone(applied);
      const said = l10n.t('{0}: every initializer is used, and none equals another.', document.fileName);
      void window.showInformationMessage(said);
    });
  },
};

/** Takes (model URI as text, code of the problem) and is in no menu. */
export const cleanModel: Command = {
  id: 'vramLens.model.clean',
  run: async (services, model, code) => {
    if (typeof model !== 'string' || !isWaste(code)) return;
    const uri = Uri.parse(model, true);
    await showEditor(services, uri, ViewColumn.Beside);
    const edit = await services.documents.use(uri, (document) => fixOf(code, document));
    reportNothingDone(await applyEdit(services, uri, { edits: [edit] }));
  },
};

async function fixOf(code: unknown, document: OnnxDocument): Promise<CleanEdit> {
  if (code === UNUSED) return { type: 'clean', unused: true };
  if (code === FUNCTIONS) return { type: 'clean', unused: false, inline: true };
  return code === WIDE ? { type: 'clean', unused: false, narrow: true } : duplicatesEdit(document);
}

/** The weights that are alike are read once; from then on the recipe names them. */
async function duplicatesEdit(document: OnnxDocument): Promise<CleanEdit> {
  const duplicates = await withJobProgress(
    {
      location: ProgressLocation.Notification,
      title: l10n.t('Comparing the initializers of {0}', document.fileName),
      cancellable: true,
    },
    (options) => document.run('findDuplicates', [], options),
  );
  return { type: 'clean', unused: false, duplicates };
}
