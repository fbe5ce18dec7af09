/** What a click on the check in the status bar does. They are in no menu. */
import { commands, Uri } from 'vscode';
import { editorViewType } from '../editor/view-type.ts';
import { checkView } from '../views/check-view.ts';
import type { Command } from './command.ts';

/** Takes the model's URI as text and the id of one of its reports. */
export const showCheck: Command = {
  id: 'vramLens.showCheck',
  run: async (services, model, id) => {
    if (typeof model !== 'string' || typeof id !== 'string') return;
    const uri = Uri.parse(model, true);
    const check = services.checks.find(uri, id);
    if (check === undefined) return;
    await commands.executeCommand('vscode.openWith', uri, editorViewType);
    await services.editors.whenOpen(uri);
    await services.documents.use(uri, (document) => {
      for (const page of services.editors.pagesOf(document)) page.showCheck(checkView(check));
    });
  },
};

/** Ends the check that the status bar shows. */
export const cancelCheck: Command = {
  id: 'vramLens.cancelCheck',
  run: ({ checkStates }) => checkStates.running?.cancel(),
};
