/**
 * An open model: source file + recipe + the dims and EP that its figures are shown for. Editors, text views and
 * commands share one document per file; every one of them shows what `onDidChange` announces.
 */
import { EventEmitter, type CancellationToken, type Uri } from 'vscode';
import type { EpName, EstimateOptions, MemoryEstimate, Optimization } from '../../src/analysis/index.ts';
import type { Model } from '../../src/onnx/index.ts';
import type { Runner } from '../../src/runtime/index.ts';
import {
  removeLayers,
  type CalibrationData,
  type Edit,
  type LayerSqnr,
  type Recipe,
} from '../../src/transforms/index.ts';
import { Owner } from '../disposable.ts';
import { withSignal } from './abort.ts';
import type { Base } from './base.ts';
import { Calibrations } from './calibrations.ts';
import { fileStamp, openBase } from './open-model.ts';
import { Snapshot } from './snapshot.ts';
import { fileName, writeModel } from './write-model.ts';

/** `source`: another file content, or none that can be read; `estimate`: another recipe, other dims, another EP. */
export type DocumentChange = 'source' | 'estimate';

export interface UndoableEdit {
  /** Those that were added; none where some were taken out. */
  readonly edits: readonly Edit[];
  readonly undo: () => void;
  readonly redo: () => void;
}

