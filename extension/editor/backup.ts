/**
 * Hot exit: what is not saved is the recipe, so the backup is the recipe, as JSON. Only after an undo past a save,
 * when the recipe's original is no longer on disk, a copy of that original lies beside it.
 */
import { l10n, Uri, window, workspace, type CustomDocumentBackup } from 'vscode';
import { parseRecipe, serializeRecipe, type Recipe } from '../../src/transforms/index.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { log } from '../log.ts';

const originalSuffix = '.original.onnx';

export async function writeBackup(document: OnnxDocument, destination: Uri): Promise<CustomDocumentBackup> {
  const { recipe } = document;
  await workspace.fs.createDirectory(Uri.joinPath(destination, '..'));
  const original = originalBeside(destination);
  if (!document.isOriginalOnDisk) await document.writeOriginal(original);
  await workspace.fs.writeFile(destination, new TextEncoder().encode(serializeRecipe(recipe)));
  return {
    id: destination.toString(),
    delete: () => {
      for (const file of [destination, original]) {
        // the copy is rarely there, and VS Code may have removed the folder already
        workspace.fs.delete(file).then(undefined, () => undefined);
      }
    },
  };
}

/** @param backupId as `writeBackup` gave it */
export async function restoreBackup(document: OnnxDocument, backupId: string): Promise<void> {
  try {
    const destination = Uri.parse(backupId, true);
    const recipe = parseRecipe(new TextDecoder().decode(await workspace.fs.readFile(destination)));
    const original = originalBeside(destination);
    const hasOriginal = await exists(original);
    if (hasOriginal) await document.restoreOriginal(recipe, original);
    else document.restore(recipe);
    log().info(`${document.fileName}: ${recipe.edits.length} unsaved edits are restored`);
    if (!hasOriginal) warnOfAnotherFile(document, recipe);
  } catch (error) {
    log().error(`${document.fileName}: the backup cannot be restored:`, error);
    void window.showWarningMessage(
      l10n.t('The unsaved changes of {0} could not be restored: {1}', document.fileName, String(error)),
    );
  }
}

/** The recipe names what it was made for by size: another file is one that was exported anew meanwhile. */
function warnOfAnotherFile({ file, fileName }: OnnxDocument, { source }: Recipe): void {
  if (file.sizeBytes === source.sizeBytes) return;
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
