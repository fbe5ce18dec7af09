/** What the peak is made of, in the order it is stacked. */
import type { TotalsView } from '../../src/protocol.ts';
import type { TextKey } from '../l10n/index.ts';

export interface Cause {
  readonly id: 'weights' | 'activations' | 'workspace' | 'buffers' | 'overhead';
  readonly title: TextKey;
  readonly hint: TextKey;
  readonly bytes: (totals: TotalsView) => number | undefined;
  /** Where only some execution providers have it. */
  readonly isOf?: (totals: TotalsView) => boolean;
}

export const causes: readonly Cause[] = [
  {
    id: 'weights',
    title: 'cause.weights',
    hint: 'cause.weights.hint',
    bytes: (totals) => totals.deviceWeightsBytes,
  },
  {
    id: 'activations',
    title: 'cause.activations',
    hint: 'cause.activations.hint',
    bytes: (totals) => totals.peakActivationBytes,
  },
  {
    id: 'workspace',
    title: 'cause.workspace',
    hint: 'cause.workspace.hint',
    bytes: (totals) => totals.workspaceBytes,
  },
  {
    id: 'buffers',
    title: 'cause.buffers',
    hint: 'cause.buffers.hint',
    bytes: (totals) => totals.keptBuffersBytes,
    isOf: (totals) => totals.keptBuffersBytes !== undefined,
  },
  {
    id: 'overhead',
    title: 'cause.overhead',
    hint: 'cause.overhead.hint',
    bytes: (totals) => totals.overheadBytes,
  },
];

/** Those that the execution provider of any of these has. */
export function causesOf(...totals: readonly (TotalsView | undefined)[]): readonly Cause[] {
  return causes.filter(({ isOf }) => isOf === undefined || totals.some((t) => t !== undefined && isOf(t)));
}

/** What is known of the peak: the total, or the sum of its known terms, then marked as a lower bound. Not of an early view. */
export function peakOf(totals: TotalsView): { readonly bytes: number; readonly isAtLeast: boolean } {
  if (totals.totalPeakBytes !== undefined) return { bytes: totals.totalPeakBytes, isAtLeast: totals.atLeast };
  const known = causes.reduce((sum, cause) => sum + (cause.bytes(totals) ?? 0), 0);
  return { bytes: known, isAtLeast: true };
}
