/** From the sensitivity of layers: what each can lose, so that the model keeps within a loss. */
import { l10n } from 'vscode';
import type { FittedRatiosView } from '../../src/protocol.ts';
import { withSignal } from '../document/abort.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { targetModel } from '../target.ts';
import type { Command } from './command.ts';
import type { MeasuredSensitivity } from './measured-sensitivity.ts';
import { dimsOf, lastSensitivity, withOriginal, withProgress, type Run } from './sensitivity.ts';

/** The loss, 0..1, is given by our page. Undefined where it was cancelled. */
export const fitRatios: Command = {
  id: 'vramLens.sensitivity.fit',
  run: async (services, argument, maxLoss) => {
    const uri = await targetModel(argument);
    if (uri === undefined || typeof maxLoss !== 'number' || !(maxLoss >= 0)) return undefined;
    const runner = await services.runner.options();
    return services.documents.use(uri, (document) => {
      const last = lastSensitivity(document);
      if (last === undefined) throw new Error(l10n.t('Measure the sensitivity of the layers first.'));
      return fit(document, last.measured, { ...last.run, runner }, maxLoss);
    });
  },
};

async function fit(
  document: OnnxDocument,
  measured: MeasuredSensitivity,
  run: Run,
  maxLoss: number,
): Promise<FittedRatiosView> {
  const { measure, original } = measured.view();
  if (original === undefined) throw new Error(l10n.t('Measure the sensitivity of the layers first.'));
  const title = l10n.t('Looking for what each layer of {0} can lose', document.fileName);
  return withProgress(title, (progress, token) =>
    withSignal(token, (signal) =>
      withOriginal(document, run.data, signal, (modelPath) =>
        document.run(
          'fitRatios',
          [
            {
              ...{ ...run, isOnDisk: document.isOriginalOnDisk, modelPath, options: measured.options },
              ...{ curves: measured.curves, measure, original, maxLoss },
              ...dimsOf(document),
            },
          ],
          {
            signal,
            onProgress: ({ done, total, value }) => {
              if (value === undefined) return;
              const figure = measure === 'accuracy' ? `${(100 * value).toFixed(1)} %` : value.toFixed(3);
              progress.report({ increment: 100 / total, message: `${done} / ${total}: ${figure}` });
            },
          },
        ),
      ),
    ),
  );
}
