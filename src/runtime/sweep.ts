/**
 * One check: at each batch size the original is run and its outputs are kept in the scratch folder, then the
 * compressed model is run and compared with them. Each run has its own child process, so that neither model's
 * memory is counted with the other's, and a batch size that is too large ends itself only.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { RandomHints } from './data/random.ts';
import { RunnerError } from './failure.ts';
import type { PredictedMemory } from './memory-causes.ts';
import type { RunJob, RunResult } from './messages.ts';
import type { BatchResult, CheckReport, CheckRequest, DataSpec, Progress, RunStats } from './types.ts';

/** What a run took of the GPU, where that can be told. */
export interface GpuPeak {
  readonly bytes: number;
  readonly source: string;
}

export interface SweepContext {
  readonly scratch: string;
  readonly hints: RandomHints;
  /** Name of what the EP runs on. */
  readonly device: string;
  /** Runs one job in a child process. */
  readonly run: (
    job: RunJob,
    onProgress: (progress: Progress) => void,
  ) => Promise<{ readonly result: RunResult; readonly gpu: GpuPeak | undefined }>;
  readonly onProgress: (progress: Progress) => void;
}

type Side = 'original' | 'compressed';
const sides: readonly Side[] = ['original', 'compressed'];

/** What is gathered over the batch sizes. */
interface Seen {
  readonly warnings: Set<string>;
  first: RunResult | undefined;
  /** Highest progress told. */
  fraction: number;
}

/**
 * Where memory does not suffice, half the batch is run in its place, and half of that. RunnerError for what no batch
 * size would survive; the others become {@link BatchResult.error}.
 */
export async function sweep(request: CheckRequest, context: SweepContext): Promise<CheckReport> {
  const seen: Seen = { warnings: new Set(), first: undefined, fraction: 0 };
  const batches: BatchResult[] = [];
  for (const [index, batchSize] of request.batchSizes.entries()) {
    if (batches.some((b) => b.batchSize === batchSize)) continue;
    let result = await runBatchSize(request, context, { batchSize, index }, seen);
    batches.push(result);
    while (result.isOutOfMemory === true) {
      const half = Math.floor(result.batchSize / 2);
      const isKnown = request.batchSizes.includes(half) || batches.some((b) => b.batchSize === half);
      if (half < 1 || isKnown) break;
      const smaller = await runBatchSize(request, context, { batchSize: half, index }, seen);
      result = { ...smaller, insteadOf: batchSize };
      batches.push(result);
    }
  }
  const { data } = request;
  return {
    original: request.original,
    compressed: request.compressed,
    ep: request.ep,
    device: context.device,
    data:
      seen.first?.dataDescription ?? (data.kind === 'random' ? 'random inputs' : path.basename(data.path)),
    hasLabels: seen.first?.hasLabels ?? false,
    ortVersion: seen.first?.ortVersion ?? 'unknown',
    boxes: seen.first?.boxes,
    batches,
    warnings: [...seen.warnings],
  };
}

async function runBatchSize(
  request: CheckRequest,
  context: SweepContext,
  at: { readonly batchSize: number; readonly index: number },
  seen: Seen,
): Promise<BatchResult> {
  const { batchSize } = at;
  const outputs = path.join(context.scratch, `outputs-${at.index}`);
  const stats: Partial<Record<Side, RunStats>> = {};
  let last: RunResult | undefined;
  try {
    for (const [part, side] of sides.entries()) {
      const job = runJob(
        { ...request, data: readAs(request.data, seen.first) },
        context,
        batchSize,
        side,
        outputs,
      );
      const { result, gpu } = await context.run(job, ({ fraction, message }) => {
        const done = (at.index * sides.length + part + fraction) / (request.batchSizes.length * sides.length);
        // half a batch in place of one that failed begins where that one got to
        seen.fraction = Math.max(seen.fraction, done);
        context.onProgress({
          fraction: seen.fraction,
          message: `batch size ${batchSize}, ${side}: ${message}`,
        });
      });
      stats[side] = statsOf(result, gpu, request, batchSize, side);
      for (const warning of result.warnings) seen.warnings.add(warning);
      seen.first ??= result;
      last = result;
    }
    return { ...both(stats), batchSize, samples: last?.samples ?? 0, outputs: last?.outputs ?? [] };
  } catch (error) {
    if (!(error instanceof RunnerError) || !error.isPerBatch) throw error;
    const side = stats.original === undefined ? 'original' : 'compressed';
    return {
      ...both(stats),
      batchSize,
      samples: last?.samples ?? 0,
      outputs: [],
      isOutOfMemory: error.kind === 'out-of-memory',
      error: `${path.basename(request[side])}: ${error.message}`,
    };
  } finally {
    for (const file of [outputs, `${outputs}.json`]) await rm(file, { force: true });
  }
}

