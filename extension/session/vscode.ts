/**
 * What the session's thread has of `vscode`, which is there in the extension host only: the words in the person's
 * language. The build puts this module in its place; anything else that is imported from it fails there.
 */
import { workerData } from 'node:worker_threads';

type Value = string | number | boolean;

/** As `vscode.l10n`. */
export const l10n = {
  /** The translations, by the English text; undefined in English. */
  bundle: bundleOf(workerData),
  t: (message: string, ...values: readonly Value[]): string =>
    (l10n.bundle?.[message] ?? message).replaceAll(/\{(\d+)\}/g, (placeholder, index) => {
      const value = values[Number(index)];
      return value === undefined ? placeholder : String(value);
    }),
};

function bundleOf(data: unknown): Readonly<Record<string, string>> | undefined {
  const isGiven = typeof data === 'object' && data !== null && 'bundle' in data;
  return isGiven ? (data.bundle as Readonly<Record<string, string>> | undefined) : undefined;
}
