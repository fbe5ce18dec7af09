/** What is drawn: the graph, how weights spread and matter, what pruning costs. */

import type { PruneOptions } from './edits.ts';

/** The graph as it is drawn: executed nodes of the changed model, and the tensors between them by index. */
export interface GraphView {
  /** In execution order. */
  readonly nodes: readonly GraphNodeView[];
  readonly tensors: readonly GraphTensorView[];
  /** Nodes that come after these, in a graph of more than are drawn. */
  readonly omittedNodes: number;
}

export interface GraphNodeView {
  readonly id: string;
  readonly opType: string;
  /** `LayerRow.id` of the layer that it is part of. */
  readonly layerId: string;
  readonly parameterBytes: number;
  /** undefined: unknown. */
  readonly activationBytes: number | undefined;
  /** Activation bytes alive while it runs; 0 where it has no step of its own. */
  readonly aliveBytes: number;
}

export interface GraphTensorView {
  readonly name: string;
  /** undefined: unknown. */
  readonly bytes: number | undefined;
  /** Index in `GraphView.nodes`; -1: an input of the model. */
  readonly from: number;
  /** Indices in `GraphView.nodes`. */
  readonly to: readonly number[];
  readonly isOutput: boolean;
}

/** How the float32 weights of a layer spread. */
export interface WeightsView {
  readonly tensor: string;
  /** e.g. "64 × 32 × 3 × 3" */
  readonly shape: string;
  /** Finite values; the figures are of these. */
  readonly count: number;
  readonly notFinite: number;
  readonly zeros: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly deviation: number;
  /** Per bin, of equal bins from the smallest to the largest. */
  readonly counts: readonly number[];
  /** Why nothing can be told of what the recipe makes of them. */
  readonly unknownAfter?: 'needs-data' | 'rescaled' | undefined;
  /** Of the values that remain after the recipe, where it quantizes or prunes the layer. */
  readonly after?:
    | {
        readonly counts: readonly number[];
        readonly sqnrDb: number | 'inf';
        /** The values that the first output channel (in blocks: its first block) can take; none where they are too many to see, or
        floats. */
        readonly levels: readonly number[];
        /** The smallest and the largest step between two of them, over the first channels; floats have no one step. */
        readonly steps?: { readonly min: number; readonly max: number } | undefined;
      }
    | undefined;
}

/** How much what can go of a layer matters: its channels, or its single weights. The least goes first. */
export interface ImportanceView {
  readonly parts: readonly {
    readonly unit: 'channel' | 'weight';
    readonly count: number;
    readonly min: number;
    readonly max: number;
    /** Per bin, of equal bins from `min` to `max`. */
    readonly counts: readonly number[];
    /** At a ratio of 0 %, 1 %, …, 100 %: how many go, and the importance that they are below. */
    readonly cuts: readonly { readonly gone: number; readonly below: number }[];
  }[];
  /** Why there is nothing to show. */
  readonly note?: string | undefined;
}

/** What pruning each layer alone costs, at several ratios; sent again as more is known. */
export interface SensitivityView {
  /** What was varied; its ratio does not matter. */
  readonly options: PruneOptions;
  /** e.g. "channels by l1" */
  readonly what: string;
  /** Against labels where the data have some; else how close the outputs stay to the original's. */
  readonly measure: 'accuracy' | 'similarity';
  /** Of the original. */
  readonly original: number | undefined;
  readonly data: string;
  readonly samples: number;
  readonly ep: string;
  /** 0..1, ascending. */
  readonly ratios: readonly number[];
  readonly layers: readonly {
    readonly layerId: string;
    readonly name: string;
    /** One per ratio; null: not known (yet). */
    readonly values: readonly (number | null)[];
    /** Why some stay unknown. */
    readonly reason?: string | undefined;
  }[];
  readonly done: number;
  readonly total: number;
  /** 'stopped' where it was cancelled before the end. */
  readonly state: 'running' | 'done' | 'stopped';
}

/** What each layer can lose, so that the model keeps within a loss. */
export interface FittedRatiosView {
  /** By layer id; empty where none can lose any. */
  readonly ratios: Readonly<Record<string, number>>;
  /** With all of them pruned: accuracy or similarity, as the sensitivity was measured. */
  readonly value: number;
  readonly original: number;
}

/** A picture that the page made, to be saved where a person chooses. */
export interface PictureFile {
  readonly kind: 'svg' | 'png';
  /** SVG as text, PNG as base64. */
  readonly data: string;
}
