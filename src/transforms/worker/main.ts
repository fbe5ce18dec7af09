/** A thread of the pool: runs one kernel after the other. Bundled to dist/transforms-worker.cjs. */
import { parentPort, workerData } from 'node:worker_threads';
import { kernels } from '../kernels/index.ts';
import { sharedMemory } from '../shared-memory.ts';
import type { Done, Job, Start } from './messages.ts';

sharedMemory.join((workerData as Start).memory);

parentPort?.on('message', ({ id, name, args }: Job) => {
  const answer = (done: Done, transfer: ArrayBuffer[] = []) => parentPort?.postMessage(done, transfer);
  try {
    // the pool's `run` is typed by the same table
    const result = (kernels[name] as (a: unknown) => unknown)(args);
    answer({ id, result }, buffersIn(result));
  } catch (error) {
    answer({ id, error: error instanceof Error ? error.message : String(error) });
  }
});

/** Buffers of the typed arrays in a kernel's result: moved, not copied. */
function buffersIn(result: unknown): ArrayBuffer[] {
  const values = ArrayBuffer.isView(result) ? [result] : Object.values(result as object);
  const found = values.filter((v) => ArrayBuffer.isView(v)).map((v) => v.buffer);
  return found.filter((b) => b instanceof ArrayBuffer);
}
