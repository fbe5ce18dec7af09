/**
 * What the extension host and the session's thread say to each other. The host keeps what a document is: which file,
 * which recipe, which dims. The thread keeps what costs: the models, and all that is computed from them; it answers
 * for any state that it is asked about. Plain data only.
 */
import type { RunnerOptions } from '../../src/runtime/index.ts';
import type { SensitivityPoint } from '../../src/sensitivity.ts';
import type { Recipe } from '../../src/transforms/index.ts';
import type { Jobs, Queries } from './queries.ts';
import type { ShownOptions } from './shown.ts';

/** A file to open: by path on local disk, through the host everywhere else. */
export interface FileToOpen {
  /** Path or URI, for messages. */
  readonly name: string;
  readonly path: string | undefined;
}

export interface OpenedFile {
  /** Under which the thread knows it. */
  readonly id: number;
  readonly sizeBytes: number;
  /** Whether it was written by a recipe. */
  readonly isCompressed: boolean;
  /** Symbols that stand for the batch. */
  readonly batchSymbols: readonly string[];
}

/** What a question is about. */
export interface DocumentState {
  readonly file: number;
  readonly fileName: string;
  readonly recipe: Recipe;
  readonly options: ShownOptions;
  readonly isDirty: boolean;
}

/** What a job reports: `done` of `total`, in the unit of the job. */
export interface JobProgress {
  readonly done: number;
  readonly total: number;
  readonly message?: string | undefined;
  /** Of a sensitivity: what was measured. */
  readonly point?: SensitivityPoint | undefined;
  /** Of a search for ratios: what the last try came to. */
  readonly value?: number | undefined;
}

/** How a job hears that it is no longer wanted, and says how far it is. */
export interface Job {
  readonly signal: AbortSignal;
  readonly report: (progress: JobProgress) => void;
}

export interface SessionApi {
  /** @throws OnnxError */
  open(file: FileToOpen): Promise<OpenedFile>;
  close(file: number): Promise<void>;
  ask(query: keyof Queries, state: DocumentState, args: unknown): Promise<unknown>;
  /** @param job the number by which it is cancelled, and reports */
  run(kind: keyof Jobs, job: number, state: DocumentState, args: unknown): Promise<unknown>;
  cancel(job: number): Promise<void>;
  /** What was measured of the processor: see `Machine`. */
  learnInt8Overflows(overflows: boolean): Promise<void>;
  learnWebgpuOverhead(bytes: number): Promise<void>;
}

export interface SessionHostApi {
  /** Reads a file that is not on local disk; `sibling`: a path relative to its folder, of external data. */
  read(name: string, sibling: string | undefined): Promise<Uint8Array>;
  progress(job: number, progress: JobProgress): Promise<void>;
}

/** What a job that runs models needs: given anew with each, since CUDA support may be installed meanwhile. */
export interface RunSettings {
  readonly runner: RunnerOptions;
  /** Whether the file on disk is the original that the recipe is applied to. */
  readonly isOnDisk: boolean;
}

type Tail<T> = T extends readonly [unknown, ...infer Rest] ? Rest : never;
type JobTail<T> = T extends readonly [unknown, unknown, ...infer Rest] ? Rest : never;

export type QueryArgs<K extends keyof Queries> = Tail<Parameters<Queries[K]>>;
export type QueryAnswer<K extends keyof Queries> = Awaited<ReturnType<Queries[K]>>;
export type JobArgs<K extends keyof Jobs> = JobTail<Parameters<Jobs[K]>>;
export type JobResult<K extends keyof Jobs> = Awaited<ReturnType<Jobs[K]>>;
