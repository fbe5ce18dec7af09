/** Ctrl+S in the editor: VS Code's own Save, known to be asked for by a person (see editor/save.ts). */
import { activeModel } from '../target.ts';
import type { Command } from './command.ts';

export const save: Command = {
  id: 'vramLens.save',
  run: async ({ documents, editors }) => {
    const uri = activeModel();
    if (uri !== undefined) await documents.use(uri, (document) => editors.saving.saveActive(document));
  },
};
