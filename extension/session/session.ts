/**
 * The open files and what is computed from them. Asked about a file with a recipe at some dims, it answers from what
 * it has, or computes it; nothing here is the truth about a document, and all of it can be made anew.
 */
import type { MemoryEstimate } from '../../src/analysis/index.ts';
import { learnInt8Overflows, learnWebgpuOverhead } from '../../src/machine.ts';
import { memorySource, openModel, type Model } from '../../src/onnx/index.ts';
import { RECIPE_METADATA_KEY, type Recipe } from '../../src/transforms/index.ts';
import { Base } from './base.ts';
import { Calibrations } from './calibrations.ts';
import type {
  DocumentState,
  FileToOpen,
  Job,
  JobProgress,
  OpenedFile,
  SessionApi,
  SessionHostApi,
} from './protocol.ts';
import { jobs, queries, type Jobs, type Queries } from './queries.ts';
import type { Shown } from './shown.ts';
import { Snapshot } from './snapshot.ts';

/** Undo, redo and a preview that is then applied find theirs; more would hold much for little. */
const keptSnapshots = 4;

interface Open {
  readonly base: Base;
  /** By recipe, the latest last. */
  readonly snapshots: Map<string, Snapshot>;
  readonly calibrations: Calibrations;
}

export class Session implements SessionApi {
  readonly #host: SessionHostApi;
  readonly #open = new Map<number, Open>();
  readonly #jobs = new Map<number, AbortController>();
  #nextFile = 1;

  constructor(host: SessionHostApi) {
    this.#host = host;
  }

  async open(file: FileToOpen): Promise<OpenedFile> {
    const base = new Base(await this.#read(file));
    try {
      // what it throws belongs on the page that says why the file cannot be shown
      const { symbols } = base.analysis();
      const id = this.#nextFile++;
      this.#open.set(id, { base, snapshots: new Map(), calibrations: new Calibrations() });
      return {
        id,
        sizeBytes: base.sizeBytes,
        isCompressed: base.model.metadata.some((m) => m.key === RECIPE_METADATA_KEY),
        batchSymbols: symbols.filter((s) => s.isBatch).map((s) => s.name),
      };
    } catch (error) {
      await base.close();
      throw error;
    }
  }

  async #read({ name, path }: FileToOpen): Promise<Model> {
    if (path !== undefined) return openModel(path);
    const source = async (sibling?: string) =>
      memorySource(sibling ?? name, await this.#host.read(name, sibling));
    return openModel(await source(), { openExternal: source });
  }

  learnInt8Overflows(overflows: boolean): Promise<void> {
    learnInt8Overflows(overflows);
    return Promise.resolve();
  }

  learnWebgpuOverhead(bytes: number): Promise<void> {
    learnWebgpuOverhead(bytes);
    return Promise.resolve();
  }

  async close(file: number): Promise<void> {
    const open = this.#open.get(file);
    this.#open.delete(file);
    open?.calibrations.dispose();
    await open?.base.close();
  }

  ask(query: keyof Queries, state: DocumentState, args: unknown): Promise<unknown> {
    const answer = queries[query] as (shown: Shown, ...args: readonly unknown[]) => unknown;
    return new Promise((resolve) => resolve(answer(this.#shown(state), ...(args as readonly unknown[]))));
  }

  async run(kind: keyof Jobs, job: number, state: DocumentState, args: unknown): Promise<unknown> {
    const controller = new AbortController();
    this.#jobs.set(job, controller);
    const handle: Job = {
      signal: controller.signal,
      report: (progress) => this.#report(job, progress),
    };
    const work = jobs[kind] as (shown: Shown, job: Job, ...args: readonly unknown[]) => Promise<unknown>;
    try {
      return await work(this.#shown(state), handle, ...(args as readonly unknown[]));
    } finally {
      this.#jobs.delete(job);
    }
  }

  cancel(job: number): Promise<void> {
    this.#jobs.get(job)?.abort();
    return Promise.resolve();
  }

  #report(job: number, progress: JobProgress): void {
    // whoever listened is gone
    this.#host.progress(job, progress).catch(() => undefined);
  }

  #shown(state: DocumentState): Shown {
    const open = this.#open.get(state.file);
    if (open === undefined) throw new Error(`${state.fileName} is not open any more`);
    return new StateShown(state, open);
  }
}

/** One state of a document, computed as far as it is looked at. */
class StateShown implements Shown {
  readonly fileName: string;
  readonly isDirty: boolean;
  readonly snapshot: Snapshot;
  readonly options: DocumentState['options'];
  readonly calibrations: Calibrations;
  readonly #open: Open;

  constructor({ fileName, isDirty, options, recipe }: DocumentState, open: Open) {
    this.fileName = fileName;
    this.isDirty = isDirty;
    this.options = options;
    this.calibrations = open.calibrations;
    this.#open = open;
    this.snapshot = snapshotOf(open, recipe);
  }

  get estimate(): MemoryEstimate {
    return this.snapshot.estimate(this.options);
  }

  get estimateBefore(): MemoryEstimate {
    return this.snapshot.estimateBefore(this.options);
  }

  readonly preview: Shown['preview'] = (edits, calibration) => {
    const { recipe } = this.snapshot;
    const data = calibration === undefined ? {} : { calibration };
    return snapshotOf(this.#open, { ...recipe, ...data, edits: [...recipe.edits, ...edits] });
  };
}

function snapshotOf({ base, snapshots }: Open, recipe: Recipe): Snapshot {
  const key = JSON.stringify(recipe);
  // of nearly the same model: its analysis is used again where it still holds
  const previous = [...snapshots.values()].at(-1);
  const snapshot = snapshots.get(key) ?? new Snapshot(base, recipe, previous);
  snapshots.delete(key);
  snapshots.set(key, snapshot);
  for (const oldest of [...snapshots.keys()].slice(0, -keptSnapshots)) snapshots.delete(oldest);
  return snapshot;
}
