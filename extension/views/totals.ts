/** The sums over the model as the page shows them. */
import { l10n } from 'vscode';
import type { Certainty, Figure, MemoryEstimate } from '../../src/analysis/index.ts';
import type { TotalsView } from '../../src/protocol.ts';
import { localize } from '../l10n/domain-text.ts';

export function totalsView(estimate: MemoryEstimate): TotalsView {
  return {
    parameterCount: estimate.parameterCount,
    parameterBytes: estimate.parameterBytes,
    deviceWeightsBytes: weightBytes(estimate),
    peakActivationBytes: estimate.peakActivation.bytes,
    workspaceBytes: estimate.workspace.bytes,
    ...(estimate.keptBuffers && { keptBuffersBytes: estimate.keptBuffers.bytes }),
    overheadBytes: estimate.overhead.bytes,
    totalPeakBytes: estimate.heldPeak.bytes,
    notes: totalsNotes(estimate),
    atLeast: estimate.heldPeak.certainty === 'atLeast',
  };
}

/** All weights that are held, wherever; undefined where a term is unknown. */
export function weightBytes({ deviceWeights, weightsBeside }: MemoryEstimate): number | undefined {
  const [inside, beside] = [deviceWeights.bytes, weightsBeside.bytes];
  return inside === undefined || beside === undefined ? undefined : inside + beside;
}

/** One line per figure: how far it may be trusted, and why. */
export function totalsNotes(estimate: MemoryEstimate): string[] {
  const figures: readonly (readonly [string, Figure])[] = [
    [l10n.t('Weights on the device'), estimate.deviceWeights],
    ...(estimate.weightsBeside.bytes === 0
      ? []
      : [[l10n.t('Weights beside'), estimate.weightsBeside] as const]),
    [l10n.t('Activations at the peak'), estimate.peakActivation],
    [l10n.t('Workspace'), estimate.workspace],
    ...(estimate.keptBuffers === undefined
      ? []
      : [[l10n.t('Buffers kept for reuse'), estimate.keptBuffers] as const]),
    [l10n.t('Overhead'), estimate.overhead],
    [l10n.t('Peak in all'), estimate.heldPeak],
    [l10n.t('Of it the provider reports'), estimate.totalPeak],
  ];
  return figures.map(([label, figure]) => {
    const certainty = certaintyText(figure.certainty);
    return figure.note === undefined || figure.note === ''
      ? l10n.t('{0}: {1}', label, certainty)
      : l10n.t('{0}: {1}; {2}', label, certainty, localize(figure.note));
  });
}

function certaintyText(certainty: Certainty): string {
  switch (certainty) {
    case 'exact':
      return l10n.t('exact');
    case 'estimate':
      return l10n.t('an estimate');
    case 'atLeast':
      return l10n.t('at least: a term is unknown');
    case 'bound':
      return l10n.t('an upper bound');
    case 'unknown':
      return l10n.t('unknown');
  }
}
