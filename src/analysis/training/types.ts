/** What training a model takes: `trainingEstimate`'s options and answer. */
import type { Figure } from '../types.ts';

export type Optimizer = 'sgd' | 'momentum' | 'adam' | 'adamw';

export interface TrainingOptions {
  /** Size of each symbol; symbols left out take their default. */
  readonly dims?: Readonly<Record<string, number>>;
  /** Default 'adamw'. */
  readonly optimizer?: Optimizer;
  /** Bits of each state that the optimizer keeps. Default 32. */
  readonly optimizerBits?: 32 | 8;
  /**
   * 'float32': everything. 'mixed': weights, gradients and activations in 16 bits, beside a float32 master copy of the
   * weights. Default 'float32'.
   */
  readonly precision?: 'float32' | 'mixed';
  /**
   * 'none': what backward needs is kept. 'sqrt', or a number of segments: only what crosses from one segment of the
   * graph to another is kept, the rest is computed again. Default 'none'.
   */
  readonly checkpointing?: 'none' | 'sqrt' | number;
}

export interface TrainingFigure extends Figure {
  /** Where the bytes come from, in the model's dims: `batch·100352 + 3136`; undefined where no short formula says it. */
  readonly formula: string | undefined;
}

/** A tensor that is kept from forward to backward. */
export interface KeptTensor {
  readonly name: string;
  readonly bytes: number;
  /** Producer's node id; undefined for graph inputs. */
  readonly producer: string | undefined;
  /** The first node whose backward needs it, and its operator. */
  readonly keptFor: string;
  readonly opType: string;
}

export interface TrainingEstimate {
  readonly dims: Readonly<Record<string, number>>;
  readonly optimizer: Optimizer;
  readonly optimizerBits: 32 | 8;
  readonly precision: 'float32' | 'mixed';
  /** 1 without checkpointing. */
  readonly segments: number;
  /** Elements of the constants that are trained; `frozenCount`: of the others (quantized, statistics, settings). */
  readonly trainableCount: number;
  readonly frozenCount: number;
  readonly weights: TrainingFigure;
  readonly gradients: TrainingFigure;
  readonly optimizerState: TrainingFigure;
  readonly masterWeights: TrainingFigure;
  /** What is kept for backward, at its most. */
  readonly activations: TrainingFigure;
  /** Beside it at the peak: gradients of activations, and what forward needs for a moment. */
  readonly transient: TrainingFigure;
  /** The sum of the above. */
  readonly peak: TrainingFigure;
  /** Largest first; empty with checkpointing, where it changes from segment to segment. */
  readonly kept: readonly KeptTensor[];
  /** `kept` by the operator that needs it, largest first. */
  readonly keptByOperator: readonly {
    readonly opType: string;
    readonly bytes: number;
    readonly count: number;
  }[];
  /** Nodes of which is not known what their backward keeps, or how large it is. */
  readonly unknown: readonly { readonly node: string; readonly reason: string }[];
}
