/** Where kernels run: in worker threads where the bundle has them, else right here. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { availableParallelism } from 'node:os';
import { kernels, type KernelArgs, type KernelName, type KernelResult } from './kernels/index.ts';
import { WorkerPool } from './worker/pool.ts';

/** Runs kernels, several at once where there are threads. */
export interface Executor {
  /** How many kernels run at once. */
  readonly threads: number;
  /** How many kernels may usefully be asked for at once. */
  readonly parallel: number;
  readonly run: <K extends KernelName>(name: K, args: KernelArgs<K>) => Promise<KernelResult<K>>;
  /** Starts threads ahead of the first kernel. */
  readonly warmUp: () => void;
}

/** Runs each kernel at once, in this thread. */
export const inThread: Executor = {
  threads: 1,
  parallel: 1,
  run: (name, args) => {
    // the table pairs each name with its own arguments; TypeScript cannot follow that through an index
    const kernel = kernels[name] as (a: typeof args) => KernelResult<typeof name>;
    return Promise.resolve(kernel(args));
  },
  warmUp: () => undefined,
};

/** More threads than this wait for the disk. */
const MAX_THREADS = 8;
const WORKER_FILE = 'transforms-worker.cjs';

let current: Executor | undefined;

/** The executor of this process: threads if the worker's bundle lies beside this one. */
export function executor(): Executor {
  current ??= defaultExecutor();
  return current;
}

/** Makes `next` the executor of this process (tests, measurements); undefined: the default again. */
export function setExecutor(next: Executor | undefined): void {
  current = next;
}

function defaultExecutor(): Executor {
  const file = path.join(import.meta.dirname, WORKER_FILE);
  return existsSync(file) ? new WorkerPool(file, Math.min(MAX_THREADS, availableParallelism())) : inThread;
}
