/** The questions of "Check Accuracy…": against what, which batch sizes, where, on what data. */
import path from 'node:path';
import { l10n, Uri, window, type QuickPickItem } from 'vscode';
import type { DataSpec } from '../../src/runtime/index.ts';
import { givenBoxes } from './ask-boxes.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import type { Services } from '../services.ts';
import { isEpName, settings } from '../settings.ts';
import { askData, randomData } from './ask-data.ts';
import { askEp } from './ask-ep.ts';
import { confirmData } from './ask-preview.ts';
import type { CheckPlan } from './check.ts';
import { askBatchSizes } from './estimate.ts';

/**
 * For other extensions and keybindings: `{ "batchSizes": [1, 8], "ep": "cpu", "data": "/path/x.npz" }` asks nothing; of
 * images `labels` is a path, and `boxes` as {@link BoxOutputs}.
 * @throws RunnerError 'data' where nothing at that path is known
 */
export async function givenCheck(document: OnnxDocument, given: unknown): Promise<CheckPlan | undefined> {
  if (typeof given !== 'object' || given === null || !('batchSizes' in given) || !('ep' in given))
    return undefined;
  const { batchSizes, ep } = given;
  const isList = Array.isArray(batchSizes) && batchSizes.every((n) => Number.isSafeInteger(n) && n >= 1);
  if (!isList || typeof ep !== 'string' || !isEpName(ep)) return undefined;
  const file = 'data' in given && typeof given.data === 'string' ? given.data : undefined;
  const folder = path.dirname(document.uri.fsPath);
  const data =
    file === undefined
      ? randomData()
      : withGiven(await dataIn(path.resolve(folder, file), folder), given, folder);
  return { batchSizes: batchSizes as number[], ep, data };
}

async function dataIn(file: string, modelFolder: string): Promise<DataSpec> {
  const { dataSpecOf } = await import('../../src/runtime/index.ts');
  return dataSpecOf(file, settings.checkSamples, modelFolder);
}

/** Labels of images and where a detector's boxes are, where the caller says. */
function withGiven(data: DataSpec, given: object, folder: string): DataSpec {
  if (data.kind !== 'images') return data;
  const labels = 'labels' in given && typeof given.labels === 'string' ? given.labels : undefined;
  return {
    ...data,
    ...(labels === undefined ? {} : { labels: path.resolve(folder, labels) }),
    ...('boxes' in given ? { boxes: givenBoxes(given.boxes) } : {}),
  };
}

export async function askCheck(services: Services, document: OnnxDocument): Promise<CheckPlan | undefined> {
  const against = document.hasEdits ? { uri: undefined } : await askAgainst(document);
  if (against === undefined) return undefined;
  const data = await askConfirmedData(services, document);
  if (data === undefined) return undefined;
  const batchSizes = await askBatchSizes(l10n.t('Run at which batch sizes?'));
  if (batchSizes === undefined) return undefined;
  const ep = await askEp(services, document);
  if (ep === undefined) return undefined;
  return { batchSizes, ep, data: enoughFor(data, batchSizes), against: against.uri };
}

/** Where and on what: for runs that have no batch sizes. */
export async function askRun(services: Services, document: OnnxDocument): Promise<CheckPlan | undefined> {
  const data = await askConfirmedData(services, document);
  const ep = data && (await askEp(services, document));
  return data && ep && { batchSizes: [], ep, data };
}

async function askConfirmedData(services: Services, document: OnnxDocument): Promise<DataSpec | undefined> {
  const chosen = await askData(document);
  return chosen && confirmData(services, document, chosen);
}

/** Random samples fill the largest batch at least. */
function enoughFor(data: DataSpec, batchSizes: readonly number[]): DataSpec {
  return data.kind === 'random' ? { ...data, samples: Math.max(data.samples, ...batchSizes) } : data;
}

interface Choice<T> extends QuickPickItem {
  readonly choose: () => Promise<T | undefined>;
}

/** Without edits there is nothing to compare with but another file, or the model with itself, to measure it. */
export async function askAgainst(
  document: OnnxDocument,
  { isAlone } = { isAlone: true },
): Promise<{ uri: Uri | undefined } | undefined> {
  const choices: Choice<{ uri: Uri | undefined }>[] = [
    {
      label: l10n.t('Another model…'),
      detail: l10n.t('A compressed version of this one'),
      choose: async () => {
        const uri = await pickFile(document, l10n.t('ONNX models'), ['onnx']);
        return uri === undefined ? undefined : { uri };
      },
    },
    {
      label: l10n.t('This model alone'),
      detail: l10n.t('Measures its speed, memory and accuracy'),
      choose: () => Promise.resolve({ uri: undefined }),
    },
  ];
  const chosen = await window.showQuickPick(isAlone ? choices : choices.slice(0, 1), {
    title: l10n.t('{0} has no edits. Compare it with what?', document.fileName),
  });
  return chosen?.choose();
}

async function pickFile(document: OnnxDocument, kind: string, endings: string[]): Promise<Uri | undefined> {
  const chosen = await window.showOpenDialog({
    defaultUri: Uri.joinPath(document.uri, '..'),
    filters: { [kind]: endings },
  });
  return chosen?.[0];
}
