/** What the runner is asked and what it answers. Plain data: it crosses a process boundary. */
import type { CalibrationTarget, MomentsTarget } from '../analysis/calibration.ts';
import type { KernelTime } from '../analysis/index.ts';
import type { EpName, Optimization } from '../analysis/types.ts';
import type { KeptValues } from './calibrate/kept.ts';
import type { DataSpec } from './data/spec.ts';
import type { MemoryByCause, PredictedMemory } from './memory-causes.ts';
import type { BoxReading } from './metrics/box-reading.ts';

export interface EpStatus {
  readonly ep: EpName;
  readonly available: boolean;
  /** Adapter or device where known, else why it is not available. */
  readonly detail: string;
  /** False where ONNX Runtime for Node.js does not include it on this platform, whatever is installed. */
  readonly isInBuild?: boolean | undefined;
  /** True where it computes in software (SwiftShader, llvmpipe, WARP), so that the CPU EP is the better choice. */
  readonly isSoftware?: boolean | undefined;
  /** Of the CPU: whether products of unsigned and signed 8 bits were seen to overflow (see `Machine.int8Overflows`). */
  readonly int8Overflows?: boolean | undefined;
  /** Of WebGPU: growth of the process by a session of two nodes and its run; a graphics driver may hold more elsewhere. */
  readonly overheadBytes?: number | undefined;
}

export type * from './data/spec.ts';
export type * from './profile-types.ts';

export interface CheckRequest {
  readonly original: string;
  readonly compressed: string;
  readonly ep: EpName;
  readonly batchSizes: readonly number[];
  readonly data: DataSpec;
  /** Sizes of the symbolic dims other than the batch. */
  readonly dims: Readonly<Record<string, number>>;
  readonly optimization: Optimization;
  /** Symbols that are the batch; guessed by name and position where left out. */
  readonly batchSymbols?: readonly string[] | undefined;
  readonly session?: SessionSettings | undefined;
  /** Per batch size, shown beside the measured. */
  readonly predicted?:
    | Readonly<
        Record<number, { original?: PredictedMemory | undefined; compressed?: PredictedMemory | undefined }>
      >
    | undefined;
}

/** One model at one batch size. */
export interface RunStats {
  /** Median and 95th percentile of one batch, milliseconds. */
  readonly latencyP50Ms: number;
  readonly latencyP95Ms: number;
  readonly samplesPerSecond: number;
  /** Peak memory while it ran; undefined where it could not be measured. From the arena: the highest of two runs. */
  readonly peakBytes: number | undefined;
  /**
   * `mem_in_use_peak` of the first run, which predictions are for: from the second on, ONNX Runtime's memory pattern
   * may hold more. Undefined where the EP's allocators report nothing.
   */
  readonly firstRunPeakBytes?: number | undefined;
  /** What `peakBytes` counts: 'ORT arena (mem_in_use_peak)', 'process memory growth', 'GPU memory of the process (nvidia-smi)', … */
  readonly peakSource: string;
  /** As given in the request, of the same that `peakBytes` counts. */
  readonly predictedPeakBytes?: number | undefined;
  readonly predicted?: PredictedMemory | undefined;
  /** Measured, by cause. */
  readonly memory?: MemoryByCause | undefined;
  /** Growth of the process's resident memory up to its peak, on every EP; on the CPU it holds what the arena does not count. */
  readonly processPeakBytes?: number | undefined;
  /** Top-1 accuracy against the labels, 0..1; undefined without labels. */
  readonly accuracy: number | undefined;
  /** All that the labels tell. */
  readonly labelMetrics?: readonly LabelMetric[] | undefined;
  /** Nodes per EP that really ran them. */
  readonly placement: Readonly<Record<string, number>>;
  /** Nodes that ran on another EP than the one asked for, the slowest first. */
  readonly fallbacks?: readonly FallbackNode[] | undefined;
  /** What each node took, at the quickest of some runs with the profiler on; of runs of the outputs alone: none. */
  readonly times?: readonly KernelTime[] | undefined;
}

/** What a node cost that the EP did not take; the copies to and from its device are listed as `Memcpy…` nodes. */
export interface FallbackNode {
  readonly name: string;
  readonly opType: string;
  readonly ep: string;
  /** Of one run, with the profiler on. */
  readonly durationMs: number;
}

export type LabelMetricName =
  'top-1' | 'top-5' | 'cross-entropy' | 'perplexity' | 'mean IoU' | 'mAP@0.5' | 'MSE' | 'PSNR';

