/** "Revert All Edits": an empty recipe, as one step that can be undone. */
import { showEditor } from '../apply-edit.ts';
import { targetModel } from '../target.ts';
import type { Command } from './command.ts';

export const revertAllEdits: Command = {
  id: 'vramLens.revertAllEdits',
  run: async (services, argument) => {
    const uri = await targetModel(argument);
    if (uri === undefined) return;
    await showEditor(services, uri);
    await services.documents.use(uri, (document) => document.revertAll());
  },
};
