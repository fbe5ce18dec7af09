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

const TOKENIZER = 'tokenizer.json';

/**
 * A file or folder as data, of the kind that its name and content tell. Tables and lines of text go through the
 * `tokenizer.json` beside them or beside the model, where there is one.
 * @param limit use at most so many samples
 * @throws RunnerError 'data' where nothing at `file` is known
 */
export async function dataSpecOf(file: string, limit: number, modelFolder: string): Promise<DataSpec> {
  const beside = [path.dirname(file), modelFolder].map((folder) => path.join(folder, TOKENIZER));
  const found = await Promise.all(beside.map(isFile));
  const tokenizer = beside.find((_, i) => found[i] === true);
  const kind = await guessDataKind(file, tokenizer !== undefined);
  if (kind !== 'text') return { kind, path: file, limit };
  if (tokenizer === undefined) {
    throw new RunnerError('data', `${file} is text, which needs a ${TOKENIZER} beside it or the model.`);
  }
  return { kind, path: file, limit, tokenizer };
}

function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
}
