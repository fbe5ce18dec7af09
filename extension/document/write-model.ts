/** Writes a model to a URI: streamed and atomic on local disk. */
import { l10n, ProgressLocation, workspace, type Uri } from 'vscode';
import { withJobProgress } from './job-progress.ts';
import type { JobOptions } from './session-client.ts';

/** Below this, saving is over before anyone could read a message. */
const noteworthyBytes = 64 * 1024 * 1024;

/** Writes to a path on local disk, or gives the bytes where there is none. */
export type Write = (path: string | undefined, options: JobOptions) => Promise<Uint8Array | undefined>;

/** @param sizeBytes about so much is written */
export async function writeModel(
  write: Write,
  sizeBytes: number,
  target: Uri,
  signal?: AbortSignal,
): Promise<void> {
  const isLarge = sizeBytes >= noteworthyBytes;
  await withJobProgress(
    {
      location: isLarge ? ProgressLocation.Notification : ProgressLocation.Window,
      title: l10n.t('Saving {0}', fileName(target)),
      cancellable: isLarge,
    },
    async (options) => {
      const path = target.scheme === 'file' ? target.fsPath : undefined;
      const bytes = await write(path, options);
      // VS Code's file system takes whole files only
      if (bytes !== undefined) await workspace.fs.writeFile(target, bytes);
    },
    signal,
  );
}

/** The last part of the path. */
export function fileName(uri: Uri): string {
  return uri.path.slice(uri.path.lastIndexOf('/') + 1);
}
