/** Initializers that do nothing, and local functions, as the model is with its edits: problems that the edit `clean` solves. */
import { l10n } from 'vscode';
import { formatBytes } from '../../../src/format.ts';
import { inlineFunctions, knownDuplicates } from '../../../src/transforms/index.ts';
import { localize } from '../../l10n/domain-text.ts';
import { EQUAL, FUNCTIONS, HIDDEN, UNUSED } from '../../text/waste.ts';
import type { Shown } from '../shown.ts';
import type { ProblemView } from './problems.ts';

/** Less is not worth a line. */
const noteworthyBytes = 4096;

export function wasteProblems({ snapshot }: Shown): ProblemView[] {
  const { model } = snapshot;
  const hasHidden = (model.graph.shadowedInitializers ?? []).length > 0;
  const found = snapshot.analysis().diagnostics.filter(({ code }) => code === UNUSED || code === HIDDEN);
  return [
    ...found
      .filter(({ code }) => code === UNUSED || hasHidden)
      .map(({ severity, code, message }) => ({ severity, code, message: localize(message) })),
    ...equalOnes(snapshot),
    ...calledFunctions(snapshot),
  ];
}

/** Without a code, and so without a fix, where they cannot be written out. */
function calledFunctions({ base }: Shown['snapshot']): ProblemView[] {
  const { calls, reason } = inlineFunctions(base.model);
  if (calls.size === 0) return [];
  if (reason === undefined)
    return [
      {
        severity: 'info',
        code: FUNCTIONS,
        message: l10n.t(
          'Layers inside local functions cannot be pruned or quantized until these are written out; calls: {0}',
          calls.size,
        ),
      },
    ];
  return [
    {
      severity: 'info',
      message: l10n.t(
        'Layers inside local functions cannot be pruned or quantized, and these cannot be written out: {0}',
        localize(reason),
      ),
    },
  ];
}

function equalOnes({ model }: Shown['snapshot']): ProblemView[] {
  const { count, bytes } = knownDuplicates(model);
  if (bytes < noteworthyBytes) return [];
  const message = l10n.t(
    '{0} initializers are equal to others: {1} more than needed',
    count,
    formatBytes(bytes),
  );
  return [{ severity: 'info', code: EQUAL, message }];
}
