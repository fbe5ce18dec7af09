/**
 * The thread that holds the models and computes what is shown of them, so that the extension host, which all
 * extensions share, is never kept waiting. One per window: started with the first document, ended some time after the
 * last. Where it dies (out of memory), whoever waits is told, and the next file that is opened starts another.
 */
import { Worker } from 'node:worker_threads';
import { l10n } from 'vscode';
import { createPeer, RpcError, type Peer } from '../../src/rpc.ts';
import type { Disposable } from '../disposable.ts';
import { log } from '../log.ts';
import { errorCodec } from '../session/errors.ts';
import { threadPort } from '../session/port.ts';
import type {
  DocumentState,
  FileToOpen,
  JobArgs,
  JobProgress,
  JobResult,
  OpenedFile,
  QueryAnswer,
  QueryArgs,
  SessionApi,
  SessionHostApi,
} from '../session/protocol.ts';
import type { Jobs, Queries } from '../session/queries.ts';

/** Who closes a model often opens the next. */
const lingerMs = 30_000;

export interface JobOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: JobProgress) => void) | undefined;
}

/** Reads a file that is not on local disk; `sibling`: a relative path beside it. */
type Reader = (sibling: string | undefined) => Promise<Uint8Array>;

interface Thread {
  readonly worker: Worker;
  readonly peer: Peer<SessionApi>;
  readonly files: Set<number>;
}

/** A file that the thread has open. */
export interface SessionFile extends Omit<OpenedFile, 'id'> {
  ask<K extends keyof Queries>(
    query: K,
    state: Omit<DocumentState, 'file'>,
    args: QueryArgs<K>,
  ): Promise<QueryAnswer<K>>;
  run<K extends keyof Jobs>(
    kind: K,
    state: Omit<DocumentState, 'file'>,
    args: JobArgs<K>,
    options?: JobOptions,
  ): Promise<JobResult<K>>;
  close(): Promise<void>;
}

export class SessionClient implements Disposable {
  readonly #script: string;
  readonly #progress = new Map<number, (progress: JobProgress) => void>();
  readonly #readers = new Map<string, Reader>();
  #thread: Thread | undefined;
  #ending: NodeJS.Timeout | undefined;
  #nextJob = 1;
  #int8Overflows: boolean | undefined;
  #webgpuOverheadBytes: number | undefined;

  /** @param script the bundle of session/main.ts */
  constructor(script: string) {
    this.#script = script;
  }

  /** @throws OnnxError; Error where the thread died */
  async open(file: FileToOpen, reader: Reader): Promise<SessionFile> {
    clearTimeout(this.#ending);
    const thread = (this.#thread ??= this.#start());
    this.#readers.set(file.name, reader);
    try {
      const { id, ...opened } = await settled(thread.peer.remote.open(file));
      thread.files.add(id);
      return {
        ...opened,
        ask: (query, state, args) =>
          settled(thread.peer.remote.ask(query, { ...state, file: id }, args)) as Promise<never>,
        run: (kind, state, args, options = {}) =>
          this.#run(thread, kind, { ...state, file: id }, args, options) as Promise<never>,
        close: () => this.#close(thread, id),
      };
    } finally {
      this.#readers.delete(file.name);
      this.#endLater();
    }
  }

  async #close(thread: Thread, id: number): Promise<void> {
    if (!thread.files.delete(id) || thread !== this.#thread) return;
    this.#endLater();
    await settled(thread.peer.remote.close(id));
  }

  async #run(
    { peer }: Thread,
    kind: keyof Jobs,
    state: DocumentState,
    args: unknown,
    { signal, onProgress }: JobOptions,
  ): Promise<unknown> {
    signal?.throwIfAborted();
    const job = this.#nextJob++;
    if (onProgress !== undefined) this.#progress.set(job, onProgress);
    // it ends by itself, with the error of what was cancelled
    const cancel = (): void => void peer.remote.cancel(job).catch(() => undefined);
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      return await settled(peer.remote.run(kind, job, state, args));
    } finally {
      signal?.removeEventListener('abort', cancel);
      this.#progress.delete(job);
    }
  }

  /** What was measured of the processor: for the thread that runs, and for those to come. */
  learnInt8Overflows(overflows: boolean): void {
    this.#int8Overflows = overflows;
    // one that dies tells whoever waits for it
    this.#thread?.peer.remote.learnInt8Overflows(overflows).catch(() => undefined);
  }

  /** The same of what WebGPU takes beside tensors. */
  learnWebgpuOverhead(bytes: number): void {
    this.#webgpuOverheadBytes = bytes;
    this.#thread?.peer.remote.learnWebgpuOverhead(bytes).catch(() => undefined);
  }

  #start(): Thread {
    const learned = { int8Overflows: this.#int8Overflows, webgpuOverheadBytes: this.#webgpuOverheadBytes };
    const workerData = { bundle: l10n.bundle, ...learned };
    const worker = new Worker(this.#script, { workerData });
    const local: SessionHostApi = {
      read: async (name, sibling) => {
        const reader = this.#readers.get(name);
        if (reader === undefined) throw new Error(`${name} is not being opened`);
        return reader(sibling);
      },
      progress: (job, progress) => {
        this.#progress.get(job)?.(progress);
        return Promise.resolve();
      },
    };
    const peer = createPeer<SessionHostApi, SessionApi>(threadPort(worker), local, { errors: errorCodec });
    const thread: Thread = { worker, peer, files: new Set() };
    worker.on('error', (error) => log().error('The analysis ended:', error));
    worker.on('exit', () => {
      if (this.#thread === thread) this.#thread = undefined;
      peer.dispose();
    });
    return thread;
  }

  #endLater(): void {
    clearTimeout(this.#ending);
    const thread = this.#thread;
    if (thread === undefined || thread.files.size > 0) return;
    this.#ending = setTimeout(() => {
      if (thread.files.size === 0 && thread === this.#thread) this.dispose();
    }, lingerMs);
    this.#ending.unref();
  }

  dispose(): void {
    clearTimeout(this.#ending);
    const thread = this.#thread;
    this.#thread = undefined;
    thread?.peer.dispose();
    void thread?.worker.terminate();
  }
}

/** With words for a person where the thread is gone. */
async function settled<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof RpcError) || error.kind !== 'disposed') throw error;
    const message = l10n.t('The analysis of the model ended, perhaps for want of memory. Open it again.');
    throw new Error(message, { cause: error });
  }
}
