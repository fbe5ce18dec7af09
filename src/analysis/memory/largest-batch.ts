/** The largest batch of which everything held at the peak, of the first run and of later ones, is within a budget. */
import type { Analysis, EpName, MemoryEstimate, Optimization } from '../types.ts';

export interface LargestBatchOptions {
  /** Sizes of the other symbols; those of the batch are what is sought. */
  readonly dims?: Readonly<Record<string, number>>;
  readonly ep?: EpName;
  readonly optimization?: Optimization;
  readonly threads?: number;
  readonly budgetBytes: number;
}

export type LargestBatch =
  | { readonly kind: 'fits'; readonly batch: number; readonly heldPeakBytes: number }
  /** Even a batch of 1 does not fit. */
  | { readonly kind: 'too-large'; readonly heldPeakBytes: number }
  | { readonly kind: 'unknown'; readonly reason: string };

/** Past it there is no need to look: no one runs such a batch. */
const maxBatch = 2 ** 20;

/**
 * The largest batch that fits such that every smaller one fits, too, as far as doubling and halving tell. The peak
 * grows with the batch but for the arena's rounding; so the answer itself always fits and its successor does not.
 */
export function largestBatch(analysis: Analysis, options: LargestBatchOptions): LargestBatch {
  const symbols = analysis.symbols.filter((s) => s.isBatch && !s.isDerived).map((s) => s.name);
  if (symbols.length === 0)
    return { kind: 'unknown', reason: 'the model has no batch dim that can be chosen' };
  const peakAt = (batch: number): number | undefined => {
    const dims = { ...options.dims, ...Object.fromEntries(symbols.map((s) => [s, batch])) };
    const estimate = analysis.estimate({ ...options, dims, isRepeated: true });
    const { bytes } = estimate.heldPeak;
    return bytes && Math.max(bytes, laterPeakBytes(estimate) ?? 0);
  };
  const first = peakAt(1);
  if (first === undefined) return { kind: 'unknown', reason: 'the peak is not known' };
  if (first > options.budgetBytes) return { kind: 'too-large', heldPeakBytes: first };
  return search(peakAt, options.budgetBytes, first);
}

/** `heldPeak` from the second run on; undefined where the estimate does not hold it (see `repeatedPeakBytes`). */
export function laterPeakBytes({
  heldPeak,
  totalPeak,
  repeatedPeakBytes,
}: MemoryEstimate): number | undefined {
  if (repeatedPeakBytes === undefined || heldPeak.bytes === undefined || totalPeak.bytes === undefined)
    return undefined;
  return heldPeak.bytes - totalPeak.bytes + repeatedPeakBytes;
}

function search(
  peakAt: (batch: number) => number | undefined,
  budget: number,
  firstPeak: number,
): LargestBatch {
  let [fits, fitsPeak] = [1, firstPeak];
  let over = 2;
  for (let peak = peakAt(over); peak !== undefined && peak <= budget; peak = peakAt(over)) {
    [fits, fitsPeak] = [over, peak];
    if (over >= maxBatch) break;
    over *= 2;
  }
  while (over - fits > 1) {
    const middle = Math.floor((fits + over) / 2);
    const peak = peakAt(middle);
    if (peak !== undefined && peak <= budget) [fits, fitsPeak] = [middle, peak];
    else over = middle;
  }
  return { kind: 'fits', batch: fits, heldPeakBytes: fitsPeak };
}
