/** "Find Largest Batch…": sizes are run until the largest within the budget is found, beside the predicted one. */
import { l10n, window } from 'vscode';
import { formatBytes } from '../../src/format.ts';
import type { LargestBatchResult } from '../../src/runtime/index.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { localize } from '../l10n/domain-text.ts';
import { targetModel } from '../target.ts';
import { askBudget } from './ask-budget.ts';
import { showError, type Command } from './command.ts';
import { runnableEp, withChangedModel } from './measure.ts';
import { otherDims } from './other-dims.ts';
import { withRunProgress } from './run-progress.ts';

/** What the command gives to whoever called it. */
export type FoundBatch = LargestBatchResult & { readonly predicted: number | undefined };

/** For other extensions: `{ "budgetBytes": 8589934592, "maxBatch": 64 }` asks nothing. */
export const findLargestBatch: Command = {
  id: 'vramLens.findLargestBatch',
  run: async (services, argument, given) => {
    const uri = await targetModel(argument);
    if (uri === undefined) return undefined;
    // refused here already where the workspace is not trusted
    const runner = await services.runner.runner();
    return services.documents.use(uri, async (document): Promise<FoundBatch | undefined> => {
      if (document.batchSymbols.length === 0)
        throw new Error(l10n.t('{0} has no batch dimension that could be chosen.', document.fileName));
      const budgetBytes = numberIn(given, 'budgetBytes') ?? (await askBudget(services.devices))?.bytes;
      const ep = budgetBytes === undefined ? undefined : await runnableEp(services, document);
      if (budgetBytes === undefined || ep === undefined) return undefined;
      const { optimization } = document.options;
      const result = await withRunProgress(
        l10n.t('Finding the largest batch of {0}', document.fileName),
        (options) =>
          withChangedModel(document, options.signal, (model) =>
            runner.findLargestBatch(
              {
                ...{ model, ep, budgetBytes, optimization },
                ...otherDims(document),
                maxBatch: numberIn(given, 'maxBatch'),
              },
              options,
            ),
          ),
      );
      const predicted = await document.ask('largestBatchOn', ep, budgetBytes);
      void tell(document, budgetBytes, result, predicted).catch(showError);
      return { ...result, predicted };
    });
  },
};

function numberIn(given: unknown, key: 'budgetBytes' | 'maxBatch'): number | undefined {
  const value: unknown =
    typeof given === 'object' && given !== null ? (given as Record<string, unknown>)[key] : undefined;
  return typeof value === 'number' && value > 0 ? value : undefined;
}

async function tell(
  document: OnnxDocument,
  budgetBytes: number,
  result: LargestBatchResult,
  predicted: number | undefined,
): Promise<void> {
  const { batchSize, peakBytes, peakSource, limit, trials } = result;
  const budget = formatBytes(budgetBytes);
  if (batchSize === 0) {
    const why = trials[0]?.error;
    const text = l10n.t('Not even batch 1 of {0} runs within {1}.', document.fileName, budget);
    await window.showWarningMessage(why === undefined ? text : `${text} ${localize(why)}`);
    return;
  }
  const measured = l10n.t(
    'Largest batch measured within {0}: {1}, peak {2} ({3}).',
    budget,
    limit === 'maxBatch' ? `≥ ${batchSize}` : String(batchSize),
    peakBytes === undefined ? l10n.t('unknown') : formatBytes(peakBytes),
    localize(peakSource ?? ''),
  );
  const beside = predicted === undefined ? '' : ` ${l10n.t('Predicted: {0}.', predicted)}`;
  const use = l10n.t('Use Batch {0}', batchSize);
  const chosen = await window.showInformationMessage(measured + beside, use);
  if (chosen === use)
    document.setDims(Object.fromEntries(document.batchSymbols.map((symbol) => [symbol, batchSize])));
}
