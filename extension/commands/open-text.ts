/** "Open as Text": the model as text, one line per node, beside the editor. */
import { Range, Selection, TextEditorRevealType, ViewColumn, window, workspace, type Uri } from 'vscode';
import { textUri } from '../text/text-uri.ts';
import { targetModel } from '../target.ts';
import type { Services } from '../services.ts';
import type { Command } from './command.ts';

export const openText: Command = {
  id: 'vramLens.openText',
  run: async (services, argument, node) => {
    const uri = await targetModel(argument);
    if (uri !== undefined) await showText(services, uri, typeof node === 'string' ? node : undefined);
  },
};

/** @param node id of the node to reveal */
async function showText({ texts }: Services, source: Uri, node: string | undefined): Promise<void> {
  const document = await workspace.openTextDocument(textUri({ source, side: 'current' }));
  const editor = await window.showTextDocument(document, { viewColumn: ViewColumn.Beside, preview: false });
  const line = node === undefined ? undefined : await texts.lineOf(document, node);
  if (line === undefined) return;
  editor.selection = new Selection(line, 0, line, 0);
  editor.revealRange(new Range(line, 0, line, 0), TextEditorRevealType.InCenterIfOutsideViewport);
}
