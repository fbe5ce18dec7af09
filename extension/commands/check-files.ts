/** The two files that a check runs: those on disk where they are there, else written to a folder that is removed. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { l10n } from 'vscode';
import { saveModel, type Model } from '../../src/onnx/index.ts';
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
  const { snapshot, uri } = document;
  const write = async (model: Model, side: string): Promise<string> => {
    // a folder for each, since external data keeps its own name
    const file = path.join(folder, side, document.fileName);
    await mkdir(path.dirname(file));
    await saveModel(model, file, { signal });
    return file;
  };
  const isOnDisk = uri.scheme === 'file' && document.isOriginalOnDisk;
  const original = isOnDisk ? uri.fsPath : await write(snapshot.base.model, 'original');
  if (against !== undefined) {
    if (against.scheme !== 'file')
      throw new Error(l10n.t('Only models on a local disk can be compared with.'));
    return { original, compressed: against.fsPath };
  }
  const compressed = snapshot.hasEdits
    ? await document.withModel(signal, (model) => write(model, 'compressed'))
    : original;
  return { original, compressed };
}
