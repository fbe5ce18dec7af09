/** Writes a picture that the page made to where a person chooses; beside the model at first. */
import { l10n, Uri, window, workspace } from 'vscode';
import type { PictureFile } from '../../src/protocol.ts';
import { fileName } from '../document/write-model.ts';

/** False where the person gave up. */
export async function savePicture(model: Uri, { kind, data }: PictureFile): Promise<boolean> {
  const name = `${fileName(model).replace(/\.onnx$/i, '')}.${kind}`;
  const target = await window.showSaveDialog({
    title: l10n.t('Save Picture'),
    defaultUri: Uri.joinPath(model.with({ query: '', fragment: '' }), '..', name),
    filters: { [kind.toUpperCase()]: [kind] },
  });
  if (target === undefined) return false;
  await workspace.fs.writeFile(target, Buffer.from(data, kind === 'svg' ? 'utf8' : 'base64'));
  return true;
}
