/** Edits as the page asks for them, and what they would do. */
import type { TotalsView } from './model.ts';

/** What weights become. float16 is an edit of its own: `cast`. */
export type QuantizeOptions = DynamicInt8Options | BlocksOptions | StaticOptions | AutoOptions;

/**
 * The integers that weights become: as is usual for the machine (int8, but where its sums of products of unsigned and
 * signed 8 bits overflow), or as it is said. `7-bit`: int8 with 7 of its bits.
 */
export type WeightChoice = 'usual' | 'int8' | 'uint8' | '7-bit';

/** Integer weights; activations are quantized at run time. */
export interface DynamicInt8Options {
  readonly form: 'dynamic-int8';
  readonly granularity: 'per-tensor' | 'per-channel';
  readonly weights: WeightChoice;
}

/** Weights alone, with a scale for each block of them. */
export interface BlocksOptions {
  readonly form: 'blocks';
  readonly bits: 2 | 4 | 8;
  readonly blockSize: 16 | 32 | 64 | 128 | 256;
  readonly isSymmetric: boolean;
  readonly algorithm: 'round' | 'hqq' | 'gptq';
  readonly operator: 'MatMulNBits' | 'DequantizeLinear';
  /** For `gptq`. */
  readonly calibration?: CalibrationView | undefined;
}

/** Weights and activations, whose ranges data tell. */
export interface StaticOptions {
  readonly form: 'static';
  readonly format: 'qdq' | 'qoperator';
  readonly activationType: 'uint8' | 'int8' | 'uint16' | 'int16';
  readonly weights: WeightChoice;
  readonly granularity: 'per-tensor' | 'per-channel';
  readonly range: 'minmax' | 'entropy' | 'percentile' | 'mse';
  readonly isSymmetric: boolean;
  /** SmoothQuant's alpha, 0..1. */
  readonly smoothQuant?: number | undefined;
  readonly equalize: boolean;
  readonly biasCorrection: boolean;
  readonly calibration?: CalibrationView | undefined;
}

/** For each layer the smallest form that stays small on the EP and keeps that much of the weight. */
export interface AutoOptions {
  readonly form: 'auto';
  /** Least signal-to-noise ratio of a weight. */
  readonly minSqnrDb: number;
}

/** The data that edits which look at activations run through the original model. */
export interface CalibrationView {
  /** A file or folder, relative to the model's folder where it is below that; left out: random inputs. */
  readonly path?: string | undefined;
  /** At most so many. */
  readonly samples: number;
}

/** Weights become zero; tensors keep their shapes, and memory its size. */
export interface ZeroOptions {
  readonly kind: 'zeros';
  /** `wanda` and `sparsegpt` look at calibration data. */
  readonly method: 'magnitude' | 'random' | 'wanda' | 'sparsegpt';
  /** Share of the elements that become zero, 0..1; with `pattern`, that decides. */
  readonly ratio: number;
  /** Of each layer by its id, in place of `ratio`; layers that are not named keep all. */
  readonly ratios?: Readonly<Record<string, number>> | undefined;
  /** `global`: one threshold of magnitude for all layers of the edit together; goes with no other method or pattern. */
  readonly scope: 'layer' | 'global';
  /** `N:M`, e.g. `2:4`: of each M neighbours along the inputs N stay. */
  readonly pattern?: string | undefined;
  /** Weights become sparse initializers where the file so gets smaller; goes with no `global` scope. Left out: no. */
  readonly sparse?: boolean | undefined;
  /** For `wanda` and `sparsegpt`. */
  readonly calibration?: CalibrationView | undefined;
}

/** Channels go, and with them all that belongs to them in other layers: tensors get smaller. */
export interface ChannelOptions {
  readonly kind: 'channels';
  /** `activation` looks at calibration data. */
  readonly importance: 'expected' | 'l1' | 'l2' | 'batch-norm' | 'activation' | 'reconstruction' | 'random';
  /** Share of the channels of each group that goes, 0..1; at least one stays. */
  readonly ratio: number;
  /** Of each layer by its id, in place of `ratio` and `scope`; layers that are not named keep all. */
  readonly ratios?: Readonly<Record<string, number>> | undefined;
  /** `global`: one ratio for all groups of the edit together, those that matter least of all go. Left out: one for each. */
  readonly scope?: 'global' | undefined;
  /** For `global`: at most such a share of a single group, 0..1. Left out: 0.9. */
  readonly maxRatio?: number | undefined;
  /** What makes up for them, from calibration data. */
  readonly repair: 'none' | 'bias' | 'statistics' | 'least-squares';
  /** Also channels whose mean a LayerNormalization subtracts, which is not exact. Left out: those stay. */
  readonly approximate?: boolean | undefined;
  /** The channels that stay are a multiple of it: kernels take 8 or 16 at once. Left out: 1. */
  readonly roundTo?: number | undefined;
  /** For `activation` and repairs. */
  readonly calibration?: CalibrationView | undefined;
}

export type PruneOptions = ZeroOptions | ChannelOptions;

/** Residual blocks go: x + f(x) becomes x. */
export interface BlockOptions {
  /** Ids of {@link BlocksView}. */
  readonly blocks: readonly string[];
  /** By what the list is ranked; `influence` runs the model on data. */
  readonly importance: 'weights' | 'influence';
  /** For `influence`; the edit itself needs none. */
  readonly calibration?: CalibrationView | undefined;
}

/** Signal-to-noise ratios of a layer's weight in int8, in dB. */
export interface CoarseLayerView {
  readonly name: string;
  readonly perTensorDb: number;
  readonly perChannelDb: number;
}

