/** Which kind of data a path is, by its name and, of a folder, by what lies in it. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { RunnerError } from '../failure.ts';
import { imageExtensions, isTableExtension } from './extensions.ts';
import { textOf } from './numpy-file.ts';
import type { DataSpec } from './spec.ts';

export type DataKind = Exclude<DataSpec['kind'], 'random'>;

/** @param hasTokenizer tables are text then. RunnerError 'data' where nothing at `file` is known. */
export async function guessDataKind(file: string, hasTokenizer = false): Promise<DataKind> {
  let isFolder: boolean;
  let names: string[];
  try {
    isFolder = (await stat(file)).isDirectory();
    names = isFolder ? await readdir(file, { recursive: true }) : [file];
  } catch (cause) {
    throw new RunnerError('data', `Cannot read ${file}: ${textOf(cause)}.`, { cause });
  }
  const has = (fits: (name: string, extension: string) => boolean) =>
    names.some((n) => fits(path.basename(n), path.extname(n).toLowerCase()));
  if (has((name) => name === 'input_0.pb')) return 'onnxTests';
  if (has((_, extension) => imageExtensions.has(extension))) return 'images';
  if (has((_, extension) => extension === '.wav')) return 'audio';
  if (!isFolder && has((_, extension) => extension === '.npz' || extension === '.npy')) return 'numpy';
  if (!isFolder && has((_, extension) => isTableExtension(extension))) {
    return hasTokenizer ? 'text' : 'table';
  }
  throw new RunnerError(
    'data',
    isFolder
      ? `${file} holds no image, no .wav file and no test_data_set_* folder.`
      : `${path.basename(file)} is of a kind that is not read: give .npz, .npy, .csv, .tsv, .jsonl, .parquet, .txt, .wav, or a folder.`,
  );
}
