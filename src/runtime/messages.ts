/** What parent and child say to each other: one job per child, then progress, then one answer. Plain data only. */
import type { KernelTime } from '../analysis/index.ts';
import type { FailureKind } from './failure.ts';
import type { MemoryByCause } from './memory-causes.ts';
import type { BoxReading } from './metrics/box-reading.ts';
import type {
  DataPreview,
  DataSpec,
  EpStatus,
  FallbackNode,
  LabelMetric,
  ModelProfile,
  OutputComparison,
  Progress,
  SessionSettings,
} from './types.ts';
import type { CalibrationTarget, MomentsTarget } from '../analysis/calibration.ts';
import type { EpName, Optimization } from '../analysis/types.ts';
import type { CalibrationResult } from './calibrate/collected.ts';
import type { KeptValues } from './calibrate/kept.ts';
import type { CollectedMoments } from './calibrate/moments.ts';
import type { RandomHints } from './data/random.ts';

/** In the child's environment: where `onnxruntime-node` lies, if not beside the worker. */
export const ortFolderVariable = 'VRAM_LENS_ORT_FOLDER';

export interface SessionSpec {
  readonly ep: EpName;
  readonly optimization: Optimization;
  readonly settings: SessionSettings;
}

interface ModelJob {
  readonly model: string;
  readonly session: SessionSpec;
  readonly dims: Readonly<Record<string, number>>;
  readonly batchSymbols?: readonly string[] | undefined;
  readonly hints: RandomHints;
  /** Folder for profiles and outputs; the parent removes it, the child does where the parent is gone. */
  readonly scratch: string;
}

/** Run one model at one batch size over the data. */
export interface RunJob extends ModelJob {
  readonly kind: 'run';
  readonly batchSize: number;
  readonly data: DataSpec;
  /** Where the outputs go, to be compared with by a later job. */
  readonly saveOutputs?: string | undefined;
  /** Outputs of the original to compare with. */
  readonly compareWith?: string | undefined;
  /**
   * Default 'all'. Else each batch is run once, without the runs that make its timing steady, and what is told of speed
   * is rough: with the profiler on for the 'placement', or for the 'outputs' alone.
   */
  readonly measures?: 'all' | 'placement' | 'outputs' | undefined;
}

export interface ProfileJob extends ModelJob {
  readonly kind: 'profile';
  /** Where left out, `dims` holds the batch's symbols too. */
  readonly batchSize?: number | undefined;
  readonly runs: number;
  readonly seed: number;
}

/** Run one model with inner values as outputs. */
export interface ValuesJob extends ModelJob {
  readonly kind: 'values';
  readonly batchSize: number;
  readonly data: DataSpec;
  /** `as`: the name under which it is kept and compared. */
  readonly values: readonly { readonly name: string; readonly as: string }[];
  readonly saveOutputs?: string | undefined;
  readonly compareWith?: string | undefined;
}

export interface ValuesResult {
  readonly outputs: readonly OutputComparison[];
  readonly dataDescription: string;
  readonly warnings: readonly string[];
}

/** Read the first samples, and say what the model would get. */
export interface PreviewJob extends Omit<ModelJob, 'session'> {
  readonly kind: 'preview';
  readonly data: DataSpec;
  readonly samples: number;
}

/** Collect statistics of values over the data. */
export interface CalibrateJob extends ModelJob {
  readonly kind: 'calibrate';
  readonly batchSize: number;
  readonly data: DataSpec;
  readonly targets: readonly CalibrationTarget[];
  /** Outputs and matrices of one pass over the data; see calibrate/passes.ts. */
  readonly maxPassBytes?: number | undefined;
}

/** Collect second moments of a changed model's values with the original's (`model`) over the data. */
export interface MomentsJob extends ModelJob {
  readonly kind: 'moments';
  readonly changed: string;
  readonly batchSize: number;
  readonly data: DataSpec;
  readonly targets: readonly MomentsTarget[];
  readonly kept?: KeptValues | undefined;
  readonly maxPassBytes?: number | undefined;
}

/** Which backends the binding was built with. */
export interface BackendsJob {
  readonly kind: 'backends';
}

/** Run a tiny model and compare with the known answer. */
export interface ProbeJob {
  readonly kind: 'probe';
  readonly ep: EpName;
  readonly scratch: string;
}

export type Job =
  RunJob | ProfileJob | CalibrateJob | MomentsJob | PreviewJob | ValuesJob | BackendsJob | ProbeJob;

export interface RunResult {
  readonly samples: number;
  readonly latencyP50Ms: number;
  readonly latencyP95Ms: number;
  readonly samplesPerSecond: number;
  readonly accuracy: number | undefined;
  readonly labelMetrics: readonly LabelMetric[];
  /** How a detector's outputs were read. */
  readonly boxes?: BoxReading | undefined;
  readonly placement: Readonly<Record<string, number>>;
  readonly fallbacks: readonly FallbackNode[];
  readonly times: readonly KernelTime[];
  /** After each of the first two profiled runs. */
  readonly memInUsePeakBytes: readonly (number | undefined)[];
  readonly processPeakBytes: number;
  readonly memory: MemoryByCause;
  readonly outputs: readonly OutputComparison[];
  readonly dataDescription: string;
  readonly hasLabels: boolean;
  readonly ortVersion: string;
  readonly warnings: readonly string[];
}

export type ProfileResult = Omit<ModelProfile, 'gpuPeakBytes' | 'gpuPeakSource'>;

export interface Backend {
  readonly name: string;
  readonly bundled: boolean;
}

export interface JobResults {
  readonly run: RunResult;
  readonly profile: ProfileResult;
  readonly calibrate: CalibrationResult;
  readonly moments: readonly CollectedMoments[];
  readonly preview: DataPreview;
  readonly values: ValuesResult;
  readonly backends: readonly Backend[];
  readonly probe: EpStatus;
}

export type ChildMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly progress: Progress }
  /** What it is about to do, e.g. 'running batch 3 of 7': the place where a crash happened. */
  | { readonly type: 'phase'; readonly phase: string }
  | { readonly type: 'result'; readonly result: JobResults[keyof JobResults] }
  | { readonly type: 'failed'; readonly kind: FailureKind; readonly message: string };
