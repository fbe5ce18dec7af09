/** "Estimate Memory…": the peak per batch size, and the largest batch that fits a budget. */
import { l10n, window } from 'vscode';
import { largestBatch } from '../../src/analysis/index.ts';
import { formatBytes } from '../../src/format.ts';
import type { CacheView } from '../../src/protocol.ts';
import { parseBatchSizes } from '../budget.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { localize } from '../l10n/domain-text.ts';
import type { Services } from '../services.ts';
import { settings } from '../settings.ts';
import { targetModel } from '../target.ts';
import { weightBytes } from '../views/totals.ts';
import { cacheView } from '../views/training-view.ts';
import { askBudget } from './ask-budget.ts';
import type { Command } from './command.ts';
import { showEstimate } from './show-estimate.ts';

export interface EstimateAnswer {
  readonly file: string;
  readonly ep: string;
  readonly budgetBytes: number | undefined;
  /** One per batch size; a model without a batch dim has one, of `batch` undefined. */
  readonly rows: readonly {
    readonly batch: number | undefined;
    readonly weightBytes: number | undefined;
    readonly activationBytes: number | undefined;
    readonly totalPeakBytes: number | undefined;
    readonly isAtLeast: boolean;
  }[];
  /** Undefined without a budget. */
  readonly largest: { readonly batch: number | undefined; readonly note: string } | undefined;
  /** At the chosen dims; undefined: it is no language model with a cache. */
  readonly cache: CacheView | undefined;
}

export const estimateMemory: Command = {
  id: 'vramLens.estimate',
  run: async (services, argument, given) => {
    const uri = await targetModel(argument);
    if (uri === undefined) return undefined;
    return services.documents.use(uri, async (document) => {
      const asked = givenQuestion(given) ?? (await ask(services, document));
      if (asked === undefined) return undefined;
      const answer = estimateAnswer(document, asked);
      // whoever gave the question takes the answer
      if (givenQuestion(given) === undefined) showEstimate(services, document, answer);
      return answer;
    });
  },
};

interface Question {
  readonly batchSizes: readonly number[];
  readonly budgetBytes: number | undefined;
}

/** For other extensions and keybindings: `{ "batchSizes": [1, 8], "budgetBytes": 8589934592 }` asks nothing. */
function givenQuestion(given: unknown): Question | undefined {
  if (typeof given !== 'object' || given === null || !('batchSizes' in given)) return undefined;
  const { batchSizes } = given;
  if (!Array.isArray(batchSizes) || !batchSizes.every((n) => Number.isSafeInteger(n) && n >= 1))
    return undefined;
  const budget = 'budgetBytes' in given ? given.budgetBytes : undefined;
  return { batchSizes: batchSizes as number[], budgetBytes: typeof budget === 'number' ? budget : undefined };
}

async function ask(services: Services, document: OnnxDocument): Promise<Question | undefined> {
  const hasBatch = batchSymbols(document).length > 0;
  const batchSizes = hasBatch ? await askBatchSizes(l10n.t('Memory at which batch sizes?')) : [];
  if (batchSizes === undefined) return undefined;
  const budget = await askBudget(services.devices);
  return budget === undefined ? undefined : { batchSizes, budgetBytes: budget.bytes };
}

export async function askBatchSizes(title: string): Promise<number[] | undefined> {
  const text = await window.showInputBox({
    title,
    prompt: l10n.t('Several are separated by commas'),
    value: settings.checkBatchSizes.join(', '),
    validateInput: (t) =>
      parseBatchSizes(t) === undefined ? l10n.t('Whole numbers of at least 1, e.g. 1, 8, 32') : undefined,
  });
  return text === undefined ? undefined : parseBatchSizes(text);
}

/** Throws what opening the model threw. */
export function estimateAnswer(
  document: OnnxDocument,
  { batchSizes, budgetBytes }: Question,
): EstimateAnswer {
  const symbols = batchSymbols(document);
  const sizes = symbols.length === 0 ? [undefined] : batchSizes;
  const rows = sizes.map((batch) => {
    const dims = batch === undefined ? {} : Object.fromEntries(symbols.map((s) => [s, batch]));
    const estimate = document.snapshot
      .analysis()
      .estimate({ ...document.options, dims: { ...document.options.dims, ...dims } });
    return {
      batch,
      weightBytes: weightBytes(estimate),
      activationBytes: estimate.peakActivation.bytes,
      totalPeakBytes: estimate.heldPeak.bytes,
      isAtLeast: estimate.heldPeak.certainty === 'atLeast',
    };
  });
  const largest = budgetBytes === undefined ? undefined : largestFor(document, budgetBytes);
  const cache = cacheView(document.snapshot.analysis(), document.options.dims);
  return { file: document.fileName, ep: document.options.ep, budgetBytes, rows, largest, cache };
}

function largestFor(document: OnnxDocument, budgetBytes: number): NonNullable<EstimateAnswer['largest']> {
  const budget = formatBytes(budgetBytes);
  const found = largestBatch(document.snapshot.analysis(), { ...document.options, budgetBytes });
  switch (found.kind) {
    case 'fits': {
      const peak = formatBytes(found.heldPeakBytes);
      return {
        batch: found.batch,
        note: l10n.t('Largest batch that fits {0}: {1} (peak {2})', budget, found.batch, peak),
      };
    }
    case 'too-large': {
      const peak = formatBytes(found.heldPeakBytes);
      return { batch: undefined, note: l10n.t('No batch fits {0}: the smallest needs {1}', budget, peak) };
    }
    case 'unknown':
      return { batch: undefined, note: localize(found.reason) };
  }
}

export function batchSymbols(document: OnnxDocument): string[] {
  return document.snapshot
    .analysis()
    .symbols.filter((s) => s.isBatch)
    .map((s) => s.name);
}
