/** What running models told: checks, errors by layer, measurements. */

/** Result of a check, ready to show. */
export interface CheckView {
  /** For `HostApi.saveReport`; higher is newer. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly title: string;
  readonly ep: string;
  readonly device: string;
  readonly data: string;
  readonly hasLabels: boolean;
  /** Which outputs of a detector were read, and how. */
  readonly boxes?: string | undefined;
  readonly warnings: readonly string[];
  readonly batches: readonly {
    readonly batchSize: number;
    /** The larger batch in whose place it ran, since memory did not suffice. */
    readonly insteadOf?: number | undefined;
    readonly isOutOfMemory?: boolean | undefined;
    readonly samples: number;
    readonly error?: string | undefined;
    readonly outputs: readonly OutputView[];
    readonly original?: RunView | undefined;
    readonly compressed?: RunView | undefined;
  }[];
}

/** How near an output of the compressed model is to the original's. */
export interface OutputView {
  readonly output: string;
  readonly cosine: number | undefined;
  readonly sqnrDb: number | 'inf';
  readonly maxAbsError: number;
  readonly meanAbsError?: number | undefined;
  /** Shares, 0..1: the same best class, and the original's best class among the five best. */
  readonly top1Agreement: number | undefined;
  readonly top5Agreement?: number | undefined;
  /** Nats. */
  readonly klDivergence?: number | undefined;
}

/** A figure against labels, with its 95 % confidence interval where there is one. */
export interface MetricView {
  /** As it is called everywhere: top-1, top-5, cross-entropy, perplexity, mean IoU, mAP@0.5, MSE, PSNR. */
  readonly name: string;
  readonly value: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

export type ReportKind = 'json' | 'markdown';

export interface MemoryCauseView {
  readonly cause: string;
  readonly measuredBytes: number | undefined;
  readonly predictedBytes: number | undefined;
}

export interface RunView {
  readonly latencyP50Ms: number;
  readonly latencyP95Ms: number;
  readonly samplesPerSecond?: number | undefined;
  readonly peakBytes: number | undefined;
  readonly peakSource: string;
  readonly predictedBytes: number | undefined;
  /** What the memory was for, as far as it is known. */
  readonly causes?: readonly MemoryCauseView[] | undefined;
  readonly accuracy: number | undefined;
  /** All that the labels tell. */
  readonly metrics?: readonly MetricView[] | undefined;
  readonly placement: Readonly<Record<string, number>>;
  /** Nodes that the EP did not take, the slowest first. */
  readonly fallbacks?:
    | readonly {
        readonly name: string;
        readonly opType: string;
        readonly ep: string;
        readonly durationMs: number;
      }[]
    | undefined;
}

/** Values inside of both models compared, in execution order: the first with an error is where it starts. */
export interface LayerErrorsView {
  readonly ep: string;
  readonly data: string;
  readonly warnings: readonly string[];
  readonly layers: readonly {
    /** Name of the value in the original. */
    readonly value: string;
    /** `LayerRow.id` of the layer that makes it. */
    readonly layerId: string;
    readonly name: string;
    readonly opType: string;
    readonly sqnrDb: number | 'inf';
    readonly cosine: number | undefined;
    readonly maxAbsError: number;
  }[];
}

/** One run of the model as it is edited, at the chosen dims and EP, beside what was predicted for it. */
export interface MeasurementView {
  readonly ep: string;
  readonly dims: Readonly<Record<string, number>>;
  /** undefined: it could not be measured; `source` says what it counts. */
  readonly peakBytes: number | undefined;
  readonly source: string;
  readonly predictedBytes: number | undefined;
  /** Growth of the whole process. */
  readonly processBytes: number | undefined;
  readonly nodes: number;
  readonly milliseconds: number;
  readonly placement: Readonly<Record<string, number>>;
}
