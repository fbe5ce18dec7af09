/** Opens a model by URI: by path on local disk, through VS Code's file system everywhere else (git:, web, archives). */
import { FileSystemError, l10n, Uri, workspace } from 'vscode';
import { memorySource, OnnxError, openModel, type ByteSource, type Model } from '../../src/onnx/index.ts';
import { Base } from './base.ts';

/**
 * VS Code's file system gives whole files only; what it gives is held in the extension host, beside every other
 * extension. A model on local disk has no such limit.
 */
const maxVirtualBytes = 1024 ** 3;

export async function openBase(uri: Uri, signal?: AbortSignal): Promise<Base> {
  // before the file is opened: a change in between is seen as one
  const stamp = await fileStamp(uri);
  return new Base(await open(uri, signal), stamp);
}

async function open(uri: Uri, signal: AbortSignal | undefined): Promise<Model> {
  if (uri.scheme === 'file') return openModel(uri.fsPath, { signal });
  const folder = Uri.joinPath(uri, '..');
  const openExternal = (path: string): Promise<ByteSource> => virtualSource(beside(uri, folder, path));
  return openModel(await virtualSource(uri), { signal, openExternal });
}

/** git: and the like keep in the query which version of a file is meant, and its path: both are those of the sibling. */
function beside(model: Uri, folder: Uri, path: string): Uri {
  const sibling = Uri.joinPath(folder, path);
  return model.query === ''
    ? sibling
    : sibling.with({ query: model.query.replaceAll(model.path, sibling.path) });
}

/** Size and modification time. */
export async function fileStamp(uri: Uri): Promise<string> {
  const { size, mtime } = await statOf(uri);
  return `${mtime}/${size}`;
}

async function virtualSource(uri: Uri): Promise<ByteSource> {
  const { size } = await statOf(uri);
  if (size > maxVirtualBytes) {
    const message = l10n.t(
      'Only models of up to 1 GiB can be opened from "{0}"; copy it to a local disk.',
      uri.scheme,
    );
    throw new OnnxError('limit', message, { file: uri.toString(true) });
  }
  const { buffer, byteOffset, byteLength } = await workspace.fs.readFile(uri);
  // VS Code gives a Buffer, whose slice is no copy: what reads models takes plain arrays
  return memorySource(uri.toString(true), new Uint8Array(buffer, byteOffset, byteLength));
}

async function statOf(uri: Uri): Promise<{ size: number; mtime: number }> {
  try {
    return await workspace.fs.stat(uri);
  } catch (cause) {
    if (!(cause instanceof FileSystemError)) throw cause;
    throw new OnnxError('io', cause.message, { file: uri.toString(true), cause });
  }
}
