/** Runs the data of a recipe ahead of a save, in sight of the person who waits for it. */
import path from 'node:path';
import { l10n, ProgressLocation, window } from 'vscode';
import type { Recipe } from '../../src/transforms/index.ts';
import { localize } from '../l10n/domain-text.ts';
import { log } from '../log.ts';
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

/** What the data had to say of the edits: the first of it, all in the log. */
export function sayWarnings(fileName: string, warnings: readonly string[]): void {
  const said = warnings.map(localize);
  for (const text of said) log().warn(`${fileName}: ${text}`);
  const [first, ...others] = said;
  if (first === undefined) return;
  const message =
    others.length === 0
      ? l10n.t('{0}: {1}', fileName, first)
      : l10n.t('{0}: {1}; {2} more in the log', fileName, first, others.length);
  void window.showWarningMessage(message);
}
