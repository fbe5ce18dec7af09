/** The largest batch that fits a budget, with the reason where there is none. */
import { l10n } from 'vscode';
import { largestBatch } from '../../src/analysis/index.ts';
import { formatBytes } from '../../src/format.ts';
import type { LargestBatchView } from '../../src/protocol.ts';
import type { Shown } from '../session/shown.ts';
import { localize } from '../l10n/domain-text.ts';

export function largestBatchView(document: Shown, budgetBytes: number): LargestBatchView {
  const answer = largestBatch(document.snapshot.analysis(), { ...document.options, budgetBytes });
  switch (answer.kind) {
    case 'fits':
      return { batch: answer.batch };
    case 'too-large':
      return {
        batch: undefined,
        note: l10n.t('Even batch 1 needs {0}.', formatBytes(answer.heldPeakBytes)),
      };
    case 'unknown':
      return { batch: undefined, note: localize(answer.reason) };
  }
}
