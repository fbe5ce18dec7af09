/**
 * The recipe: what a person did to a model, as a small, readable, replayable list of edits.
 *
 * ```json
 * { "version": 1, "source": { "name": "model.onnx", "sizeBytes": 629240 },
 *   "edits": [{ "type": "quantize", "layers": { "glob": "/encoder/**" }, "form": "dynamic-int8",
 *               "granularity": "per-channel", "weightType": "int8", "reduceRange": false }] }
 * ```
 */
import type { BlocksEdit } from './blocks.ts';
import type { CastEdit } from './cast.ts';
import type { CleanEdit } from './clean.ts';
import type { DynamicInt8Edit } from './dynamic-int8.ts';
import type { PruneEdit } from './prune.ts';
import type { PruneBlocksEdit } from './prune-blocks.ts';
import type { PruneChannelsEdit } from './prune-channels.ts';
import type { StaticEdit } from './static.ts';

export type {
  BlocksEdit,
  CastEdit,
  CleanEdit,
  DynamicInt8Edit,
  PruneBlocksEdit,
  PruneChannelsEdit,
  PruneEdit,
  StaticEdit,
};
export {
  ACCURACY_LEVELS,
  BLOCK_ALGORITHMS,
  BLOCK_BITS,
  BLOCK_OPERATORS,
  BLOCK_SIZES,
  type AccuracyLevel,
  type BlockAlgorithm,
  type BlockBits,
  type BlockOperator,
  type BlockSize,
} from './blocks.ts';
export { CAST_TYPES, type CastType } from './cast.ts';
export { duplicateCount } from './clean.ts';
export { ACTIVATION_TYPES, RANGE_METHODS, type ActivationType, type RangeMethod } from './static.ts';
export {
  CHANNEL_IMPORTANCES,
  CHANNEL_REPAIRS,
  type ChannelImportance,
  type ChannelRepair,
} from './prune-channels.ts';
export { parsePattern, PRUNE_METHODS, SPARSE_GLOBAL, type PruneMethod } from './prune.ts';
export type { LayerSelector } from './selector.ts';

export interface Recipe {
  readonly version: 1;
  readonly source: {
    readonly name: string;
    readonly sizeBytes: number;
    /** Hex digest of the file's graph bytes (weights left out), where it was computed. */
    readonly digest?: string | undefined;
  };
  /** Where the edits that look at activations find them; needed before the changed model can be written. */
  readonly calibration?: CalibrationData | undefined;
  /** Applied in order. */
  readonly edits: readonly Edit[];
}

/** Samples to run through the original model. */
export interface CalibrationData {
  /** A data file or folder that the runner reads; relative to the model's folder, or absolute. Left out: random inputs. */
  readonly path?: string | undefined;
  /** At most so many. */
  readonly samples: number;
  readonly batchSize: number;
  /** What feeds an input, where its name does not tell: an array or field, `zeros` or `random`. */
  readonly inputs?: Readonly<Record<string, string>> | undefined;
  /** By input: the axis that samples lie along, where its dims do not tell; null: all have the same value. */
  readonly batchAxes?: Readonly<Record<string, number | null>> | undefined;
}

export type Edit = LayersEdit | CleanEdit;

/** Edits that name layers. */
export type LayersEdit = QuantizeEdit | PruneEdit | PruneChannelsEdit | PruneBlocksEdit | CastEdit;

/** Integer weights; `form` says in which shape, and so where they stay small (see `recommendForm`). */
export type QuantizeEdit = DynamicInt8Edit | BlocksEdit | StaticEdit;

/** What an edit does to one layer. */
export interface LayerChange {
  /** Node id in the original model. */
  readonly node: string;
  /** Index of the edit in the recipe. */
  readonly edit: number;
  readonly status: 'applied' | 'blocked';
  /** Where blocked: why. Names what stands in the way. */
  readonly reason?: string | undefined;
  /** Weight bytes in the file, before and after; equal where blocked. */
  readonly beforeBytes: number;
  readonly afterBytes: number;
  /** Where another node was selected and brought it along: that node, by which the change is taken back. */
  readonly by?: string | undefined;
  /** Ids of the nodes that take its place in the changed model (its own id included where it stays). */
  readonly nodesAfter: readonly string[];
}

/** What an edit of initializers does to one of them. */
export interface TensorChange {
  readonly name: string;
  /** Index of the edit in the recipe. */
  readonly edit: number;
  readonly status: 'applied' | 'blocked';
  /** Where blocked: why. */
  readonly reason?: string | undefined;
  /** Bytes in the file; equal where blocked. */
  readonly beforeBytes: number;
  readonly afterBytes: number;
  /** Where another one takes its place: its name. */
  readonly into?: string | undefined;
}

export interface Warning {
  readonly code: string;
  readonly message: string;
  /** Node id in the original model. */
  readonly node?: string | undefined;
}
