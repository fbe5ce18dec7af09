/** What a profile of ONNX Runtime tells, and what it is asked for with. Plain data: it crosses a process boundary. */
import type { KernelTime } from '../analysis/index.ts';
import type { EpName, Optimization } from '../analysis/types.ts';
import type { RunOptions, SessionSettings } from './types.ts';

/** One kernel run as ONNX Runtime's profile tells it. Figures are undefined where the profile lacks them. */
export interface ProfiledNode {
  /** The node's name in the optimized graph (fused nodes carry the last one's name or a new one). */
  readonly name: string;
  readonly opType: string;
  readonly nodeIndex: number | undefined;
  /** {@link EpName}, or ORT's name in lower case for another EP. */
  readonly ep: string;
  readonly durationMs: number;
  /** `output_size` */
  readonly outputBytes: number | undefined;
  /** `parameter_size` */
  readonly parameterBytes: number | undefined;
  /** `activation_size`: bytes of the inputs that are no constants. */
  readonly inputBytes: number | undefined;
  /** `mem_bytes_in_use` */
  readonly memInUseBytes: number | undefined;
  /** `mem_in_use_peak`: highest so far in the session, weights in the arena included. */
  readonly memInUsePeakBytes: number | undefined;
  /** `mem_arena_held` */
  readonly arenaHeldBytes: number | undefined;
  readonly inputs: readonly TypeAndDims[];
  readonly outputs: readonly TypeAndDims[];
}

export interface TypeAndDims {
  /** ORT's short name: 'float', 'int64', … */
  readonly type: string;
  readonly dims: readonly number[];
}

export interface ProfileOptions extends RunOptions {
  /** Default 'cpu'. */
  readonly ep?: EpName | undefined;
  /** Sizes of all symbolic dims, the batch included (default 1). */
  readonly dims?: Readonly<Record<string, number>> | undefined;
  /** Default 'all'. */
  readonly optimization?: Optimization | undefined;
  /** Default 1. From the second run on, ORT's memory pattern may hold more. */
  readonly runs?: number | undefined;
  readonly seed?: number | undefined;
  readonly session?: SessionSettings | undefined;
}

/** What one model did on one EP at one set of dims. */
export interface ModelProfile {
  readonly ortVersion: string;
  /** The kernel runs of the first run, in order. */
  readonly nodes: readonly ProfiledNode[];
  /** Of the runs after the first, where there are any. */
  readonly times: readonly KernelTime[];
  /** Kernel runs per EP, of the first run. */
  readonly placement: Readonly<Record<string, number>>;
  /** `mem_in_use_peak` after each run; undefined where the EP's allocators report nothing. */
  readonly memInUsePeakBytes: readonly (number | undefined)[];
  /** Growth of the process's resident memory from before the session to its peak. */
  readonly processPeakBytes: number;
  /** By nvidia-smi, where there is one; see `gpuPeakSource`. */
  readonly gpuPeakBytes: number | undefined;
  readonly gpuPeakSource: string | undefined;
  readonly warnings: readonly string[];
}
