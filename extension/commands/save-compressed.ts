/** "Save Compressed Model As…": under a new name by default, so that the original stays. */
import { commands, l10n, Uri, window, workspace } from 'vscode';
import { formatBytes } from '../../src/format.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { fileName } from '../document/write-model.ts';
import { askTarget } from '../editor/save.ts';
import { editorViewType } from '../editor/view-type.ts';
import { targetModel } from '../target.ts';
import type { Services } from '../services.ts';
import type { Command } from './command.ts';

export const saveCompressed: Command = {
  id: 'vramLens.saveCompressed',
  run: async (services, argument, given) => {
    const source = await targetModel(argument);
    if (source === undefined) return undefined;
    return services.documents.use(source, async (document) => {
      const target = given instanceof Uri ? given : await askTarget(document);
      if (target === undefined) return undefined;
      const { sizeBytes } = document.file;
      await document.saveAs(target);
      if (target.toString() !== source.toString()) await goOnWith(services, document, target);
      await say(target, sizeBytes);
      return target;
    });
  },
};

/** The new file takes the editor's place; the original's editor, if it is open, is as the file is on disk again. */
async function goOnWith({ editors }: Services, document: OnnxDocument, target: Uri): Promise<void> {
  if (editors.isOpen(document.uri) && document.isDirty) {
    await commands.executeCommand('vscode.openWith', document.uri, editorViewType, { preview: false });
    await commands.executeCommand('workbench.action.files.revert');
  }
  await commands.executeCommand('vscode.openWith', target, editorViewType, { preview: false });
}

async function say(target: Uri, sizeBefore: number): Promise<void> {
  const [before, after] = [sizeBefore, (await workspace.fs.stat(target)).size];
  void window.showInformationMessage(
    l10n.t('Saved {0}: {1}, the original is {2}.', fileName(target), formatBytes(after), formatBytes(before)),
  );
}
