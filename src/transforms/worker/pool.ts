/** A few threads that run kernels; they start when first needed and do not keep the process alive. */
import { Worker } from 'node:worker_threads';
import type { KernelArgs, KernelName, KernelResult } from '../kernels/index.ts';
import { sharedMemory } from '../shared-memory.ts';
import type { Done, Job, Start } from './messages.ts';
import { stage } from './stage.ts';

interface Waiting {
  readonly worker: Worker;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class WorkerPool {
  readonly parallel: number;
  readonly threads: number;
  private readonly file: string;
  private readonly workers: { readonly worker: Worker; jobs: number }[] = [];
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 0;

  constructor(file: string, threads: number) {
    this.file = file;
    this.threads = Math.max(1, threads);
    // one in work and one ready per thread
    this.parallel = 2 * this.threads;
  }

  readonly run = <K extends KernelName>(name: K, args: KernelArgs<K>): Promise<KernelResult<K>> => {
    const slot = this.idlest();
    slot.jobs++;
    // as long as jobs are open, the process lives
    slot.worker.ref();
    const id = this.nextId++;
    const staged = stage(args);
    return new Promise<unknown>((resolve, reject) => {
      this.waiting.set(id, { worker: slot.worker, resolve, reject });
      slot.worker.postMessage({ id, name, args: staged.args } satisfies Job);
    }).finally(() => {
      staged.release();
      slot.jobs--;
      if (slot.jobs === 0) slot.worker.unref();
    }) as Promise<KernelResult<K>>;
  };

  /** Starts all threads now, where work is sure to come. */
  readonly warmUp = (): void => {
    while (this.workers.length < this.threads) this.start().worker.unref();
  };

  async dispose(): Promise<void> {
    await Promise.all(this.workers.splice(0).map(({ worker }) => worker.terminate()));
  }

  private idlest(): { readonly worker: Worker; jobs: number } {
    const idle = this.workers.find((w) => w.jobs === 0);
    if (idle !== undefined) return idle;
    if (this.workers.length < this.threads) return this.start();
    return this.workers.reduce((a, b) => (b.jobs < a.jobs ? b : a));
  }

  private start() {
    const worker = new Worker(this.file, { workerData: { memory: sharedMemory.memory } satisfies Start });
    worker.on('message', (done: Done) => {
      const waiting = this.waiting.get(done.id);
      this.waiting.delete(done.id);
      if ('error' in done) waiting?.reject(new Error(`weight kernel: ${done.error}`));
      else waiting?.resolve(done.result);
    });
    worker.on('error', (error) =>
      this.lost(worker, error instanceof Error ? error : new Error(String(error))),
    );
    worker.on('exit', (code) => this.lost(worker, new Error(`weight thread ended with code ${code}`)));
    const started = { worker, jobs: 0 };
    this.workers.push(started);
    return started;
  }

  /** A thread that is gone fails its own jobs; the next job starts another. */
  private lost(worker: Worker, error: Error): void {
    const index = this.workers.findIndex((w) => w.worker === worker);
    if (index >= 0) this.workers.splice(index, 1);
    for (const [id, waiting] of this.waiting) {
      if (waiting.worker !== worker) continue;
      this.waiting.delete(id);
      waiting.reject(error);
    }
  }
}
