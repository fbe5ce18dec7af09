/** The open model: what does not change, and every figure at chosen dims and EP. */
import type { CalibrationView } from './edits.ts';
import type { SensitivityView } from './pictures.ts';
import type { CheckView } from './runs.ts';

export interface SymbolView {
  readonly name: string;
  readonly value: number;
  readonly defaultValue: number;
  readonly isBatch: boolean;
  /** e.g. "input axis 0" */
  readonly usedBy: string;
}

export interface IoView {
  readonly name: string;
  /** e.g. "float32 [batch, 1, 28, 28]" */
  readonly type: string;
}

/** What does not change with the dims. */
export interface ModelView {
  readonly fileName: string;
  readonly fileBytes: number;
  readonly producer: string;
  readonly irVersion: number;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly inputs: readonly IoView[];
  readonly outputs: readonly IoView[];
  readonly metadata: readonly { readonly key: string; readonly value: string }[];
  readonly weightBytesByType: readonly {
    readonly type: string;
    readonly bytes: number;
    readonly count: number;
  }[];
  readonly nodeCount: number;
  /** True where nodes inside bodies of If, Loop or Scan have weights. */
  readonly hasWeightsInBodies: boolean;
  readonly diagnostics: readonly {
    readonly severity: 'error' | 'warning' | 'info';
    readonly message: string;
    readonly node?: string | undefined;
    /** Machine-readable, where the problem has a fix. */
    readonly code?: string | undefined;
  }[];
}

/** One row of the layer table. Bytes undefined: unknown. */
export interface LayerRow {
  readonly id: string;
  readonly name: string;
  readonly opType: string;
  /** e.g. "8 × 64 × 28 × 28"; '?' for an unknown dim; '' where the rank is unknown. */
  readonly outputShape: string;
  readonly outputType: string;
  readonly parameterBytes: number;
  readonly activationBytes: number | undefined;
  readonly macs: number | undefined;
  /** Why a figure is unknown. */
  readonly unknown?: string | undefined;
  /** What can be done to it; the reason where it cannot. */
  readonly canQuantize: boolean;
  readonly canPrune: boolean;
  readonly blocked?: string | undefined;
  /** Signal-to-noise ratio of its weight after the recipe, in dB, where it was measured (`HostApi.measureSqnr`). */
  readonly sqnrDb?: number | 'inf' | undefined;
  /** Why that is not known though it was measured: calibration data decide, and have not run. */
  readonly sqnrUnknown?: 'needs-data' | undefined;
  /** Ids of the nodes that make the layer, its own included. */
  readonly nodes?: readonly string[] | undefined;
  /** Set where the recipe changes it: what, and its weight bytes before. */
  readonly change?:
    | {
        readonly label: string;
        readonly beforeBytes: number;
        readonly afterBytes: number;
        readonly status: 'applied' | 'blocked';
        readonly reason?: string | undefined;
        /** Activation bytes of the original layer at the same dims. */
        readonly beforeActivationBytes?: number | undefined;
        /** Output shape of the original layer at the same dims: other channels where some were removed. */
        readonly beforeShape?: string | undefined;
      }
    | undefined;
}

export interface TimelineView {
  /** Activation bytes alive per step. */
  readonly aliveBytes: readonly number[];
  /** Scratch space of the kernel per step; absent where the EP's is not known. */
  readonly workspaceBytes?: readonly number[] | undefined;
  /** Node id per step; `layerOfStep` the index into `layers` or -1. */
  readonly nodes: readonly string[];
  readonly layerOfStep: readonly number[];
  readonly peakStep: number;
  readonly peakBytes: number;
  readonly peakTensors: readonly {
    readonly name: string;
    readonly bytes: number;
    readonly producer?: string | undefined;
  }[];
  /**
   * The tensors with the first and last step at which each is alive, the largest 2,000; what is alive at a step beyond
   * them are smaller ones. Absent where only the peak's are known.
   */
  readonly tensors?:
    | readonly {
        readonly name: string;
        readonly bytes: number;
        readonly producer?: string | undefined;
        readonly firstStep: number;
        readonly lastStep: number;
      }[]
    | undefined;
}

export interface TotalsView {
  readonly parameterCount: number;
  readonly parameterBytes: number;
  /** All weights that are held, in the EP's allocator and outside it. */
  readonly deviceWeightsBytes: number | undefined;
  readonly peakActivationBytes: number | undefined;
  readonly workspaceBytes: number | undefined;
  /** Buffers that the EP keeps for reuse; left out where it keeps none. */
  readonly keptBuffersBytes?: number | undefined;
  readonly overheadBytes: number | undefined;
  /** Everything held at the peak: the sum of the above. */
  readonly totalPeakBytes: number | undefined;
  /** Text that says what kind of figures these are, one line each (certainty notes). */
  readonly notes: readonly string[];
  /** True where a sum holds an unknown term: shown as "at least". */
  readonly atLeast: boolean;
}

/** Everything that changes with dims, EP or recipe. */
export interface EstimateView {
  /** True where figures are still being computed: what is undefined or empty in it is not unknown but yet to come. */
  readonly isEarly?: true | undefined;
  readonly symbols: readonly SymbolView[];
  readonly ep: string;
  readonly totals: TotalsView;
  /** Totals of the original at the same dims, where the recipe holds an edit. */
  readonly before?: TotalsView | undefined;
  readonly layers: readonly LayerRow[];
  readonly timeline: TimelineView;
  /** The recipe, one line per edit. */
  readonly edits: readonly EditView[];
  readonly isDirty: boolean;
  /** The data that the recipe names. */
  readonly calibration?: CalibrationView | undefined;
}

/** One edit of the recipe; its index is its place in `EstimateView.edits`. */
export interface EditView {
  readonly label: string;
  readonly warnings: readonly string[];
  readonly type?: 'quantize' | 'prune' | 'prune-channels' | 'prune-blocks' | 'cast' | 'clean' | undefined;
  /** The layers it changes. */
  readonly layerIds?: readonly string[] | undefined;
  /** Weight bytes in the file before and after. */
  readonly beforeBytes?: number | undefined;
  readonly afterBytes?: number | undefined;
}

/** A GPU of this machine, offered as memory budget. */
export interface DeviceView {
  readonly name: string;
  readonly vramBytes: number;
}

/** Every view at once. */
export interface EditorView {
  readonly model: ModelView;
  readonly estimate: EstimateView;
  readonly eps: readonly string[];
  /** Empty where none was found, or where the system has not answered yet: see `HostApi.listDevices`. */
  readonly devices?: readonly DeviceView[] | undefined;
  /** Budget to begin with (setting or first device); the page remembers another choice in its view state. */
  readonly budgetBytes?: number | undefined;
  readonly isTrusted: boolean;
  readonly isReadOnly: boolean;
  /** The reports of this document, newest first. */
  readonly checks?: readonly CheckView[] | undefined;
  /** The last measurement, for a page that was loaded anew and has forgotten it. */
  readonly sensitivity?: SensitivityView | undefined;
}

/** A page that says what is wrong with the file. */
export interface ErrorView {
  readonly fileName: string;
  readonly title: string;
  readonly message: string;
  readonly details: readonly { readonly label: string; readonly value: string }[];
  readonly advice: string;
}
