/** Second moments of a changed model's values with the original's, as they lie on disk. */
import { open } from 'node:fs/promises';
import path from 'node:path';
import type { Moments } from '../../analysis/calibration.ts';
import { bytesOf } from '../data/dtype.ts';
import { RunnerError } from '../failure.ts';

/** In `file` of the scratch folder: `inputs`, then `outputs`, float32. */
export interface CollectedMoments {
  readonly rows: number;
  readonly groups: number;
  readonly size: number;
  /** Of all groups together. */
  readonly channels: number;
  readonly file: string;
}

/** `sum` is [groups, size + 1, size + 1 + channels / groups]: what both matrices have in one. */
export async function writeMoments(
  sum: Float32Array,
  { rows, groups, size, channels, file }: CollectedMoments,
  scratch: string,
): Promise<void> {
  const each = channels / groups;
  const columns = size + 1 + each;
  const inputs = new Float32Array(groups * (size + 1) ** 2);
  const outputs = new Float32Array((size + 1) * channels);
  for (let i = 0; i < groups * (size + 1); i++) {
    for (let k = 0; k <= size; k++) inputs[i * (size + 1) + k] = (sum[i * columns + k] ?? 0) / rows;
    for (let c = 0; c < each; c++) outputs[i * each + c] = (sum[i * columns + size + 1 + c] ?? 0) / rows;
  }
  const handle = await open(path.join(scratch, file), 'w');
  try {
    await handle.writeFile(bytesOf(inputs));
    await handle.writeFile(bytesOf(outputs));
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
  const inputs = new Float32Array(groups * (size + 1) ** 2);
  const outputs = new Float32Array((size + 1) * channels);
  const handle = await open(path.join(scratch, file));
  try {
    for (const [part, at] of [[inputs, 0] as const, [outputs, inputs.byteLength] as const]) {
      const { bytesRead } = await handle.read(part, 0, part.byteLength, at);
      if (bytesRead < part.byteLength)
        throw new RunnerError('internal', 'Second moments were cut short on disk.');
    }
  } finally {
    await handle.close();
  }
  return { rows, groups, size, inputs, outputs };
}
