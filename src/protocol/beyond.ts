/** Beyond one inference: training, caches, and which cards hold it. */

export type OptimizerName = 'sgd' | 'momentum' | 'adam' | 'adamw';

export interface TrainingChoice {
  readonly optimizer: OptimizerName;
  readonly optimizerBits: 32 | 8;
  readonly precision: 'float32' | 'mixed';
  readonly isCheckpointed: boolean;
}

/** What training the original takes, at the chosen dims. */
export interface TrainingView {
  readonly parts: readonly {
    readonly name: 'weights' | 'gradients' | 'optimizer' | 'master' | 'activations' | 'transient';
    readonly bytes: number | undefined;
    readonly formula: string | undefined;
  }[];
  readonly peakBytes: number | undefined;
  readonly isAtLeast: boolean;
  readonly segments: number;
  readonly trainableCount: number;
  readonly frozenCount: number;
  readonly cards: readonly CardsView[];
  /** undefined: it is no language model with a cache. */
  readonly cache?: CacheView | undefined;
}

/** Common cards of one size. */
export interface CardsView {
  readonly memoryBytes: number;
  readonly names: readonly string[];
}

/** What a language model keeps of earlier tokens. */
export interface CacheView {
  readonly layers: number;
  readonly formula: string | undefined;
  readonly bytesPerToken: number | undefined;
  /** At the chosen dims. */
  readonly bytes: number | undefined;
}
