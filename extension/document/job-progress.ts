/** Progress and cancel of a job of the session, as VS Code shows them. */
import { window, type ProgressOptions } from 'vscode';
import { localize } from '../l10n/domain-text.ts';
import { withSignal } from './abort.ts';
import type { JobOptions } from './session-client.ts';

/** @param outer of whoever asked for it, beside the message's own cancel */
export function withJobProgress<T>(
  options: ProgressOptions,
  work: (options: Required<JobOptions> & { readonly signal: AbortSignal }) => Promise<T>,
  outer?: AbortSignal,
): Thenable<T> {
  return window.withProgress(options, (progress, own) => {
    let reported = 0;
    return withSignal(own, (inner) =>
      work({
        signal: outer === undefined ? inner : AbortSignal.any([outer, inner]),
        onProgress: ({ done, total, message }) => {
          const fraction = done / Math.max(1, total);
          const said = message === undefined ? {} : { message: localize(message) };
          progress.report({ ...said, increment: 100 * (fraction - reported) });
          reported = fraction;
        },
      }),
    );
  });
}
