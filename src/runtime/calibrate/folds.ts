/**
 * Which fold a row is of. Samples go into folds in turn, each with all of its rows: rows of one sample (places of an
 * image, tokens of a text) are alike, so that one half of them tells little about the other.
 */
import type { GramTarget } from '../../analysis/calibration.ts';

export interface FoldedBatch {
  readonly folds: number;
  /** Samples of the data, of this batch, and of the batches before it. */
  readonly samples: number;
  readonly count: number;
  readonly first: number;
}

/** @param rows of a tensor of these dims. Where there is but one sample, its rows are cut into as many pieces */
export function foldOfRow(
  dims: readonly number[],
  target: GramTarget,
  rows: number,
  { folds, samples, count, first }: FoldedBatch,
): (row: number) => number {
  if (samples === 1) return (row) => Math.floor((row * folds) / rows);
  const axis = sampleAxis(dims, target, count);
  const size = dims[axis] ?? 1;
  const before = dims.slice(0, axis).reduce((a, b) => a * b, 1);
  const each = rows / (before * size);
  const used = Math.min(folds, samples);
  return (row) => {
    const place = Math.floor(row / each) % size;
    return (first + (size > count ? Math.floor((place * count) / size) : place)) % used;
  };
}

/** Behind the turns, where there are any; else the first axis of as many, or of a multiple: heads may lie in there, too. */
function sampleAxis(dims: readonly number[], target: GramTarget, count: number): number {
  if (target.kind === 'patches') return target.turns ?? 0;
  const before = dims.slice(0, -1);
  const found = [before.indexOf(count), before.findIndex((d) => d % count === 0)];
  return found.find((axis) => axis >= 0) ?? 0;
}
