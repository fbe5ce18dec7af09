/** How much of each weight survives the recipe, by reading the weights: with progress, and kept with the snapshot. */
import { l10n, ProgressLocation, window } from 'vscode';
import { weightSqnr } from '../../src/transforms/index.ts';
import { withSignal } from './abort.ts';
import type { OnnxDocument } from './onnx-document.ts';

/** @throws OnnxError where a weight holds NaN or an infinity, or cannot be read; the signal's reason when cancelled */
export async function measureSqnr(document: OnnxDocument): Promise<void> {
  const { snapshot, fileName } = document;
  if (snapshot.sqnr !== undefined) return;
  const found = await window.withProgress(
    {
      location: ProgressLocation.Notification,
      title: l10n.t('Measuring the weight error of {0}', fileName),
      cancellable: true,
    },
    (progress, token) =>
      withSignal(token, (signal) => {
        let reported = 0;
        const onProgress = (done: number, total: number): void => {
          progress.report({ increment: (100 * (done - reported)) / Math.max(1, total) });
          reported = done;
        };
        return weightSqnr(snapshot.base.model, snapshot.recipe, { signal, onProgress });
      }),
  );
  document.setSqnr(snapshot, found);
}
