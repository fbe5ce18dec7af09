/**
 * Repair goes through the layers in the order in which they run: each is asked about on the model as it is by then, with
 * fewer channels and the layers before it repaired, so that it makes up for what those could not. Who has a runner asks
 * (`src/calibrated.ts`), and keeps the values that are found where the tensors read them.
 */
import type {
  CalibrationTarget,
  ChannelStatistics,
  Moments,
  MomentsTarget,
} from '../../../../analysis/index.ts';
import type { Round } from './rounds.ts';

/** One layer's repair. */
export interface RepairStage {
  /** Index of the edit: the model to ask is what the recipe makes up to it. */
  readonly edit: number;
  /** Id of the layer in the original model. */
  readonly node: string;
  /** Stages of one round do not depend on each other. */
  readonly round: Round;
  readonly ask: (signal?: AbortSignal) => Promise<RepairQuestion>;
  readonly solve: (answer: RepairAnswer, signal?: AbortSignal) => Promise<RepairResult>;
}

export interface RepairResult {
  /** New values of the layer's constants, by key. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** Whether its weights stay, as none that were fitted to some of the samples were better on the rest. */
  readonly keepsWeights?: boolean | undefined;
}

/** One of the two. */
export interface RepairQuestion {
  readonly moments?: MomentsTarget | undefined;
  /** Of the changed model. */
  readonly statistics?: (CalibrationTarget & { readonly channelAxis: number }) | undefined;
}

export interface RepairAnswer {
  readonly moments?: Moments | undefined;
  readonly statistics?: ChannelStatistics | undefined;
}

/** What the stages so far found. */
export interface RepairValues {
  /**
   * Undefined where that stage is still to come: the constant is what removal leaves of it. Once all are through, a key
   * that none of them found is an error.
   */
  read(key: string): Promise<Float32Array | undefined>;
}
