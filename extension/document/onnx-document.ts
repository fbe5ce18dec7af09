/**
 * An open model: source file + recipe + the dims and EP that its figures are shown for. Editors, text views and
 * commands share one document per file; every one of them shows what `onDidChange` announces.
 */
import { EventEmitter, type CancellationToken, type Uri } from 'vscode';
import type { EpName, Optimization } from '../../src/analysis/index.ts';
import { JsonText } from '../../src/json-text.ts';
import type { EstimateView } from '../../src/protocol.ts';
import type { RunnerOptions } from '../../src/runtime/index.ts';
import { removeLayers, type CalibrationData, type Edit, type Recipe } from '../../src/transforms/index.ts';
import { Owner } from '../disposable.ts';
import { log } from '../log.ts';
import type { JobArgs, JobResult, QueryAnswer, QueryArgs } from '../session/protocol.ts';
import type { Jobs, Queries } from '../session/queries.ts';
import type { ShownOptions } from '../session/shown.ts';
import { withSignal } from './abort.ts';
import { sayWarnings } from './calibrating.ts';
import { VersionAnswers, type Answers } from './answers.ts';
import type { Base } from './base.ts';
import { fileStamp, openBase } from './open-model.ts';
import type { JobOptions, SessionClient } from './session-client.ts';
import { editsAfter, emptyRecipe, openState, upToDate, type State, type Version } from './version.ts';
import { fileName } from './write-model.ts';

/** `source`: another file content, or none that can be read; `estimate`: another recipe, other dims, another EP. */
export type DocumentChange = 'source' | 'estimate';

export interface UndoableEdit {
  /** Those that were added; none where some were taken out. */
  readonly edits: readonly Edit[];
  readonly undo: () => void;
  readonly redo: () => void;
}

/** What a backup holds. */
export interface Unsaved {
  readonly recipe: Recipe;
  /** Of the file that the recipe is applied to. */
  readonly stamp: string;
  /** Undefined where that file is on disk. */
  readonly writeOriginal: ((target: Uri, signal: AbortSignal) => Promise<void>) | undefined;
}

export class OnnxDocument implements Answers {
  readonly uri: Uri;
  readonly #owner = new Owner();
  readonly #changed = this.#owner.own(new EventEmitter<DocumentChange>());
  readonly #edited = this.#owner.own(new EventEmitter<UndoableEdit>());
  readonly #defaults: DocumentDefaults;
  /** Every file content that undo may go back to. */
  readonly #bases = new Set<Base>();
  /** What many views ask at once; until the next change. */
  readonly #answers = new Map<keyof Queries, Promise<unknown>>();
  #state: State;
  /** What lies on disk. */
  #saved: Base | undefined;
  #dims: Readonly<Record<string, number>> = {};
  #ep: EpName;

  readonly onDidChange = this.#changed.event;
  /** An edit that VS Code can undo. */
  readonly onDidEdit = this.#edited.event;

  private constructor(uri: Uri, state: State, defaults: DocumentDefaults) {
    this.uri = uri;
    this.#state = state;
    this.#defaults = defaults;
    this.#ep = defaults.ep;
    if (state.kind === 'failed') return;
    const { base } = state.version;
    this.#keep(base);
    this.#saved = base;
    this.#beginWithBatch(base);
  }

  /** Never throws for a file that cannot be read: the document then is one that says why. */
  static async open(uri: Uri, defaults: DocumentDefaults): Promise<OnnxDocument> {
    return new OnnxDocument(
      uri,
      await openState(uri, defaults.sessions, (base) => emptyRecipe(uri, base)),
      defaults,
    );
  }

  get fileName(): string {
    return fileName(this.uri);
  }

  /** Why the file cannot be read, where it cannot. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#state.kind === 'failed' ? this.#state : undefined;
  }

  /** @throws what opening the file threw */
  get #version(): Version {
    if (this.#state.kind === 'failed') throw this.#state.error;
    return this.#state.version;
  }

  /** @throws what opening the file threw */
  get recipe(): Recipe {
    return this.#version.recipe;
  }

  get hasEdits(): boolean {
    return this.recipe.edits.length > 0;
  }

  /** The file that the recipe is applied to. */
  get file(): Pick<Base['file'], 'sizeBytes' | 'isCompressed'> {
    return this.#version.base.file;
  }

  /** Symbols that stand for the batch. */
  get batchSymbols(): readonly string[] {
    return this.#version.base.file.batchSymbols;
  }

