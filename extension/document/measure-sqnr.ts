/** How much of each weight survives the recipe, by reading the weights: with progress. */
import { l10n, ProgressLocation } from 'vscode';
import { withJobProgress } from './job-progress.ts';
import type { OnnxDocument } from './onnx-document.ts';

/** @throws OnnxError where a weight holds NaN or an infinity, or cannot be read; the signal's reason when cancelled */
export async function measureSqnr(document: OnnxDocument): Promise<void> {
  await withJobProgress(
    {
      location: ProgressLocation.Notification,
      title: l10n.t('Measuring the weight error of {0}', document.fileName),
      cancellable: true,
    },
    (options) => document.measureSqnr(options),
  );
}
