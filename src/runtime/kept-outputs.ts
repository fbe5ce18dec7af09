/**
 * One model run once over the data, with its outputs kept on disk: others are compared with them, as often as wanted.
 * A run of the others is one child process, once over the data, without anything that is only there for timings.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { EpName } from '../analysis/types.ts';
import { halvedOnOutOfMemory } from './attempts.ts';
import type { RandomHints } from './data/random.ts';
import type { RunJob, RunResult, SessionSpec } from './messages.ts';
import { readAs } from './sweep.ts';
import type { DataSpec, LabelMetric, OutputComparison, RunOptions, SessionSettings } from './types.ts';

export interface KeepRequest {
  readonly model: string;
  readonly ep: EpName;
  readonly data: DataSpec;
  /** Halved where memory does not suffice. */
  readonly batchSize: number;
  /** Sizes of the symbolic dims other than the batch. */
  readonly dims: Readonly<Record<string, number>>;
  readonly batchSymbols?: readonly string[] | undefined;
  readonly session?: SessionSettings | undefined;
}

/** What a run over the data told. */
export interface DataRun {
  readonly samples: number;
  /** What was run, in words. */
  readonly data: string;
  /** Top-1 against the labels, 0..1; undefined without labels. */
  readonly accuracy: number | undefined;
  readonly labelMetrics: readonly LabelMetric[];
  readonly warnings: readonly string[];
}

export interface ComparedRun extends DataRun {
  readonly outputs: readonly OutputComparison[];
}

/** Outputs on disk until this, or the runner, is disposed of. */
export interface KeptOutputs extends DataRun {
  readonly batchSize: number;
  /** Runs another model on the same samples. RunnerError as {@link Runner.check}, and where this batch cannot be run. */
  compare(model: string, options?: RunOptions): Promise<ComparedRun>;
  dispose(): Promise<void>;
}

export interface KeepContext {
  readonly scratch: string;
  readonly hints: RandomHints;
  readonly session: SessionSpec;
  readonly run: (job: RunJob, options: RunOptions) => Promise<RunResult>;
  /** As a task of its own, later. */
  readonly runLater: (job: RunJob, options: RunOptions) => Promise<RunResult>;
  readonly dispose: () => Promise<void>;
}

export async function keepOutputs(
  request: KeepRequest,
  options: RunOptions,
  { scratch, hints, session, run, runLater, dispose }: KeepContext,
): Promise<KeptOutputs> {
  const { model, data, dims, batchSymbols } = request;
  const file = path.join(scratch, 'outputs');
  const job = {
    kind: 'run',
    session,
    dims,
    batchSymbols,
    hints,
    scratch,
    data,
    measures: 'outputs',
  } as const;
  const first = await halvedOnOutOfMemory(request.batchSize, async (batchSize) => {
    await rm(file, { force: true });
    const result = await run({ ...job, model, batchSize, saveOutputs: file }, options);
    return { batchSize, result };
  });
  const { batchSize } = first;
  return {
    ...dataRun(first.result),
    batchSize,
    compare: async (other, own = {}) => {
      const result = await runLater(
        { ...job, data: readAs(data, first.result), model: other, batchSize, compareWith: file },
        own,
      );
      return { ...dataRun(result), outputs: result.outputs };
    },
    dispose,
  };
}

function dataRun({ samples, dataDescription, accuracy, labelMetrics, warnings }: RunResult): DataRun {
  return { samples, data: dataDescription, accuracy, labelMetrics, warnings };
}