/** What the original's first run guessed of its outputs holds for all runs. */
export function readAs(data: DataSpec, first: Pick<RunResult, 'boxes'> | undefined): DataSpec {
  return data.kind === 'images' && first?.boxes !== undefined ? { ...data, boxes: first.boxes } : data;
}

function both(stats: Partial<Record<Side, RunStats>>): Pick<BatchResult, Side> {
  return { original: stats.original, compressed: stats.compressed };
}

function runJob(
  request: CheckRequest,
  context: SweepContext,
  batchSize: number,
  side: Side,
  outputs: string,
): RunJob {
  return {
    kind: 'run',
    model: request[side],
    session: { ep: request.ep, optimization: request.optimization, settings: request.session ?? {} },
    dims: request.dims,
    batchSymbols: request.batchSymbols,
    hints: context.hints,
    scratch: context.scratch,
    batchSize,
    data: request.data,
    ...(side === 'original' ? { saveOutputs: outputs } : { compareWith: outputs }),
  };
}

function statsOf(
  result: RunResult,
  gpu: GpuPeak | undefined,
  request: CheckRequest,
  batchSize: number,
  side: Side,
): RunStats {
  const peak = peakOf(result, gpu, request);
  const predicted = request.predicted?.[batchSize]?.[side];
  return {
    latencyP50Ms: result.latencyP50Ms,
    latencyP95Ms: result.latencyP95Ms,
    samplesPerSecond: result.samplesPerSecond,
    ...peak,
    firstRunPeakBytes: result.memInUsePeakBytes[0],
    predictedPeakBytes:
      peak.peakSource === arenaSource ? arenaPeak(predicted, request) : predicted?.heldBytes,
    predicted,
    memory: result.memory,
    processPeakBytes: result.processPeakBytes,
    accuracy: result.accuracy,
    labelMetrics: result.labelMetrics,
    placement: result.placement,
    fallbacks: result.fallbacks,
    // of what the other is predicted from
    ...(side === 'original' ? { times: result.times } : {}),
  };
}

const arenaSource = 'ORT arena (mem_in_use_peak)';

/**
 * The GPU's memory where it can be told; on the CPU what the arena held; else the process as a whole, which on a GPU
 * that has memory of its own counts only what the host keeps.
 */
export function peakOf(
  result: Pick<RunResult, 'memInUsePeakBytes' | 'processPeakBytes'>,
  gpu: GpuPeak | undefined,
  request: Pick<CheckRequest, 'ep'>,
): Pick<RunStats, 'peakBytes' | 'peakSource'> {
  if (gpu !== undefined) return { peakBytes: gpu.bytes, peakSource: gpu.source };
  const arena = result.memInUsePeakBytes.filter((p) => p !== undefined);
  if (request.ep === 'cpu' && arena.length > 0) {
    return { peakBytes: Math.max(...arena), peakSource: arenaSource };
  }
  return { peakBytes: result.processPeakBytes, peakSource: 'process memory growth' };
}

/** Of more runs than one, as it is measured. */
function arenaPeak(predicted: PredictedMemory | undefined, { session }: CheckRequest): number | undefined {
  const isPlanned = session?.memPattern !== false && session?.cpuMemArena !== false;
  return (isPlanned ? predicted?.repeatedArenaBytes : undefined) ?? predicted?.arenaBytes;
}
