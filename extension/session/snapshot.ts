/**
 * Source and recipe, and everything that is computed from the two when it is first asked for. Immutable: an edit
 * makes another snapshot, and undo goes back to the one before.
 */
import {
  analyze,
  type Analysis,
  type EpName,
  type EstimateOptions,
  type MemoryEstimate,
} from '../../src/analysis/index.ts';
import type { Model } from '../../src/onnx/index.ts';
import {
  applyRecipe,
  pruneGroups,
  type AppliedRecipe,
  type LayerSqnr,
  type PruneGroup,
  type Recipe,
  type Warning,
} from '../../src/transforms/index.ts';
import type { Base } from './base.ts';
import { LayerMap } from './layer-map.ts';
import { editWarnings } from './edit-warnings.ts';
import { lazy } from './lazy.ts';

export class Snapshot {
  /** As it lies on disk. */
  readonly file: Base;
  /** What the edits of layers start from: the file, or the same with its local functions written out. */
  readonly base: Base;
  readonly recipe: Recipe;
  readonly applied: () => AppliedRecipe;
  readonly analysis: () => Analysis;
  /** Layers of the changed model by those of the original. */
  readonly layers: () => LayerMap;
  /** Which channels of the changed model go together. */
  readonly channelGroups: () => readonly PruneGroup[];
  /** What is left of the weights, by layer, once it was measured (see measure-sqnr). */
  sqnr: ReadonlyMap<string, LayerSqnr> | undefined;
  readonly #estimates = new EstimateCache();
  readonly #before = new EstimateCache();
  readonly #warnings = new Map<EpName, readonly (readonly Warning[])[]>();

  /** @param previous a snapshot of nearly the same model, whose analysis is used again where it still holds */
  constructor(file: Base, recipe: Recipe, previous?: Snapshot) {
    const base = file.under(recipe);
    this.file = file;
    this.base = base;
    this.recipe = recipe;
    this.applied = lazy(() => applyRecipe(file.model, recipe));
    this.analysis = lazy(() => {
      const { model } = this.applied();
      if (model === base.model) return base.analysis();
      return analyze(model, previous?.base === base ? previous.analysis() : base.analysis());
    });
    this.channelGroups = lazy(() => pruneGroups(this.model, this.analysis()));
    this.layers = lazy(() => new LayerMap(base.analysis().estimate().layers, this.applied()));
  }

  get model(): Model {
    return this.applied().model;
  }

  get hasEdits(): boolean {
    return this.recipe.edits.length > 0;
  }

  estimate(options: EstimateOptions): MemoryEstimate {
    return this.#estimates.get(this.analysis(), options);
  }

  /** What each edit of the recipe does not do or does beside, in their order. */
  readonly warnings = (ep: EpName): readonly (readonly Warning[])[] => {
    const warnings = this.#warnings.get(ep) ?? editWarnings(this.base.model, this.recipe, this.applied(), ep);
    this.#warnings.set(ep, warnings);
    return warnings;
  };

  /** The original at the same dims. */
  estimateBefore(options: EstimateOptions): MemoryEstimate {
    return this.applied().model === this.base.model
      ? this.estimate(options)
      : this.#before.get(this.base.analysis(), options);
  }
}

/** Many views ask for the same dims at once: the last answer is kept. */
class EstimateCache {
  #key = '';
  #estimate: MemoryEstimate | undefined;

  get(analysis: Analysis, options: EstimateOptions): MemoryEstimate {
    const key = JSON.stringify(options);
    if (this.#estimate === undefined || key !== this.#key) {
      this.#estimate = analysis.estimate(options);
      this.#key = key;
    }
    return this.#estimate;
  }
}
