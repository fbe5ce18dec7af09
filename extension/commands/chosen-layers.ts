/** "Quantize…" and "Prune…" while rows of the editor are chosen mean those: the editor's own dialog opens for them. */
import { TabInputCustom, window, type Uri } from 'vscode';
import { editorViewType } from '../editor/view-type.ts';
import type { Services } from '../services.ts';

/**
 * @param argument as VS Code calls the command, and `selection`, too: from the palette with neither, from the editor's
 * title with the file and what is known of the editor; anything else (the Explorer, the view of models, another
 * extension) means files
 * @returns true where the dialog is open now
 */
export async function startForChosen(
  { documents, editors }: Services,
  uri: Uri,
  edit: 'quantize' | 'prune',
  argument: unknown,
  selection: unknown,
): Promise<boolean> {
  const isOfFiles = Array.isArray(selection) || (argument !== undefined && selection === undefined);
  if (isOfFiles || !isActiveEditor(uri)) return false;
  return documents.use(uri, async (document) => {
    for (const page of editors.pagesOf(document)) if (await page.startForChosen(edit)) return true;
    return false;
  });
}

function isActiveEditor(uri: Uri): boolean {
  const input = window.tabGroups.activeTabGroup.activeTab?.input;
  return (
    input instanceof TabInputCustom &&
    input.viewType === editorViewType &&
    input.uri.toString() === uri.toString()
  );
}
