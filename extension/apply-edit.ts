/** Edits that come from outside the page: the editor is opened first, since VS Code's undo and Save live there. */
import { commands, ViewColumn, type Uri } from 'vscode';
import type { Addition } from './addition.ts';
import { editorViewType } from './editor/view-type.ts';
import type { Services } from './services.ts';
import { isNoteworthy } from './views/layers.ts';

export interface Applied {
  readonly changed: number;
  /** Why layers were left as they are. */
  readonly blocked: readonly { readonly layer: string; readonly reason: string }[];
}

/**
 * Adds the edits to the document's recipe, as one step to undo, if they change anything.
 * @throws what opening the file threw
 */
export async function applyEdit(
  services: Services,
  uri: Uri,
  { edits, calibration, chosen = [] }: Addition,
): Promise<Applied> {
  await showEditor(services, uri);
  return services.documents.use(uri, (document) => {
    const next = document.preview(edits);
    const first = next.recipe.edits.length - edits.length;
    const own = next.applied().changes.filter((c) => c.edit >= first);
    const changed = own.filter((c) => c.status === 'applied').length;
    if (changed > 0) document.addEdits(edits, calibration);
    const blocked = [
      ...own.filter((c) => c.status === 'blocked' && isNoteworthy(c, edits[c.edit - first])),
      ...chosen.filter((l) => l.form === undefined),
    ];
    return { changed, blocked: blocked.map((c) => ({ layer: c.node, reason: c.reason ?? '' })) };
  });
}

/** Opens the editor where it is not: in the place of a text view it would hide that, so beside it then. */
export async function showEditor(
  { editors }: Services,
  uri: Uri,
  viewColumn: ViewColumn = ViewColumn.Active,
): Promise<void> {
  if (editors.isOpen(uri)) return;
  await commands.executeCommand('vscode.openWith', uri, editorViewType, { viewColumn, preview: false });
  await editors.whenOpen(uri);
}
