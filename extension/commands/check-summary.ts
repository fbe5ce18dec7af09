/** A check in one sentence: the message that appears when it is done. */
import { l10n } from 'vscode';
import { formatPercent } from '../../src/format.ts';
import type { BatchResult, CheckReport } from '../../src/runtime/index.ts';
import { localize } from '../l10n/domain-text.ts';

export function checkSummary(report: CheckReport): { readonly message: string; readonly isGood: boolean } {
  const done = report.batches.filter((b) => b.error === undefined);
  const [first] = done;
  if (first === undefined) {
    const why = localize(report.batches[0]?.error ?? '');
    return { message: l10n.t('No batch size could be run. {0}', why), isGood: false };
  }
  const failed = report.batches.length - done.length;
  const parts = [
    accuracyText(first),
    agreementText(first),
    latencyText(done),
    failed === 0 ? undefined : l10n.t('{0} batch sizes could not be run', failed),
  ].filter((p) => p !== undefined);
  return { message: l10n.t('On {0}: {1}.', report.ep, parts.join('; ')), isGood: failed === 0 };
}

function accuracyText({ original, compressed }: BatchResult): string | undefined {
  if (original?.accuracy === undefined || compressed?.accuracy === undefined) return undefined;
  const [a, b] = [formatPercent(original.accuracy), formatPercent(compressed.accuracy)];
  return l10n.t('top-1 accuracy {0} → {1}', a, b);
}

function agreementText({ outputs }: BatchResult): string | undefined {
  const [output] = outputs;
  if (output === undefined) return undefined;
  return output.top1Agreement === undefined
    ? output.cosine === undefined
      ? undefined
      : l10n.t('cosine similarity {0}', output.cosine.toFixed(5))
    : l10n.t('same answer for {0}', formatPercent(output.top1Agreement));
}

/** Of the largest batch, where speed matters most. */
function latencyText(done: readonly BatchResult[]): string | undefined {
  const last = done.at(-1);
  if (last?.original === undefined || last.compressed === undefined) return undefined;
  return l10n.t(
    '{0} ms → {1} ms at batch {2}',
    last.original.latencyP50Ms.toFixed(1),
    last.compressed.latencyP50Ms.toFixed(1),
    last.batchSize,
  );
}
