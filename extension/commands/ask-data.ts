/** Which samples a model is run on: those beside it, random ones, or others; then what the model will get of them. */
import path from 'node:path';
import { l10n, Uri, window, type QuickPickItem } from 'vscode';
import type { DataSpec } from '../../src/runtime/index.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { settings } from '../settings.ts';
import { askPlace } from './ask-place.ts';

/** More tell little more of how far the outputs move. */
const randomSamples = 64;

export function randomData(): DataSpec {
  return { kind: 'random', seed: 0, samples: randomSamples };
}

interface Choice extends QuickPickItem {
  readonly choose: () => Promise<DataSpec | undefined>;
}

/** undefined where the person gave up. */
export function askData(document: OnnxDocument): Promise<DataSpec | undefined> {
  return askPlace<DataSpec>(document, {
    title: l10n.t('Run on which data?'),
    pickTitle: l10n.t('Data to run the model on'),
    randomDetail: l10n.t('Tells how far the outputs move, not how good they are'),
    random: randomData,
    at: (uri) => dataAt(document, uri),
  });
}

async function dataAt(document: OnnxDocument, uri: Uri): Promise<DataSpec | undefined> {
  const { dataSpecOf } = await import('../../src/runtime/index.ts');
  const found = await dataSpecOf(uri.fsPath, settings.checkSamples, path.dirname(document.uri.fsPath));
  return found.kind === 'table' ? askTokenizer(document, found) : found;
}

/** A table beside no tokenizer may still be text, where the model takes tokens. */
async function askTokenizer(
  document: OnnxDocument,
  table: Extract<DataSpec, { kind: 'table' }>,
): Promise<DataSpec | undefined> {
  const isLines = path.extname(table.path).toLowerCase() === '.txt';
  if (!isLines && !(await document.ask('takesTokens'))) return table;
  const columns: Choice = { label: l10n.t('Columns of numbers'), choose: () => Promise.resolve(table) };
  const text: Choice = {
    label: l10n.t('Text, with a tokenizer.json…'),
    detail: l10n.t('As Hugging Face keeps it beside the model'),
    choose: async () => {
      const chosen = await window.showOpenDialog({
        title: 'tokenizer.json',
        defaultUri: Uri.joinPath(document.uri, '..'),
        filters: { 'tokenizer.json': ['json'] },
      });
      const tokenizer = chosen?.[0]?.fsPath;
      return tokenizer === undefined ? undefined : { ...table, kind: 'text', tokenizer };
    },
  };
  const chosen = await window.showQuickPick(isLines ? [text] : [text, columns], {
    title: l10n.t('What does {0} hold?', path.basename(table.path)),
  });
  return chosen?.choose();
}
