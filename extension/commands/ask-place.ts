/** Where samples lie: beside the model, nowhere (random ones), or in a file or folder that is picked. */
import path from 'node:path';
import { FileType, l10n, Uri, window, workspace, type QuickPickItem } from 'vscode';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { fileName } from '../document/write-model.ts';

export interface PlaceQuestion<T> {
  readonly title: string;
  readonly placeHolder?: string | undefined;
  /** Title of the dialog where a file or folder is picked. */
  readonly pickTitle: string;
  /** What random inputs are good for. */
  readonly randomDetail: string;
  readonly random: () => T;
  /** What is made of a file or folder on the local disk; undefined where the person gave up. */
  readonly at: (data: Uri) => T | Promise<T | undefined>;
}

interface Choice<T> extends QuickPickItem {
  readonly choose: () => T | undefined | Promise<T | undefined>;
}

/** undefined where the person gave up. */
export async function askPlace<T>(
  document: OnnxDocument,
  question: PlaceQuestion<T>,
): Promise<T | undefined> {
  const beside = await dataBeside(document.uri);
  const pick = async (kind: 'file' | 'folder'): Promise<T | undefined> => {
    const uri = await pickPlace(document, kind, question.pickTitle);
    return uri === undefined ? undefined : question.at(uri);
  };
  const choices: Choice<T>[] = [
    ...beside.map(({ uri, isFolder }) => ({
      label: `${isFolder ? '$(folder)' : '$(file)'} ${fileName(uri)}`,
      description: l10n.t('beside the model'),
      choose: () => question.at(uri),
    })),
    { label: l10n.t('Random inputs'), detail: question.randomDetail, choose: question.random },
    {
      label: l10n.t('Another file…'),
      detail: l10n.t('.npz, .npy, .csv, .jsonl, .parquet, .txt with a tokenizer.json, .wav'),
      choose: () => pick('file'),
    },
    {
      label: l10n.t('A folder…'),
      detail: l10n.t('Images, .wav files, or test_data_set_*'),
      choose: () => pick('folder'),
    },
  ];
  const { title, placeHolder } = question;
  const chosen = await window.showQuickPick(choices, {
    title,
    ...(placeHolder === undefined ? {} : { placeHolder }),
  });
  return chosen?.choose();
}

/** @throws Error where what was picked is not on the local disk */
export async function pickPlace(
  document: OnnxDocument,
  kind: 'file' | 'folder',
  title: string,
): Promise<Uri | undefined> {
  const chosen = await window.showOpenDialog({
    title,
    defaultUri: Uri.joinPath(document.uri, '..'),
    canSelectFiles: kind === 'file',
    canSelectFolders: kind === 'folder',
  });
  const [uri] = chosen ?? [];
  if (uri !== undefined && uri.scheme !== 'file')
    throw new Error(l10n.t('Data are read from a local disk only.'));
  return uri;
}

interface Beside {
  readonly uri: Uri;
  readonly isFolder: boolean;
}

const maxBeside = 20;
const dataFile = /\.(np[yz]|csv|tsv|jsonl|ndjson|parquet|wav)$/i;
const inDataFolder = /\.(png|jpe?g|webp|wav)$|^input_0\.pb$/i;

/** Files by their endings; folders by what lies in them or one below, which is not gone through whole. */
async function dataBeside(model: Uri): Promise<readonly Beside[]> {
  if (model.scheme !== 'file') return [];
  const folder = Uri.file(path.dirname(model.fsPath));
  const entries = await workspace.fs.readDirectory(folder);
  const isDir = (type: FileType) => (type & FileType.Directory) !== 0;
  const files = entries.filter(([name, type]) => !isDir(type) && dataFile.test(name));
  const folders: Beside[] = [];
  for (const [name, type] of entries.slice(0, maxEntries)) {
    if (!isDir(type) || name.startsWith('.') || name === 'node_modules') continue;
    const uri = Uri.joinPath(folder, name);
    if (await holdsData(uri, 1)) folders.push({ uri, isFolder: true });
  }
  const found = files.map(([name]) => ({ uri: Uri.joinPath(folder, name), isFolder: false }));
  return [...found, ...folders].slice(0, maxBeside);
}

/** Of a folder, looked at. */
const maxEntries = 200;
const maxSubfolders = 3;

async function holdsData(folder: Uri, depth: number): Promise<boolean> {
  const entries = await workspace.fs.readDirectory(folder).then(
    (found) => found.slice(0, maxEntries),
    () => [],
  );
  if (entries.some(([name]) => inDataFolder.test(name))) return true;
  if (depth === 0) return false;
  const below = entries.filter(([, type]) => (type & FileType.Directory) !== 0).slice(0, maxSubfolders);
  for (const [name] of below) if (await holdsData(Uri.joinPath(folder, name), depth - 1)) return true;
  return false;
}
