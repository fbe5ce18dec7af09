/** What a language model may ask in chat: the memory of a model at batch sizes, and what fits. Changes nothing. */
import {
  l10n,
  LanguageModelTextPart,
  LanguageModelToolResult,
  Uri,
  workspace,
  type LanguageModelTool,
} from 'vscode';
import { estimateMarkdown } from '../commands/show-estimate.ts';
import type { Services } from '../services.ts';

/** As `languageModelTools` in package.json describes it. */
interface Input {
  /** Path of the .onnx file, absolute or relative to the workspace. */
  readonly path: string;
  readonly batchSizes?: readonly number[];
  readonly budgetBytes?: number;
}

/** Enough to see what weighs; a model of thousands of layers would flood the conversation. */
const shownLayers = 20;

export function estimateTool({ documents }: Services): LanguageModelTool<Input> {
  return {
    prepareInvocation: ({ input }) => ({
      invocationMessage: l10n.t('Estimating the memory of {0}', input.path),
    }),
    invoke: async ({ input }) => {
      const text = await documents.use(modelUri(input.path), async (document) => {
        const batchSizes = input.batchSizes ?? [1, 8, 32];
        const question = { batchSizes, budgetBytes: input.budgetBytes };
        const answer = await document.ask('estimateAnswer', question);
        const heaviest = await document.ask('heaviestLayers', shownLayers);
        return [
          estimateMarkdown(answer),
          'layer\toperator\tweight bytes\tactivation bytes at the current dims',
          ...heaviest,
        ].join('\n');
      });
      return new LanguageModelToolResult([new LanguageModelTextPart(text)]);
    },
  };
}

/** @throws Error where a relative path is given and no folder is open */
export function modelUri(path: string): Uri {
  if (/^([a-z]:)?[\\/]/i.test(path)) return Uri.file(path);
  const [folder] = workspace.workspaceFolders ?? [];
  if (folder === undefined) throw new Error(l10n.t('Open a folder, or give the absolute path of the model.'));
  return Uri.joinPath(folder.uri, path);
}