  get options(): ShownOptions {
    return { dims: this.#dims, ep: this.#ep, optimization: this.#defaults.optimization };
  }

  get isDirty(): boolean {
    if (this.#state.kind === 'failed') return false;
    return this.hasEdits || this.#version.base.latest !== this.#saved;
  }

  /** Whether the file on disk is the original that the recipe is applied to: not so after an undo past a save. */
  get isOriginalOnDisk(): boolean {
    return this.#state.kind === 'open' && this.#state.version.base.latest === this.#saved;
  }

  /** Of what is shown now: a change meanwhile does not change the answer. */
  ask<K extends keyof Queries>(query: K, ...args: QueryArgs<K>): Promise<QueryAnswer<K>> {
    if (args.length > 0) return this.#current.ask(query, ...args);
    const known = this.#answers.get(query) as Promise<QueryAnswer<K>> | undefined;
    if (known !== undefined) return known;
    const answer = this.#current.ask(query, ...args);
    this.#answers.set(query, answer);
    return answer;
  }

  /** For the page alone, to which it is handed on. */
  async estimateText(): Promise<JsonText<EstimateView>> {
    return new JsonText(await this.ask('estimateText'));
  }

  run<K extends keyof Jobs>(kind: K, args: JobArgs<K>, options?: JobOptions): Promise<JobResult<K>> {
    return this.#current.run(kind, args, options);
  }

  write(target: Uri, signal?: AbortSignal): Promise<readonly string[]> {
    return this.#current.write(target, signal);
  }

  /** The file as it was read, without the recipe. */
  writeOriginal(target: Uri, signal?: AbortSignal): Promise<void> {
    return this.#current.writeOriginal(target, signal);
  }

  /** What is not saved now, however the document goes on while it is written elsewhere. */
  get unsaved(): Unsaved {
    const { base, recipe } = this.#version;
    const answers = this.#current;
    return {
      recipe,
      stamp: base.stamp,
      writeOriginal: this.isOriginalOnDisk
        ? undefined
        : (target, signal) => answers.writeOriginal(target, signal),
    };
  }

  /** The same file under another recipe, which is shown nowhere. */
  under(edits: readonly Edit[], calibration: CalibrationData | undefined): Answers {
    const { base, recipe } = this.#version;
    return this.#answersOf({ base, recipe: { ...recipe, calibration, edits } });
  }

  /** @throws what opening the file threw */
  get #current(): VersionAnswers {
    return this.#answersOf(this.#version);
  }

  #answersOf(version: Version): VersionAnswers {
    return new VersionAnswers(version, {
      fileName: this.fileName,
      shown: () => ({ isDirty: this.isDirty, options: this.options }),
      runner: this.#defaults.runner,
      isOnDisk: (base) => base.latest === this.#saved,
    });
  }

  setDims(dims: Readonly<Record<string, number>>): void {
    this.#dims = { ...this.#dims, ...dims };
    this.#announce('estimate');
  }

  setEp(ep: EpName): void {
    this.#ep = ep;
    this.#announce('estimate');
  }

  /**
   * One step to undo.
   * @param calibration the data that the recipe runs from now on, for the edits before these, too
   */
  addEdits(edits: readonly Edit[], calibration?: CalibrationData): void {
    const { base, recipe } = this.#version;
    const data = calibration === undefined ? {} : { calibration };
    this.#change({ base, recipe: { ...recipe, ...data, edits: [...recipe.edits, ...edits] } }, edits);
  }

  revertLayers(nodes: readonly string[]): void {
    const { base, recipe } = this.#version;
    this.#change({ base, recipe: removeLayers(recipe, nodes) });
  }

  revertEdit(index: number): void {
    const { base, recipe } = this.#version;
    this.#change({ base, recipe: { ...recipe, edits: recipe.edits.filter((_, i) => i !== index) } });
  }

  revertAll(): void {
    const { base, recipe } = this.#version;
    if (this.hasEdits) this.#change({ base, recipe: { ...recipe, edits: [] } });
  }

