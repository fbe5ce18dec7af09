/** "Measure Weight Error": how much of each quantized weight is left, in the table's column and the inspector. */
import { l10n } from 'vscode';
import { showEditor } from '../apply-edit.ts';
import { measureSqnr } from '../document/measure-sqnr.ts';
import { targetModel } from '../target.ts';
import type { Command } from './command.ts';

export const measureError: Command = {
  id: 'vramLens.measureError',
  run: async (services, argument) => {
    const uri = await targetModel(argument);
    if (uri === undefined) return;
    await services.documents.use(uri, async (document) => {
      if (!document.hasEdits)
        throw new Error(l10n.t('{0} has no edits: its weights are as they were.', document.fileName));
      await showEditor(services, uri);
      await measureSqnr(document);
      for (const page of services.editors.pagesOf(document)) page.showColumn('sqnr');
    });
  },
};
