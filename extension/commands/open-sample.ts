/** "Try the Sample Model": a small trained network, copied to where it may be changed, with its test data. */
import { commands, l10n, Uri, window, workspace } from 'vscode';
import { editorViewType } from '../editor/view-type.ts';
import type { Command } from './command.ts';

const modelName = 'fmnist_cnn.onnx';
const files = [modelName, 'fmnist-test-2000.npz'];

export const openSample: Command = {
  id: 'vramLens.openSample',
  run: async ({ context }) => {
    const from = Uri.joinPath(context.extensionUri, 'media', 'samples');
    const to = Uri.joinPath(context.globalStorageUri, 'samples');
    await workspace.fs.createDirectory(to);
    for (const file of files) {
      const target = Uri.joinPath(to, file);
      // what a person did to the sample stays
      if (await exists(target)) continue;
      await workspace.fs.copy(Uri.joinPath(from, file), target);
    }
    const model = Uri.joinPath(to, modelName);
    await commands.executeCommand('vscode.openWith', model, editorViewType, { preview: false });
    void window.showInformationMessage(
      l10n.t(
        'This network tells clothes apart. Quantize it, then check its accuracy with the data beside it.',
      ),
    );
    return model;
  },
};

async function exists(uri: Uri): Promise<boolean> {
  return workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
}
