/** Reads data as a run does. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { openData } from '../../../src/runtime/data/open.ts';
import type { Batch } from '../../../src/runtime/data/source.ts';
import { planInputs, type TensorInfo } from '../../../src/runtime/inputs.ts';
import { RunnerError, type DataSpec } from '../../../src/runtime/index.ts';
import { samples } from './worker-bundle.ts';
export const cnn = path.join(samples, 'fmnist_cnn.onnx');

export const info = (name: string, type: string, shape: (number | string)[]): TensorInfo => ({
  name,
  type,
  shape,
});

export async function batchesOf(
  spec: DataSpec,
  infos: readonly TensorInfo[],
  batchSize: number,
  dims: Record<string, number> = {},
): Promise<Batch[]> {
  const data = await openData(spec, planInputs(infos, { batchSize, dims }));
  const batches: Batch[] = [];
  for await (const batch of data.batches()) batches.push(batch);
  data.close();
  return batches;
}

export const isDataError = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RunnerError && error.kind === 'data', String(error));
  assert.match(error.message, pattern);
  return true;
};
