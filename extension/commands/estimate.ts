/** "Estimate Memory…": the peak per batch size, and the largest batch that fits a budget. */
import { l10n, window } from 'vscode';
import { parseBatchSizes } from '../budget.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import type { Services } from '../services.ts';
import { settings } from '../settings.ts';
import { targetModel } from '../target.ts';
import type { Question } from '../views/estimate-answer.ts';
import { askBudget } from './ask-budget.ts';
import type { Command } from './command.ts';
import { showEstimate } from './show-estimate.ts';

export const estimateMemory: Command = {
  id: 'vramLens.estimate',
  run: async (services, argument, given) => {
    const uri = await targetModel(argument);
    if (uri === undefined) return undefined;
    return services.documents.use(uri, async (document) => {
      const asked = givenQuestion(given) ?? (await ask(services, document));
      if (asked === undefined) return undefined;
      const answer = await document.ask('estimateAnswer', asked);
      // whoever gave the question takes the answer
      if (givenQuestion(given) === undefined) showEstimate(services, document, answer);
      return answer;
    });
  },
};

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
  const hasBatch = document.batchSymbols.length > 0;
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
