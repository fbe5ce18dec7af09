/**
 * Hot exit: what is not saved is the recipe, so the backup is the recipe, as JSON, with the stamp of the file that it
 * is for. Only after an undo past a save, when that file is no longer on disk, a copy of it lies beside the recipe.
 */
import { l10n, Uri, window, workspace, type CancellationToken, type CustomDocumentBackup } from 'vscode';
import { parseRecipe, serializeRecipe, type Recipe } from '../../src/transforms/index.ts';
import { withSignal } from '../document/abort.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { log } from '../log.ts';

const originalSuffix = '.original.onnx';

/** The state of the document at this moment; edits that come while it is written are those of the next backup. */
export async function writeBackup(
  document: OnnxDocument,
  destination: Uri,
  token?: CancellationToken,
): Promise<CustomDocumentBackup> {
  const { recipe, stamp, writeOriginal } = document.unsaved;
  const original = originalBeside(destination);
  const remove = (): void => {
    for (const file of [destination, original]) {
      // the copy is rarely there, and VS Code may have removed the folder already
      workspace.fs.delete(file).then(undefined, () => undefined);
    }
  };
  try {
    await withSignal(token, async (signal) => {
      await workspace.fs.createDirectory(Uri.joinPath(destination, '..'));
      await writeOriginal?.(original, signal);
      signal.throwIfAborted();
      await workspace.fs.writeFile(destination, new TextEncoder().encode(backupText(recipe, stamp)));
    });
  } catch (error) {
    remove();
    throw error;
  }
  return { id: destination.toString(), delete: remove };
}

export type Restored = 'restored' | 'on another file' | 'failed';

/** @param backupId as `writeBackup` gave it */
export async function restoreBackup(document: OnnxDocument, backupId: string): Promise<Restored> {
  try {
    const destination = Uri.parse(backupId, true);
    const { recipe, stamp } = parseBackup(new TextDecoder().decode(await workspace.fs.readFile(destination)));
    const original = originalBeside(destination);
    const hasOriginal = await exists(original);
    const isSame = hasOriginal || document.stamp === undefined || document.stamp === stamp;
    if (hasOriginal) await document.restoreOriginal(recipe, original);
    else document.restore(recipe);
    log().info(`${document.fileName}: ${recipe.edits.length} unsaved edits are restored`);
    if (!isSame) warnOfAnotherFile(document);
    return isSame ? 'restored' : 'on another file';
  } catch (error) {
    log().error(`${document.fileName}: the backup cannot be restored:`, error);
    void window.showWarningMessage(
      l10n.t('The unsaved changes of {0} could not be restored: {1}', document.fileName, String(error)),
    );
    return 'failed';
  }
}

function backupText(recipe: Recipe, stamp: string): string {
  return `{"stamp":${JSON.stringify(stamp)},"recipe":${serializeRecipe(recipe)}}`;
}

/** @throws SyntaxError, RecipeError */
function parseBackup(text: string): { readonly recipe: Recipe; readonly stamp: string | undefined } {
  const json: unknown = JSON.parse(text);
  const isBackup = typeof json === 'object' && json !== null && 'recipe' in json && 'stamp' in json;
  if (!isBackup) return { recipe: parseRecipe(text), stamp: undefined };
  return { recipe: parseRecipe(JSON.stringify(json.recipe)), stamp: String(json.stamp) };
}

/** One that was exported, or saved in another window, meanwhile. */
function warnOfAnotherFile({ fileName }: OnnxDocument): void {
  void window.showWarningMessage(
    l10n.t(
      '{0} is another file than the unsaved changes were made for; look at them before you save.',
      fileName,
    ),
  );
}

function originalBeside(destination: Uri): Uri {
  return destination.with({ path: destination.path + originalSuffix });
}

async function exists(uri: Uri): Promise<boolean> {
  return workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
}
