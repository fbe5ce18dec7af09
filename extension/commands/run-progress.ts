/** Progress and cancel of what the runner does, as VS Code shows them. */
import { ProgressLocation, window } from 'vscode';
import type { RunOptions } from '../../src/runtime/index.ts';
import { withSignal } from '../document/abort.ts';
import { localize } from '../l10n/domain-text.ts';

/** @param also another one that may cancel it, or wants to hear how far it is */
export function withRunProgress<T>(
  title: string,
  work: (options: Required<RunOptions> & { readonly signal: AbortSignal }) => Promise<T>,
  also: RunOptions = {},
): Thenable<T> {
  return window.withProgress(
    { location: ProgressLocation.Notification, title, cancellable: true },
    (progress, token) =>
      withSignal(token, (signal) => {
        let reported = 0;
        return work({
          signal: also.signal === undefined ? signal : AbortSignal.any([signal, also.signal]),
          onProgress: ({ fraction, message }) => {
            also.onProgress?.({ fraction, message });
            progress.report({ message: localize(message), increment: 100 * (fraction - reported) });
            reported = fraction;
          },
        });
      }),
  );
}
