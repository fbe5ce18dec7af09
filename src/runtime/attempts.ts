/** How a run is tried: at half the batch where memory does not suffice, with the GPU's memory watched. */
import type { EpName } from '../analysis/types.ts';
import { RunnerError } from './failure.ts';
import { GpuSampler } from './nvidia.ts';
import type { GpuPeak } from './sweep.ts';

/** `task` at `batchSize`, and at half of it as long as memory does not suffice. */
export async function halvedOnOutOfMemory<T>(
  batchSize: number,
  task: (batchSize: number) => Promise<T>,
): Promise<T> {
  for (let size = batchSize; ; size = Math.ceil(size / 2)) {
    try {
      return await task(size);
    } catch (error) {
      if (!(error instanceof RunnerError) || error.kind !== 'out-of-memory' || size <= 1) throw error;
    }
  }
}

/** A run with its process's GPU memory watched, on EPs that use a GPU. */
export async function measured<T>(
  ep: EpName,
  launch: (onStart: (pid: number) => void) => Promise<T>,
): Promise<{ result: T; gpu: GpuPeak | undefined }> {
  if (ep === 'cpu') return { result: await launch(() => undefined), gpu: undefined };
  let pid: number | undefined;
  const sampler = new GpuSampler(() => pid);
  try {
    await sampler.ready();
    const result = await launch((started) => (pid = started));
    return { result, gpu: sampler.stop() };
  } finally {
    sampler.stop();
  }
}
