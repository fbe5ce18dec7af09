/** Opens a model by URI: by path on local disk, through VS Code's file system everywhere else (git:, web, archives). */
import { FileSystemError, l10n, Uri, workspace } from 'vscode';
import { OnnxError } from '../../src/onnx/index.ts';
import { Base } from './base.ts';
import type { SessionClient } from './session-client.ts';

/** VS Code's file system gives whole files only; what it gives is held in memory. A model on local disk has no such limit. */
const maxVirtualBytes = 1024 ** 3;

export async function openBase(sessions: SessionClient, uri: Uri): Promise<Base> {
  // before the file is opened: a change in between is seen as one
  const stamp = await fileStamp(uri);
  const isLocal = uri.scheme === 'file';
  const folder = Uri.joinPath(uri, '..');
  const file = isLocal
    ? { name: uri.fsPath, path: uri.fsPath }
    : { name: uri.toString(true), path: undefined };
  return new Base(
    await sessions.open(file, (path) => readVirtual(path === undefined ? uri : beside(uri, folder, path))),
    stamp,
  );
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

async function readVirtual(uri: Uri): Promise<Uint8Array> {
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
  return new Uint8Array(buffer, byteOffset, byteLength);
}

async function statOf(uri: Uri): Promise<{ size: number; mtime: number }> {
  try {
    return await workspace.fs.stat(uri);
  } catch (cause) {
    if (!(cause instanceof FileSystemError)) throw cause;
    throw new OnnxError('io', cause.message, { file: uri.toString(true), cause });
  }
}
