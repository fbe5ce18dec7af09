/** Runs the data of a recipe ahead of a save, in sight of the person who waits for it. */
import path from 'node:path';
import { l10n, ProgressLocation } from 'vscode';
import type { Recipe } from '../../src/transforms/index.ts';
import { withJobProgress } from './job-progress.ts';
import type { JobOptions } from './session-client.ts';

export function calibrating<T>(
  fileName: string,
  { calibration }: Recipe,
  signal: AbortSignal | undefined,
  work: (options: JobOptions) => Promise<T>,
): Thenable<T> {
  const data = calibration?.path;
  const title =
    data === undefined
      ? l10n.t('Calibrating {0} on random inputs', fileName)
      : l10n.t('Calibrating {0} on {1}', fileName, path.basename(data));
  return withJobProgress({ location: ProgressLocation.Notification, title, cancellable: true }, work, signal);
}
