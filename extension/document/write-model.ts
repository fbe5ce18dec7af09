/** Writes the model of a snapshot to a URI: streamed and atomic on local disk. */
import { l10n, ProgressLocation, window, workspace, type CancellationToken, type Uri } from 'vscode';
import { modelStream, saveModel, type Model } from '../../src/onnx/index.ts';
import { withSignal } from './abort.ts';

/** Below this, saving is over before anyone could read a message. */
const noteworthyBytes = 64 * 1024 * 1024;

export async function writeModel(model: Model, target: Uri, token?: CancellationToken): Promise<void> {
  const isLarge = model.source.file.sizeBytes >= noteworthyBytes;
  await window.withProgress(
    {
      location: isLarge ? ProgressLocation.Notification : ProgressLocation.Window,
      title: l10n.t('Saving {0}', fileName(target)),
      cancellable: isLarge,
    },
    (progress, own) => {
      let reported = 0;
      return withSignal(token, (outer) =>
        withSignal(own, (inner) =>
          write(model, target, AbortSignal.any([outer, inner]), (fraction) => {
            progress.report({ increment: 100 * (fraction - reported) });
            reported = fraction;
          }),
        ),
      );
    },
  );
}

async function write(
  model: Model,
  target: Uri,
  signal: AbortSignal,
  onFraction: (fraction: number) => void,
): Promise<void> {
  if (target.scheme === 'file') {
    await saveModel(model, target.fsPath, { signal, onProgress: (p) => onFraction(p.fraction) });
    return;
  }
  // VS Code's file system takes whole files only
  const chunks: Uint8Array[] = [];
  for await (const chunk of modelStream(model, { signal })) chunks.push(chunk);
  await workspace.fs.writeFile(target, Buffer.concat(chunks));
}

/** The last part of the path. */
export function fileName(uri: Uri): string {
  return uri.path.slice(uri.path.lastIndexOf('/') + 1);
}