type State =
  | { readonly kind: 'open'; readonly snapshot: Snapshot }
  /** `recipe`: what was being done to the file when it became unreadable. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly recipe?: Recipe | undefined };

export class OnnxDocument {
  readonly uri: Uri;
  readonly #owner = new Owner();
  readonly #changed = this.#owner.own(new EventEmitter<DocumentChange>());
  readonly #edited = this.#owner.own(new EventEmitter<UndoableEdit>());
  /** Every file content that undo may go back to. */
  readonly #bases = new Set<Base>();
  readonly #calibrations: Calibrations;
  #state: State;
  /** What lies on disk. */
  #saved: Base | undefined;
  #dims: Readonly<Record<string, number>> = {};
  #ep: EpName;
  readonly #optimization: Optimization;
  readonly #batchSize: number;

  readonly onDidChange = this.#changed.event;
  /** An edit that VS Code can undo. */
  readonly onDidEdit = this.#edited.event;

  private constructor(uri: Uri, state: State, defaults: DocumentDefaults) {
    this.uri = uri;
    this.#state = state;
    this.#ep = defaults.ep;
    this.#optimization = defaults.optimization;
    this.#batchSize = defaults.batchSize;
    this.#calibrations = this.#owner.own(new Calibrations(defaults.runner));
    if (state.kind === 'failed') return;
    this.#keep(state.snapshot.base);
    this.#saved = state.snapshot.base;
    this.#beginWithBatch(state.snapshot);
  }

  /** Never throws for a file that cannot be read: the document then is one that says why. */
  static async open(uri: Uri, defaults: DocumentDefaults): Promise<OnnxDocument> {
    return new OnnxDocument(uri, await openState(uri, (base) => emptyRecipe(uri, base)), defaults);
  }

  get fileName(): string {
    return fileName(this.uri);
  }

  /** Why the file cannot be read, where it cannot. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#state.kind === 'failed' ? this.#state : undefined;
  }

  /** @throws what opening the file threw */
  get snapshot(): Snapshot {
    if (this.#state.kind === 'failed') throw this.#state.error;
    return this.#state.snapshot;
  }

  get options(): EstimateOptions & Required<Pick<EstimateOptions, 'dims' | 'ep' | 'optimization'>> {
    return { dims: this.#dims, ep: this.#ep, optimization: this.#optimization };
  }

  get estimate(): MemoryEstimate {
    return this.snapshot.estimate(this.options);
  }

  /** The original at the same dims. */
  get estimateBefore(): MemoryEstimate {
    return this.snapshot.estimateBefore(this.options);
  }

  get isDirty(): boolean {
    if (this.#state.kind === 'failed') return false;
    const { snapshot } = this.#state;
    return snapshot.hasEdits || snapshot.base.latest !== this.#saved;
  }

  /** Whether the file on disk is the original that the recipe is applied to: not so after an undo past a save. */
  get isOriginalOnDisk(): boolean {
    return this.#state.kind === 'open' && this.#state.snapshot.base.latest === this.#saved;
  }

  setDims(dims: Readonly<Record<string, number>>): void {
    this.#dims = { ...this.#dims, ...dims };
    this.#changed.fire('estimate');
  }

  setEp(ep: EpName): void {
    this.#ep = ep;
    this.#changed.fire('estimate');
  }

  /** What the recipe with more edits would give; changes nothing. */
  preview(edits: readonly Edit[], calibration?: CalibrationData): Snapshot {
    const { base, recipe } = this.snapshot;
    const data = calibration === undefined ? {} : { calibration };
    return new Snapshot(base, { ...recipe, ...data, edits: [...recipe.edits, ...edits] }, this.snapshot);
  }

  /**
   * One step to undo.
   * @param calibration the data that the recipe runs from now on, for the edits before these, too
   */
  addEdits(edits: readonly Edit[], calibration?: CalibrationData): void {
    this.#change(this.preview(edits, calibration), edits);
  }

  revertLayers(nodes: readonly string[]): void {
    const { base, recipe } = this.snapshot;
    this.#change(new Snapshot(base, removeLayers(recipe, nodes), this.snapshot));
  }

  revertEdit(index: number): void {
    const { base, recipe } = this.snapshot;
    const edits = recipe.edits.filter((_, i) => i !== index);
    this.#change(new Snapshot(base, { ...recipe, edits }, this.snapshot));
  }

  revertAll(): void {
    const { base, recipe, hasEdits } = this.snapshot;
    if (hasEdits) this.#change(new Snapshot(base, { ...recipe, edits: [] }, this.snapshot));
  }

  /** What was measured of a snapshot, which may be another than the one shown by now. */
  setSqnr(snapshot: Snapshot, found: ReadonlyMap<string, LayerSqnr>): void {
    snapshot.sqnr = found;
    if (this.#state.kind === 'open' && snapshot === this.snapshot) this.#show(snapshot);
  }

  /** Takes the recipe of a backup, without a step to undo. */
  restore(recipe: Recipe, base = this.snapshot.base): void {
    this.#keep(base);
    this.#show(new Snapshot(base, recipe));
  }

  /** Back to what lies on disk, without reading it again and without a step to undo. */
  discardEdits(): void {
    if (!this.isDirty || this.#saved === undefined) return;
    this.#show(new Snapshot(this.#saved, emptyRecipe(this.uri, this.#saved)));
  }

  /** Writes the changed model over the file, which then is the original of an empty recipe. Undo goes back past it. */
  async save(token?: CancellationToken): Promise<void> {
    await this.#write(this.uri, token);
    const base = await openBase(this.uri);
    this.#saved = base;
    this.#keep(base);
    this.#show(new Snapshot(base, emptyRecipe(this.uri, base)), 'source');
  }

  saveAs(target: Uri, token?: CancellationToken): Promise<void> {
    return target.toString() === this.uri.toString() ? this.save(token) : this.#write(target, token);
  }

  /**
   * Hands on the changed model as it can be written, while `work` runs: after its data have run through the original,
   * where an edit looks at activations.
   * @param snapshot of this document's file; what is shown where left out
   */
  withModel<T>(
    signal: AbortSignal,
    work: (model: Model) => Promise<T>,
    snapshot = this.snapshot,
  ): Promise<T> {
    const isOnDisk = snapshot.base.latest === this.#saved;
    const of = { uri: this.uri, snapshot, isOnDisk, dims: this.#dims, ep: this.#ep };
    return this.#calibrations.use(of, signal, work);
  }

  #write(target: Uri, token: CancellationToken | undefined): Promise<void> {
    return withSignal(token, (signal) => this.withModel(signal, (model) => writeModel(model, target, token)));
  }

  /** Back to the file as it is on disk. */
  async revert(): Promise<void> {
    await this.#reload((base) => emptyRecipe(this.uri, base));
  }

  /** Reads the file again where it is another one than before; the recipe is kept, and applied to what is there now. */
  async refresh(): Promise<void> {
    const stamp = await fileStamp(this.uri);
    if (this.#owner.isDisposed || stamp === this.#saved?.stamp) return;
    const recipe = this.#state.kind === 'open' ? this.#state.snapshot.recipe : this.#state.recipe;
    await this.#reload((base) => recipe ?? emptyRecipe(this.uri, base));
  }

  async #reload(recipeFor: (base: Base) => Recipe): Promise<void> {
    const state = await openState(this.uri, recipeFor);
    if (state.kind === 'failed') {
      const recipe = this.#state.kind === 'open' ? this.#state.snapshot.recipe : this.#state.recipe;
      this.#state = { ...state, recipe };
      this.#changed.fire('source');
      return;
    }
    const { snapshot } = state;
    const old = this.#saved;
    this.#saved = snapshot.base;
    this.#keep(snapshot.base);
    this.#beginWithBatch(snapshot);
    this.#show(snapshot, 'source');
    if (old === undefined) return;
    old.replaceBy(snapshot.base);
    this.#bases.delete(old);
    await old.close();
  }

  /** The batch that the settings ask for, where none was chosen. */
  #beginWithBatch(snapshot: Snapshot): void {
    const batch = snapshot.analysis().symbols.filter((s) => s.isBatch);
    this.#dims = { ...Object.fromEntries(batch.map((s) => [s.name, this.#batchSize])), ...this.#dims };
  }

  #change(next: Snapshot, edits: readonly Edit[] = []): void {
    const before = this.snapshot;
    const back = (to: Snapshot) => () => this.#show(upToDate(to));
    this.#show(next);
    this.#edited.fire({ edits, undo: back(before), redo: back(next) });
  }

  #show(snapshot: Snapshot, change: DocumentChange = 'estimate'): void {
    if (this.#owner.isDisposed) return;
    this.#state = { kind: 'open', snapshot };
    this.#changed.fire(change);
  }

  #keep(base: Base): void {
    this.#bases.add(base);
    if (this.#owner.isDisposed) void base.close();
  }

  dispose(): void {
    this.#owner.dispose();
    for (const base of this.#bases) void base.close();
  }
}

export interface DocumentDefaults {
  readonly ep: EpName;
  readonly optimization: Optimization;
  readonly batchSize: number;
  /** Runs models, for edits that look at activations. Throws where they must not be run. */
  readonly runner: () => Runner;
}

async function openState(uri: Uri, recipeFor: (base: Base) => Recipe): Promise<State> {
  try {
    const base = await openBase(uri);
    const snapshot = new Snapshot(base, recipeFor(base));
    // what it throws belongs on the page that says why the file cannot be shown
    snapshot.analysis();
    return { kind: 'open', snapshot };
  } catch (error) {
    return { kind: 'failed', error };
  }
}

/** The snapshot on the file as it was read last. */
function upToDate(snapshot: Snapshot): Snapshot {
  const { latest } = snapshot.base;
  return latest === snapshot.base ? snapshot : new Snapshot(latest, snapshot.recipe);
}

function emptyRecipe(uri: Uri, base: Base): Recipe {
  return { version: 1, source: { name: fileName(uri), sizeBytes: base.sizeBytes }, edits: [] };
}
