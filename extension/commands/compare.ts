/** "Compare with Original": VS Code's own diff of the two texts, memory included. */
import { l10n } from 'vscode';
import { fileName } from '../document/write-model.ts';
import { targetModel } from '../target.ts';
import { showTextDiff } from '../text/text-diff.ts';
import { textUri } from '../text/text-uri.ts';
import type { Command } from './command.ts';

export const compareWithOriginal: Command = {
  id: 'vramLens.compareWithOriginal',
  run: async (_services, argument) => {
    const source = await targetModel(argument);
    if (source === undefined) return;
    const original = textUri({ source, side: 'original' });
    const current = textUri({ source, side: 'current' });
    await showTextDiff(original, current, l10n.t('{0}: original ↔ with changes', fileName(source)));
  },
};
