/** Edits that come from outside the page: the editor is opened first, since VS Code's undo and Save live there. */
import { commands, ViewColumn, type Uri } from 'vscode';
import type { Addition } from './addition.ts';
import { editorViewType } from './editor/view-type.ts';
import type { Services } from './services.ts';
import type { EditsOutcome } from './session/figures.ts';

/** What the edits changed, and why layers were left as they are. */
export type Applied = EditsOutcome;

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
  return services.documents.use(uri, async (document) => {
    const { changed, blocked } = await document.ask('outcomeOf', edits);
    if (changed > 0) document.addEdits(edits, calibration);
    const left = chosen.filter((l) => l.form === undefined);
    return {
      changed,
      blocked: [...blocked, ...left.map((l) => ({ layer: l.node, reason: l.reason ?? '' }))],
    };
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