  /** Reads the weights that the recipe rounds; the views of this version then say how much of each is left. */
  async measureSqnr(options: JobOptions): Promise<void> {
    const version = this.#version;
    await this.run('measureSqnr', [], options);
    if (this.#state.kind === 'open' && this.#state.version === version) this.#show(version);
  }

  /** Takes the recipe of a backup, without a step to undo; once it can be read, where the file cannot be now. */
  restore(recipe: Recipe): void {
    if (this.#state.kind === 'failed') this.#state = { ...this.#state, recipe };
    else this.#show({ base: this.#state.version.base, recipe });
  }

  /** Size and modification time of the file that is shown; undefined where it cannot be read. */
  get stamp(): string | undefined {
    return this.#state.kind === 'failed' ? undefined : this.#state.version.base.stamp;
  }

  /** As {@link restore}, where the recipe's original is not on disk any more but in a copy. */
  async restoreOriginal(recipe: Recipe, copy: Uri): Promise<void> {
    const base = await openBase(this.#defaults.sessions, copy);
    this.#keep(base);
    this.#show({ base, recipe });
  }

  /** Back to what lies on disk, without reading it again and without a step to undo. */
  discardEdits(): void {
    if (!this.isDirty || this.#saved === undefined) return;
    this.#show({ base: this.#saved, recipe: emptyRecipe(this.uri, this.#saved) });
  }

  /** Writes the changed model over the file, which then is the original of an empty recipe. Undo goes back past it. */
  async save(token?: CancellationToken): Promise<void> {
    const written = this.#version;
    sayWarnings(this.fileName, await withSignal(token, (signal) => this.write(this.uri, signal)));
    const base = await openBase(this.#defaults.sessions, this.uri);
    this.#saved = base;
    this.#keep(base);
    const now = this.#version;
    const later = editsAfter(written.recipe, now.recipe);
    const recipe = emptyRecipe(this.uri, base);
    if (now === written) this.#show({ base, recipe }, 'source');
    // what was added while the file was written is not in it
    else if (now.base === written.base && later !== undefined)
      this.#show(
        { base, recipe: { ...recipe, calibration: now.recipe.calibration, edits: later } },
        'source',
      );
    else this.#show(now, 'source');
  }

  async saveAs(target: Uri, token?: CancellationToken): Promise<void> {
    if (target.toString() === this.uri.toString()) return this.save(token);
    sayWarnings(this.fileName, await withSignal(token, (signal) => this.write(target, signal)));
  }

  /** Back to the file as it is on disk. */
  async revert(): Promise<void> {
    await this.#reload((base) => emptyRecipe(this.uri, base));
  }

  /** Reads the file again where it is another one than before; the recipe is kept, and applied to what is there now. */
  async refresh(): Promise<void> {
    const stamp = await fileStamp(this.uri);
    if (this.#owner.isDisposed || stamp === this.#saved?.stamp) return;
    await this.#reload((base) => this.#recipeSoFar ?? emptyRecipe(this.uri, base));
  }

  get #recipeSoFar(): Recipe | undefined {
    return this.#state.kind === 'open' ? this.#state.version.recipe : this.#state.recipe;
  }

  async #reload(recipeFor: (base: Base) => Recipe): Promise<void> {
    const state = await openState(this.uri, this.#defaults.sessions, recipeFor);
    if (state.kind === 'failed') {
      this.#state = { ...state, recipe: this.#recipeSoFar };
      this.#announce('source');
      return;
    }
    const { version } = state;
    const old = this.#saved;
    this.#saved = version.base;
    this.#keep(version.base);
    this.#beginWithBatch(version.base);
    this.#show(version, 'source');
    if (old === undefined) return;
    old.replaceBy(version.base);
    this.#bases.delete(old);
    await old.file.close();
  }

  /** The batch that the settings ask for, where none was chosen. */
  #beginWithBatch({ file }: Base): void {
    const { batchSize } = this.#defaults;
    this.#dims = { ...Object.fromEntries(file.batchSymbols.map((name) => [name, batchSize])), ...this.#dims };
  }

  #change(next: Version, edits: readonly Edit[] = []): void {
    const before = this.#version;
    const back = (to: Version) => () => this.#show(upToDate(to));
    this.#show(next);
    this.#edited.fire({ edits, undo: back(before), redo: back(next) });
  }

  #show(version: Version, change: DocumentChange = 'estimate'): void {
    if (this.#owner.isDisposed) return;
    this.#state = { kind: 'open', version };
    this.#announce(change);
  }

  #announce(change: DocumentChange): void {
    this.#answers.clear();
    this.#changed.fire(change);
  }

  #keep(base: Base): void {
    this.#bases.add(base);
    if (this.#owner.isDisposed) closeQuietly(base);
  }

  dispose(): void {
    this.#owner.dispose();
    for (const base of this.#bases) closeQuietly(base);
  }
}

export interface DocumentDefaults {
  readonly sessions: SessionClient;
  readonly ep: EpName;
  readonly optimization: Optimization;
  readonly batchSize: number;
  /** What runs models, for edits that look at activations. Throws where they must not be run. */
  readonly runner: () => Promise<RunnerOptions>;
}

function closeQuietly({ file }: Base): void {
  file.close().catch((error: unknown) => log().debug('A file that was not closed well:', error));
}
