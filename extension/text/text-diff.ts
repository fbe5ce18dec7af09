/** Two texts as VS Code's own diff, memory included, at the first layer that is not the same. */
import {
  commands,
  Range,
  workspace,
  type TextDocument,
  type TextDocumentShowOptions,
  type Uri,
} from 'vscode';
import { fileName } from '../document/write-model.ts';
import { textUri } from './text-uri.ts';

/** Two files, or two versions of one. */
export function showFilesDiff(
  before: Uri,
  after: Uri,
  title = `${fileName(before)} ↔ ${fileName(after)}`,
): Promise<void> {
  const left = textUri({ source: before, side: 'original' });
  const right = textUri({ source: after, side: 'original' });
  return showTextDiff(left, right, title);
}

export async function showTextDiff(left: Uri, right: Uri, title: string): Promise<void> {
  // opened first, so that a file that cannot be read says so here and not as an empty pane
  const [before, after] = await Promise.all([
    workspace.openTextDocument(left),
    workspace.openTextDocument(right),
  ]);
  const line = firstChange(before, after);
  const options: TextDocumentShowOptions = {
    preview: false,
    ...(line === undefined ? {} : { selection: new Range(line, 0, line, 0) }),
  };
  await commands.executeCommand('vscode.diff', left, right, title, options);
}

/** The sums at the head differ wherever anything does, and columns are as wide as they need to be: both are no change. */
function firstChange(before: TextDocument, after: TextDocument): number | undefined {
  const [was, is] = [before, after].map((d) => d.getText().split('\n'));
  const line = is?.findIndex((text, i) => !text.startsWith('#') && spaced(text) !== spaced(was?.[i] ?? ''));
  return line === undefined || line < 0 ? undefined : line;
}

function spaced(text: string): string {
  return text.replace(/\s+/g, ' ');
}
