/** Progress and cancel of what the runner does, as VS Code shows them. */
import { ProgressLocation, window } from 'vscode';
import type { RunOptions } from '../../src/runtime/index.ts';
import { withSignal } from '../document/abort.ts';
import { localize } from '../l10n/domain-text.ts';

export function withRunProgress<T>(
  title: string,
  work: (options: Required<RunOptions> & { readonly signal: AbortSignal }) => Promise<T>,
): Thenable<T> {
  return window.withProgress(
    { location: ProgressLocation.Notification, title, cancellable: true },
    (progress, token) =>
      withSignal(token, (signal) => {
        let reported = 0;
        return work({
          signal,
          onProgress: ({ fraction, message }) => {
            progress.report({ message: localize(message), increment: 100 * (fraction - reported) });
            reported = fraction;
          },
        });
      }),
  );
}
