/** The two files that a check runs: those on disk where they are there, else written to a folder that is removed. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { l10n, Uri } from 'vscode';
import type { OnnxDocument } from '../document/onnx-document.ts';
import type { CheckPlan } from './check.ts';

export interface ModelFiles {
  readonly original: string;
  readonly compressed: string;
}

export async function withModelFiles<T>(
  document: OnnxDocument,
  plan: CheckPlan,
  signal: AbortSignal,
  work: (files: ModelFiles) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-check-'));
  try {
    return await work(await modelFiles(document, plan, folder, signal));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function modelFiles(
  document: OnnxDocument,
  { against }: CheckPlan,
  folder: string,
  signal: AbortSignal,
): Promise<ModelFiles> {
  const { uri } = document;
  const fileOf = async (side: string): Promise<Uri> => {
    // a folder for each, since external data keeps its own name
    const file = path.join(folder, side, document.fileName);
    await mkdir(path.dirname(file));
    return Uri.file(file);
  };
  const isOnDisk = uri.scheme === 'file' && document.isOriginalOnDisk;
  const original = isOnDisk ? uri : await fileOf('original');
  if (!isOnDisk) await document.writeOriginal(original, signal);
  if (against !== undefined) {
    if (against.scheme !== 'file')
      throw new Error(l10n.t('Only models on a local disk can be compared with.'));
    return { original: original.fsPath, compressed: against.fsPath };
  }
  if (!document.hasEdits) return { original: original.fsPath, compressed: original.fsPath };
  const compressed = await fileOf('compressed');
  await document.write(compressed, signal);
  return { original: original.fsPath, compressed: compressed.fsPath };
}
