/** The batch that figures hold for, e.g. ` @ batch 8`; empty for a model without a batch dim. */
import { l10n } from 'vscode';
import type { Shown } from '../session/shown.ts';

export function batchText(document: Shown): string {
  const { dims } = document.estimate;
  const sizes = document.snapshot
    .analysis()
    .symbols.filter((s) => s.isBatch)
    .map((s) => dims[s.name] ?? s.defaultValue);
  return sizes.length === 0 ? '' : l10n.t(' @ batch {0}', [...new Set(sizes)].join('/'));
}
