/** "Compare with Original": VS Code's own diff of the two texts, memory included. */
import { commands, l10n, workspace } from 'vscode';
import { fileName } from '../document/write-model.ts';
import { targetModel } from '../target.ts';
import { textUri } from '../text/text-uri.ts';
import type { Command } from './command.ts';

export const compareWithOriginal: Command = {
  id: 'vramLens.compareWithOriginal',
  run: async (_services, argument) => {
    const source = await targetModel(argument);
    if (source === undefined) return;
    const original = textUri({ source, side: 'original' });
    const current = textUri({ source, side: 'current' });
    // opened first, so that a file that cannot be read says so here and not as an empty pane
    await Promise.all([workspace.openTextDocument(original), workspace.openTextDocument(current)]);
    const title = l10n.t('{0}: original ↔ with changes', fileName(source));
    await commands.executeCommand('vscode.diff', original, current, title, { preview: false });
  },
};