/** One figure against the labels: shares in 0..1, cross-entropy in nats, PSNR in dB. */
export interface LabelMetric {
  readonly name: LabelMetricName;
  readonly value: number;
  /** 95 % confidence interval: Wilson's of shares, the bootstrap's of means; undefined where there is none. */
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

/** Compressed against original, over all samples of one batch size, per model output. */
export interface OutputComparison {
  readonly output: string;
  /** Mean cosine similarity over the samples; undefined where a sample is all zero in one and not in the other. */
  readonly cosine: number | undefined;
  /** 10·log10(Σ original² / Σ (original − compressed)²) in dB; Infinity where equal. */
  readonly sqnrDb: number;
  readonly maxAbsError: number;
  readonly meanAbsError?: number | undefined;
  /** Share of samples with the same arg-max over the last axis, 0..1; undefined where that axis has one element. */
  readonly top1Agreement: number | undefined;
  /** Share of rows of scores whose best class in the original is among the compressed's five best; of six classes and more. */
  readonly top5Agreement?: number | undefined;
  /** Mean Kullback–Leibler divergence of the compressed's probabilities from the original's, in nats, of rows of scores. */
  readonly klDivergence?: number | undefined;
}

export interface BatchResult {
  readonly batchSize: number;
  /** Set where it was not asked for, but ran in place of this larger one, for which memory did not suffice. */
  readonly insteadOf?: number | undefined;
  readonly samples: number;
  readonly original: RunStats | undefined;
  readonly compressed: RunStats | undefined;
  readonly outputs: readonly OutputComparison[];
  /** True where it failed for want of memory. */
  readonly isOutOfMemory?: boolean | undefined;
  /** Set where this batch size could not be run: what happened and what to do. */
  readonly error?: string | undefined;
}

export interface CheckReport {
  readonly original: string;
  readonly compressed: string;
  readonly ep: EpName;
  readonly device: string;
  readonly data: string;
  readonly hasLabels: boolean;
  readonly ortVersion: string;
  /** How the outputs of a detector were read, where the labels are boxes. */
  readonly boxes?: BoxReading | undefined;
  readonly batches: readonly BatchResult[];
  readonly warnings: readonly string[];
}

export interface Progress {
  /** 0..1 */
  readonly fraction: number;
  readonly message: string;
}

/** Session options that matter for memory; ONNX Runtime's defaults where left out. */
export interface SessionSettings {
  /** Threads within one operator. */
  readonly intraOpThreads?: number | undefined;
  readonly interOpThreads?: number | undefined;
  /** Off: memory is given back after each use, at the price of speed. */
  readonly cpuMemArena?: boolean | undefined;
  /** Plans one block per run where shapes repeat. */
  readonly memPattern?: boolean | undefined;
  /** Off: weights are not re-laid for the kernels (`session.disable_prepacking`). */
  readonly prepacking?: boolean | undefined;
  /** Ends the run with an out-of-memory message once the process holds more (resident bytes). */
  readonly memoryLimitBytes?: number | undefined;
}

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface LargestBatchRequest {
  readonly model: string;
  readonly ep: EpName;
  /** Of what {@link BatchTrial.peakSource} names. */
  readonly budgetBytes: number;
  /** Default 4096. */
  readonly maxBatch?: number | undefined;
  /** Sizes of the symbolic dims other than the batch. */
  readonly dims: Readonly<Record<string, number>>;
  readonly batchSymbols?: readonly string[] | undefined;
  /** Default 'all'. */
  readonly optimization?: Optimization | undefined;
  readonly session?: SessionSettings | undefined;
}

/** One batch size that was run. */
export interface BatchTrial {
  readonly batchSize: number;
  /** Undefined where it could not be run. */
  readonly peakBytes: number | undefined;
  /** As {@link RunStats.peakSource}. */
  readonly peakSource: string | undefined;
  readonly error?: string | undefined;
}

export interface LargestBatchResult {
  /** 0 where not even 1 fits. */
  readonly batchSize: number;
  readonly peakBytes: number | undefined;
  readonly peakSource: string | undefined;
  /** What a larger batch would pass. */
  readonly limit: 'memory' | 'maxBatch';
  /** In the order tried. */
  readonly trials: readonly BatchTrial[];
}

export interface EpComparisonRequest {
  readonly model: string;
  /** What is compared, and what it is compared with. */
  readonly ep: EpName;
  /** Default 'cpu'. */
  readonly reference?: EpName | undefined;
  readonly data: DataSpec;
  /** Default 1. */
  readonly batchSize?: number | undefined;
  readonly dims: Readonly<Record<string, number>>;
  readonly batchSymbols?: readonly string[] | undefined;
  readonly session?: SessionSettings | undefined;
}

/** One model on two EPs: in each comparison the reference is the original. */
export interface EpComparison {
  readonly outputs: readonly OutputComparison[];
  /** Of the EP that was compared. */
  readonly placement: Readonly<Record<string, number>>;
  readonly fallbacks: readonly FallbackNode[];
  readonly warnings: readonly string[];
}

/** A value of the original's main graph, and the one of the compressed model that stands for it. */
export interface ValuePair {
  readonly original: string;
  readonly compressed: string;
}

export interface LayersRequest {
  readonly original: string;
  readonly compressed: string;
  readonly ep: EpName;
  readonly data: DataSpec;
  /** Default 8. */
  readonly samples?: number | undefined;
  /** Default 1. */
  readonly batchSize?: number | undefined;
  readonly dims: Readonly<Record<string, number>>;
  readonly batchSymbols?: readonly string[] | undefined;
  readonly session?: SessionSettings | undefined;
  /** Default: the values that both have by name. */
  readonly values?: readonly ValuePair[] | undefined;
  /** Values of one batch that one pass over the data may hold. Default 256 MiB. */
  readonly maxPassBytes?: number | undefined;
}

/** One value inside of both models; `output` is its name in the original. */
export interface LayerComparison extends OutputComparison {
  /** Id of the node that makes it, in the original. */
  readonly node: string;
  readonly opType: string;
}

export interface LayersReport {
  readonly data: string;
  /** In the order in which the original makes them: the first one with an error is where it starts. */
  readonly layers: readonly LayerComparison[];
  readonly warnings: readonly string[];
}

export interface PreviewRequest {
  readonly model: string;
  readonly data: DataSpec;
  /** Sizes of the symbolic dims other than the batch. */
  readonly dims: Readonly<Record<string, number>>;
  readonly batchSymbols?: readonly string[] | undefined;
  /** Samples to show. Default 4. */
  readonly samples?: number | undefined;
}

/** What the model will get. */
export interface DataPreview {
  /** As {@link CheckReport.data}. */
  readonly description: string;
  readonly samples: number;
  readonly hasLabels: boolean;
  readonly inputs: readonly InputPreview[];
  /** The model's outputs, where the labels are boxes that are looked for in them. */
  readonly boxesIn?: readonly string[] | undefined;
  /** Of the samples shown: a class, or `mask [28, 28]`, `3 boxes`, `127 tokens`. */
  readonly labels: readonly string[];
  readonly warnings: readonly string[];
}

export interface InputPreview {
  readonly name: string;
  readonly type: string;
  /** Of the samples shown, batch axis included. */
  readonly dims: readonly number[];
  readonly batchAxis: number | undefined;
  /** The array, column or field that feeds it; undefined where it is filled at random. */
  readonly fedBy: string | undefined;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** The first values, in order: all where there are no more than 65,536. */
  readonly values: Float64Array;
}

export interface CalibrationRequest {
  readonly model: string;
  /** Values of the main graph, and what to collect of each. */
  readonly targets: readonly CalibrationTarget[];
  readonly data: DataSpec;
  readonly ep: EpName;
  /** Most samples of one run; fewer where a pass would hold too much. A batch that the file fixes takes its place. */
  readonly batchSize: number;
  /** Sizes of the symbolic dims other than the batch. */
  readonly dims: Readonly<Record<string, number>>;
  readonly batchSymbols?: readonly string[] | undefined;
  readonly session?: SessionSettings | undefined;
  /** Values of one batch, and matrices, that one pass over the data may hold; smaller batches, then more passes, are made beyond. Default 32 MiB of values, 256 MiB of matrices. */
  readonly maxPassBytes?: number | undefined;
}

/** What {@link Runner.moments} collects: of a model with fewer channels, beside the one it was made of. */
export interface MomentsRequest extends Omit<CalibrationRequest, 'model' | 'targets'> {
  readonly original: string;
  readonly changed: string;
  readonly targets: readonly MomentsTarget[];
  /** Values from which the run goes on, and which it leaves; left out: it begins at the inputs. */
  readonly kept?: KeptValues | undefined;
}

/** A GPU of this machine. */
export interface Gpu {
  readonly name: string;
  readonly vendor: string;
  /** undefined where the system does not say. */
  readonly vramBytes: number | undefined;
  readonly freeBytes: number | undefined;
  /** Who said so: 'nvidia-smi', 'systeminformation'. */
  readonly source: string;
}
