/** Two files, or two versions of one, as VS Code's own diff of their texts, memory included. */
import { commands, workspace, type Uri } from 'vscode';
import { fileName } from '../document/write-model.ts';
import { textUri } from './text-uri.ts';

export async function showTextDiff(
  before: Uri,
  after: Uri,
  title = `${fileName(before)} ↔ ${fileName(after)}`,
): Promise<void> {
  const left = textUri({ source: before, side: 'original' });
  const right = textUri({ source: after, side: 'original' });
  // opened first, so that a file that cannot be read says so here and not as an empty pane
  await Promise.all([workspace.openTextDocument(left), workspace.openTextDocument(right)]);
  await commands.executeCommand('vscode.diff', left, right, title, { preview: false });
}
