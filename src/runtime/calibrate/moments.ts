/** Second moments of a changed model's values with the original's, as they lie on disk. */
import { open } from 'node:fs/promises';
import path from 'node:path';
import type { FoldMoments, Moments } from '../../analysis/calibration.ts';
import { bytesOf } from '../data/dtype.ts';
import { RunnerError } from '../failure.ts';

/** In `file` of the scratch folder: of each fold `inputs`, then `outputs`, float32. */
export interface CollectedMoments {
  /** Of each fold. */
  readonly rows: readonly number[];
  readonly groups: number;
  readonly size: number;
  /** Of all groups together. */
  readonly channels: number;
  readonly file: string;
}

/** As {@link FoldMoments}, but sums. */
export interface FoldSums {
  readonly rows: number;
  readonly inputs: Float32Array;
  readonly outputs: Float32Array;
}

export async function writeMoments(
  folds: readonly FoldSums[],
  { file }: CollectedMoments,
  scratch: string,
): Promise<void> {
  const handle = await open(path.join(scratch, file), 'w');
  try {
    for (const { rows, inputs, outputs } of folds)
      for (const sums of [inputs, outputs])
        await handle.writeFile(bytesOf(sums.map((s) => s / Math.max(1, rows))));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RunnerError('data', `The second moments cannot be kept in ${scratch}: ${why}.`, { cause });
  } finally {
    await handle.close();
  }
}

export async function readMoments(
  { rows, groups, size, channels, file }: CollectedMoments,
  scratch: string,
): Promise<Moments> {
  const folds: FoldMoments[] = [];
  const handle = await open(path.join(scratch, file));
  try {
    let at = 0;
    for (const own of rows) {
      const inputs = new Float32Array(groups * (size + 1) ** 2);
      const outputs = new Float32Array((size + 1) * channels);
      for (const part of [inputs, outputs]) {
        const { bytesRead } = await handle.read(part, 0, part.byteLength, at);
        if (bytesRead < part.byteLength)
          throw new RunnerError('internal', 'Second moments were cut short on disk.');
        at += bytesRead;
      }
      folds.push({ rows: own, inputs, outputs });
    }
  } finally {
    await handle.close();
  }
  return { groups, size, folds };
}