export interface CoarseLayersView {
  /** The worst first. */
  readonly layers: readonly CoarseLayerView[];
  /** How many layers were looked at, the smallest first, and up to which size; the rest would take too long. */
  readonly looked: { readonly layers: number; readonly of: number; readonly uptoBytes: number };
  /** Of the smallest layer that was not looked at; undefined where all were. */
  readonly nextBytes: number | undefined;
}

/** The residual blocks that are still there, in the order in which they run. */
export interface BlocksView {
  readonly blocks: readonly {
    readonly id: string;
    /** Of weights that only it uses. */
    readonly bytes: number;
    /** How many layers it has. */
    readonly layers: number;
    /** The lower, the less it matters; undefined: unknown. */
    readonly score?: number | undefined;
    /** 0 for the one to go first; undefined where it cannot go, or not together with those before. */
    readonly rank?: number | undefined;
    /** Why it cannot go; names the node that stands in the way. */
    readonly blocked?: string | undefined;
  }[];
}

/** To a float type of 16 bits, weights and computation. */
export interface CastOptions {
  readonly to: 'float16' | 'bfloat16';
  /** Whether the model's inputs and outputs keep their types. */
  readonly keepIo: boolean;
  /** Layers that stay float32, by a glob over their ids. */
  readonly keepFloat32?: string | undefined;
  /** Operators that do. */
  readonly keepOps?: readonly string[] | undefined;
}

/** An edit as asked for by the page. */
export type EditRequest =
  | { readonly type: 'quantize'; readonly layerIds: readonly string[]; readonly options: QuantizeOptions }
  | { readonly type: 'prune'; readonly layerIds: readonly string[]; readonly options: PruneOptions }
  /** The layers are those that the dialog was opened on: the blocks are named by the options. */
  | { readonly type: 'prune-blocks'; readonly layerIds: readonly string[]; readonly options: BlockOptions }
  | { readonly type: 'cast'; readonly layerIds: readonly string[]; readonly options: CastOptions };

/** What an edit would do, without doing it. */
export interface PreviewView {
  /** Weight bytes in the file of the chosen layers, before and after. */
  readonly beforeBytes: number;
  readonly afterBytes: number;
  /** Totals of the model as it is now, and with the edit. */
  readonly before: TotalsView;
  readonly after: TotalsView;
  readonly changedLayers: number;
  /** The layers that it changes, in the order of the model. */
  readonly layers: readonly LayerPreview[];
  readonly blocked: readonly { readonly layerId: string; readonly name: string; readonly reason: string }[];
  readonly warnings: readonly string[];
  /** Whether data are run through the model before the edit can be written. */
  readonly needsCalibration: boolean;
  /** Of the whole model; undefined: unknown. */
  readonly macs?: { readonly before: number | undefined; readonly after: number | undefined } | undefined;
  /** Where channels or blocks go: what a run then takes. */
  readonly latency?: LatencyView | undefined;
  /** Where channels go: the groups of the chosen layers. */
  readonly groups?: readonly ChannelGroupView[] | undefined;
}

/** A prediction of a run's time: as a share of what it takes without the edit, or why it is not known. */
export type LatencyView =
  | {
      /** 0.69: 31 % less. */
      readonly share: number;
      /** Of the check whose kernel times it is by; left out: by the work of the kernels alone. */
      readonly batchSize?: number | undefined;
      readonly unknown?: undefined;
    }
  /** `ep`: it is made for the CPU. `kernels`: ONNX Runtime would run others than those that were timed, or sizes are unknown. */
  | { readonly unknown: 'ep' | 'kernels' };

export interface LayerPreview {
  readonly layerId: string;
  readonly name: string;
  readonly beforeBytes: number;
  readonly afterBytes: number;
  /** Where each layer has its own, e.g. "int4, blocks of 32". */
  readonly form?: string | undefined;
}

export type FormName = 'dynamic-int8' | 'blocks-8' | 'blocks-4' | 'blocks-2' | 'static' | 'float16';

/** What a form, with its usual settings, would make of layers: enough to choose one. */
export interface FormView {
  readonly name: FormName;
  readonly changedLayers: number;
  /** Weight bytes in the file of all the layers asked for. */
  readonly beforeBytes: number;
  readonly afterBytes: number;
  /** Why it saves nothing on the chosen EP, or less; undefined where all that it changes stays small there. */
  readonly warning?: string | undefined;
  /** Of the int8 forms: what weights beside uint8 activations become on this machine where nothing is said. */
  readonly usualWeights?: 'int8' | 'uint8' | undefined;
}

/** Channels that stand or fall together, and every layer that has them. */
export interface ChannelGroupView {
  readonly channels: { readonly before: number; readonly after: number };
  /** Those that make the channels, then those that are pulled along. */
  readonly layers: readonly {
    readonly layerId: string;
    readonly name: string;
    readonly isMaker: boolean;
    /** Of its largest weight, e.g. "64 × 32 × 3 × 3". */
    readonly before: string;
    readonly after: string;
  }[];
  /** Why none can go; names the node that stands in the way. */
  readonly blocked?: string | undefined;
  /** Whether they can go with `approximate`. */
  readonly canGoApproximately?: boolean | undefined;
}

/** The largest batch whose total peak is within a budget, at the chosen EP and the other dims. */
export interface LargestBatchView {
  /** undefined: none fits, there is no batch dim, or the peak is unknown; `note` says which. */
  readonly batch: number | undefined;
  readonly note?: string | undefined;
}
