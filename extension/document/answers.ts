/** Asks the thread about one version of a document, and lets it be written. */
import { l10n, workspace, type Uri } from 'vscode';
import type { RunnerOptions } from '../../src/runtime/index.ts';
import type { JobArgs, JobResult, QueryAnswer, QueryArgs, RunSettings } from '../session/protocol.ts';
import type { Jobs, Queries } from '../session/queries.ts';
import type { ShownOptions } from '../session/shown.ts';
import type { Base } from './base.ts';
import { calibrating } from './calibrating.ts';
import type { JobOptions } from './session-client.ts';
import type { Version } from './version.ts';
import { writeModel, type Write } from './write-model.ts';

export interface Answers {
  ask<K extends keyof Queries>(query: K, ...args: QueryArgs<K>): Promise<QueryAnswer<K>>;
  run<K extends keyof Jobs>(kind: K, args: JobArgs<K>, options?: JobOptions): Promise<JobResult<K>>;
  /**
   * Writes the changed model, after its data have run through the original where an edit looks at activations.
   * @returns what those had to say of the edits: layers that no sample comes to, say
   */
  write(target: Uri, signal?: AbortSignal): Promise<readonly string[]>;
}

/** What the answers about a version need of its document, as it is when they are asked. */
export interface AnswersContext {
  readonly fileName: string;
  readonly shown: () => { readonly isDirty: boolean; readonly options: ShownOptions };
  /** Throws where models must not be run. */
  readonly runner: () => Promise<RunnerOptions>;
  readonly isOnDisk: (base: Base) => boolean;
}

export class VersionAnswers implements Answers {
  readonly #version: Version;
  readonly #context: AnswersContext;

  constructor(version: Version, context: AnswersContext) {
    this.#version = version;
    this.#context = context;
  }

  async ask<K extends keyof Queries>(query: K, ...args: QueryArgs<K>): Promise<QueryAnswer<K>> {
    return this.#version.base.file.ask(query, this.#state(), args);
  }

  async run<K extends keyof Jobs>(kind: K, args: JobArgs<K>, options?: JobOptions): Promise<JobResult<K>> {
    return this.#version.base.file.run(kind, this.#state(), args, options);
  }

  async write(target: Uri, signal?: AbortSignal): Promise<readonly string[]> {
    const needsData = await this.ask('needsCalibration');
    const settings = needsData ? await this.#runSettings() : undefined;
    const warnings =
      settings === undefined
        ? []
        : await calibrating(this.#context.fileName, this.#version.recipe, signal, (options) =>
            this.run('calibrate', [settings], options),
          );
    await this.#written(target, signal, (path, options) =>
      this.run('writeChanged', [path, settings], options),
    );
    return warnings;
  }

  /** The file as it was read, without the recipe. */
  writeOriginal(target: Uri, signal?: AbortSignal): Promise<void> {
    return this.#written(target, signal, (path, options) => this.run('writeOriginal', [path], options));
  }

  #written(target: Uri, signal: AbortSignal | undefined, write: Write): Promise<void> {
    return writeModel(write, this.#version.base.file.sizeBytes, target, signal);
  }

  #state() {
    const { fileName, shown } = this.#context;
    return { fileName, ...shown(), recipe: this.#version.recipe };
  }

  /** @throws Error in an untrusted workspace */
  async #runSettings(): Promise<RunSettings> {
    const { fileName, runner, isOnDisk } = this.#context;
    if (!workspace.isTrusted)
      throw new Error(
        l10n.t(
          'An edit of {0} looks at activations: the model has to be run on data before it is written, and models are run in trusted workspaces only. Trust this workspace, or remove that edit.',
          fileName,
        ),
      );
    return { runner: await runner(), isOnDisk: isOnDisk(this.#version.base) };
  }
}
