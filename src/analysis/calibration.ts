/**
 * What calibration data tell about a model's tensors. `src/runtime` collects it in a child process, `src/transforms`
 * uses it; neither knows the other, so what passes between them lies here.
 */

/** What to collect of one value. Minimum and maximum are always collected. */
export interface CalibrationTarget {
  /** Name of the value: a graph input or the output of a node; in the body of an If, Loop or Scan: {@link bodyValue}. */
  readonly tensor: string;
  /** Counts of |x| in equal bins from 0 to the largest |x| of the data, as entropy and percentile ranges need them. */
  readonly histogramBins?: number | undefined;
  /** Statistics for each index of this axis (negative: from the end). */
  readonly channelAxis?: number | undefined;
  /** The second moments of the rows that a weight is multiplied by. */
  readonly gram?: GramTarget | undefined;
}

const IN_BODY = ' › ';

/**
 * How a value in a body is named: `if/then_branch › conv1.out`. A Loop or Scan stacks its turns along a new first axis;
 * where a body lies inside of a Loop's or Scan's, so are all turns along one.
 */
export function bodyValue(body: string, name: string): string {
  return `${body}${IN_BODY}${name}`;
}

/** @param key of {@link bodyValue}. Undefined where it is none */
export function bodyOfValue(key: string): { readonly body: string; readonly name: string } | undefined {
  const at = key.indexOf(IN_BODY);
  return at < 0 ? undefined : { body: key.slice(0, at), name: key.slice(at + IN_BODY.length) };
}

/** Which rows: the last axis of a MatMul's or Gemm's input, or the patches under a Conv's kernel. */
export type GramTarget =
  | { readonly kind: 'rows' }
  | {
      readonly kind: 'patches';
      /** Spatial sizes, e.g. [3, 3]. */
      readonly kernel: readonly number[];
      readonly strides: readonly number[];
      readonly dilations: readonly number[];
      /** As ONNX writes them: begins, then ends; or the `auto_pad` by which they follow from the size of the input. */
      readonly pads: readonly number[] | 'SAME_UPPER' | 'SAME_LOWER';
      readonly groups: number;
      /** Axes that come before the batch and count as samples: turns of Loops and Scans. */
      readonly turns?: number | undefined;
    };

export interface TensorStatistics {
  /** Finite elements seen; 0 where every sample had a zero-size tensor: then min and max are 0. */
  readonly count: number;
  readonly min: number;
  readonly max: number;
  /** How many of the elements were NaN or infinite; they are in none of the others. */
  readonly nonFinite?: number | undefined;
  readonly histogram?: AbsHistogram | undefined;
  readonly channels?: ChannelStatistics | undefined;
}

/** `counts[i]` values have |x| in [i, i + 1) · limit / counts.length; the last bin holds the limit, too. */
export interface AbsHistogram {
  readonly limit: number;
  readonly counts: Float64Array;
}

/** One number per channel each. */
export interface ChannelStatistics {
  /** Elements per channel. */
  readonly count: number;
  readonly mean: Float64Array;
  /** Mean of x². */
  readonly meanSquare: Float64Array;
  readonly absMax: Float64Array;
}

/** XᵀX / rows, [size, size] in row order, one matrix for each group (a Conv's groups; else one). */
export interface Gram {
  /** Columns of X: K of a MatMul, or channels / groups · kernel size of a Conv, in the weight's own order. */
  readonly size: number;
  /** Rows seen. */
  readonly rows: number;
  readonly matrices: readonly Float32Array[];
  /** Of the columns, [size] for each group. */
  readonly means: readonly Float32Array[];
}

/** What was collected over a calibration set. */
export interface Calibration {
  /** Samples that ran. */
  readonly samples: number;
  /** With `channels` along `channelAxis`, where one is given. Undefined where it was not asked for. */
  statistics(tensor: string, channelAxis?: number): TensorStatistics | undefined;
  /** Read when needed: the matrices may be far larger than the model. Undefined where it was not asked for. */
  gram(tensor: string, target: GramTarget): Promise<Gram | undefined>;
}

/** What a layer of a changed model reads, beside what it is to give: least squares over both fit its weights. */
export interface MomentsTarget {
  /** The layer's input, a value of the changed model; as `gram` of {@link CalibrationTarget}. */
  readonly input: string;
  readonly rows: GramTarget;
  /** The layer's output, a value of the original: its channels are the second dim for patches, else the last. */
  readonly output: string;
  /** A value of the changed model that is subtracted from it: what an Add behind the layer brings in by itself. */
  readonly minus?: string | undefined;
  /** The output's channels that the changed layer has, ascending; with groups, those of one after those of another. */
  readonly channels: Int32Array;
  /** Samples go into so many folds in turn, each with all of its rows. */
  readonly folds: number;
}

/** Of each group of a Conv by itself. */
export interface Moments {
  readonly groups: number;
  /** Columns of x, without the 1. */
  readonly size: number;
  readonly folds: readonly FoldMoments[];
}

/** Means over the rows of one fold; x holds a row's columns, then 1. */
export interface FoldMoments {
  readonly rows: number;
  /** E[x xᵀ], [groups, size + 1, size + 1]. */
  readonly inputs: Float32Array;
  /** E[x yᵀ], [groups, size + 1, channels / groups]. */
  readonly outputs: Float32Array;
}
