/** What every step of a recipe works with, and what it answers. */
import type { Calibration, CalibrationTarget, Gram } from '../analysis/index.ts';
import type { Entry, Workspace } from './graph/workspace.ts';
import type { BlockForm } from './kernels/blocks.ts';
import type { LinearType } from './kernels/linear.ts';
import type { ScoredGroup } from './prune/channels/budget.ts';
import type { RepairStage, RepairValues } from './prune/channels/repair/stage.ts';
import type { CastType, Warning } from './recipe/recipe.ts';
import type { WeightSource } from './weights/stream.ts';

/** A step that can be taken: `apply` takes it. Nothing was changed so far, and no weight was read. */
export interface Proposal {
  /** Stored bytes of the layer's constants (weight and constant bias) before. */
  readonly beforeBytes: number;
  readonly apply: () => Outcome;
  /** What calibration must tell before the bytes of its tensors can be made; values of the original main graph. */
  readonly needs?: readonly CalibrationTarget[] | undefined;
  /** How the values of each weight are rounded, so that their error can be told without making them. */
  readonly roundings?: readonly Rounding[] | undefined;
}

/** What becomes of each value of a weight. */
export type Rounding =
  | {
      readonly kind: 'blocks';
      readonly source: WeightSource;
      readonly form: BlockForm;
      readonly isTransposed: boolean;
      /** For GPTQ: as of `BlockPlan`. */
      readonly gram?: (() => Promise<Gram>) | undefined;
    }
  | {
      readonly kind: 'linear';
      readonly source: WeightSource;
      readonly type: LinearType;
      /** Axis with one scale per index; undefined: one scale in all. */
      readonly axis: number | undefined;
      /** Where channels of `source` got factors that are undone in activations: the weight without them. */
      readonly unscaled?: WeightSource | undefined;
      /** Whether calibration data decide those. */
      readonly needsData?: boolean | undefined;
    }
  | { readonly kind: 'cast'; readonly source: WeightSource; readonly to: CastType }
  | UnroundedWeight;

/** As pruning leaves it. */
export interface UnroundedWeight {
  readonly kind: 'none';
  readonly source: WeightSource;
}

export interface Outcome {
  /** Stored bytes of the constants that took their place. */
  readonly afterBytes: number;
  readonly warnings: readonly Warning[];
  /** Layers that were not selected and change with it. */
  readonly pulled?: readonly PulledEntry[] | undefined;
  /** What has to be found, layer by layer, before the bytes of its tensors can be made. */
  readonly repairs?: readonly RepairStage[] | undefined;
  /** Reads how much the channels matter of which some go. */
  readonly scores?: ((signal?: AbortSignal) => Promise<readonly ScoredGroup[]>) | undefined;
}

export interface PulledEntry {
  readonly entry: Entry;
  /** Id of the selected node that alone brings it along, where there is one. */
  readonly by?: string | undefined;
  readonly beforeBytes: number;
  readonly afterBytes: number;
}

export interface StepContext {
  readonly ws: Workspace;
  /** Index of the edit in the recipe. */
  readonly edit: number;
  /** Entries that this edit is applied to, so that a weight shared by several can be changed in place. */
  readonly selected: ReadonlySet<Entry>;
  /** Tensors made earlier while this recipe was applied, by what they were made from and how. */
  readonly made: Map<string, unknown>;
  /**
   * What calibration data told, where they have run. Proposals do without; a tensor that needs it and has none throws
   * when its bytes are asked for.
   */
  readonly calibration?: Calibration | undefined;
  /** As `calibration`, for repair. */
  readonly repaired?: RepairValues | undefined;
  /** Called after the last edit, when it is known what nothing uses any more. */
  readonly atEnd: (() => readonly Warning[])[];
  /** Called after those, when every value's users are final. */
  readonly atLast: (() => readonly Warning[])[];
}
