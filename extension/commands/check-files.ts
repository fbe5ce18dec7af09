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

interface Written extends ModelFiles {
  /** What calibration data had to say of the edits. */
  readonly warnings: readonly string[];
}

export async function withModelFiles<T>(
  document: OnnxDocument,
  plan: CheckPlan,
  signal: AbortSignal,
  work: (files: ModelFiles, warnings: readonly string[]) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-check-'));
  try {
    const { warnings, ...files } = await modelFiles(document, plan, folder, signal);
    return await work(files, warnings);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function modelFiles(
  document: OnnxDocument,
  { against }: CheckPlan,
  folder: string,
  signal: AbortSignal,
): Promise<Written> {
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
    return { original: original.fsPath, compressed: against.fsPath, warnings: [] };
  }
  if (!document.hasEdits) return { original: original.fsPath, compressed: original.fsPath, warnings: [] };
  const compressed = await fileOf('compressed');
  const warnings = await document.write(compressed, signal);
  return { original: original.fsPath, compressed: compressed.fsPath, warnings };
}
