/**
 * The largest batch that stays within a budget, found by trying: sizes are doubled until one is too large, then a line
 * through what was measured says where to look, since memory grows evenly with the batch.
 *
 *     peak(1) = 110, peak(2) = 120, budget 1000: the line says 90, which is tried, then 91
 */
import type { BatchTrial, LargestBatchRequest, LargestBatchResult } from './types.ts';

export interface Search {
  readonly budgetBytes: number;
  readonly maxBatch: number;
  /** Runs one batch size. Without `peakBytes` it could not be run for want of memory. */
  readonly attempt: (batchSize: number) => Promise<BatchTrial>;
}

export async function searchLargest(search: Search): Promise<LargestBatchResult> {
  const { budgetBytes, maxBatch } = search;
  const trials: BatchTrial[] = [];
  let fitting = 0;
  let tooLarge = maxBatch + 1;
  for (let next = 1; fitting + 1 < tooLarge; next = nextSize(trials, fitting, tooLarge, budgetBytes)) {
    const trial = await search.attempt(next);
    trials.push(trial);
    if (trial.peakBytes !== undefined && trial.peakBytes <= budgetBytes) fitting = next;
    else tooLarge = next;
  }
  const best = trials.find((t) => t.batchSize === fitting);
  return {
    batchSize: fitting,
    peakBytes: best?.peakBytes,
    peakSource: best?.peakSource ?? trials[0]?.peakSource,
    limit: fitting === maxBatch ? 'maxBatch' : 'memory',
    trials,
  };
}

/** Between the largest that fitted and the smallest that did not. */
function nextSize(
  trials: readonly BatchTrial[],
  fitting: number,
  tooLarge: number,
  budgetBytes: number,
): number {
  const measured = trials
    .flatMap(({ batchSize, peakBytes }) => (peakBytes === undefined ? [] : [{ batchSize, peakBytes }]))
    .sort((a, b) => a.batchSize - b.batchSize);
  const low = measured.findLast((m) => m.batchSize <= fitting);
  const other = measured.find((m) => m.batchSize >= tooLarge) ?? measured.findLast((m) => m !== low);
  const isBounded = trials.some((t) => t.batchSize === tooLarge);
  const doubled = Math.min(fitting * 2, tooLarge - 1);
  if (low === undefined || other === undefined) return isBounded ? middle(fitting, tooLarge) : doubled;
  const perSample = (other.peakBytes - low.peakBytes) / (other.batchSize - low.batchSize);
  const guess = low.batchSize + Math.floor((budgetBytes - low.peakBytes) / perSample);
  if (!(perSample > 0)) return isBounded ? middle(fitting, tooLarge) : doubled;
  if (isBounded) {
    // the line says nothing of sizes that fail unmeasured, nor where memory grows in steps: halving ends it
    const half = middle(fitting, tooLarge);
    if (trials.length >= patience) return half;
    const isTold = measured.some((m) => m.batchSize === tooLarge);
    return clamp(isTold ? guess : Math.min(guess, half), fitting + 1, tooLarge - 1);
  }
  // a first guess is from small sizes: not too far beyond what was seen
  return clamp(guess, Math.min(fitting + 1, tooLarge - 1), Math.min(fitting * 16, tooLarge - 1));
}

/** So many trials follow the line. */
const patience = 12;

function middle(a: number, b: number): number {
  return Math.floor((a + b) / 2);
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}

/** Node, ONNX Runtime and what its arena takes in advance, beside the budget. */
const limitSlackBytes = 1024 ** 3;

/** On the CPU a size far too large must not take the machine's memory; a GPU says no by itself. */
export function memoryLimit({
  ep,
  budgetBytes,
}: Pick<LargestBatchRequest, 'ep' | 'budgetBytes'>): number | undefined {
  return ep === 'cpu' ? 2 * budgetBytes + limitSlackBytes : undefined;
}
