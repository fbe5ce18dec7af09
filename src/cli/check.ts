/** `vram-lens check A B`: runs both models and says how far B's answers are from A's, how fast and how large it is. */
import path from 'node:path';
import { Command } from 'commander';
import { analyze } from '../analysis/index.ts';
import type { Analysis, EpName, Optimization } from '../analysis/types.ts';
import {
  predictedMemory,
  Runner,
  type CheckRequest,
  type PredictedMemory,
  type SessionSettings,
} from '../runtime/index.ts';
import { dataSpec, withDataOptions, type DataFlags } from './check-data.ts';
import { largestBatches, largestLines, layerLines, layersReport, writeReport } from './check-more.ts';
import { checkLines } from './check-report.ts';
import { UsageError } from './failure.ts';
import { batchDims, batchSymbols, fixedBatch, refuseUnknownDims, withModel, type Dims } from './model.ts';
import { parseBatchSizes, parseBudget, withEstimateOptions, type EstimateFlags } from './options.ts';
import { print, printJson } from './output.ts';
import { sessionSettings, withSessionOptions, type SessionFlags } from './session-options.ts';
import { progressLine } from './terminal.ts';

interface Flags extends EstimateFlags, DataFlags, SessionFlags {
  readonly batch?: readonly number[];
  readonly layers?: boolean;
  readonly largest?: number;
  readonly report?: string;
}

export function checkCommand(signal: AbortSignal): Command {
  return withSessionOptions(withDataOptions(withEstimateOptions(new Command('check'))))
    .description('run both models and compare answers, speed and memory')
    .argument('<original>', 'the original .onnx file')
    .argument('<compressed>', 'the changed .onnx file')
    .option(
      '--batch <sizes>',
      'batch sizes, e.g. 1,8,32 (default: the one the file fixes, else 1)',
      parseBatchSizes,
    )
    .option('--layers', 'also compare values inside of both models, to see where the error starts')
    .option('--largest <budget>', 'also find the largest batch within e.g. 8GiB, of both models', parseBudget)
    .option('--report <file>', 'write the report to a .json or .md file')
    .action(async (original: string, compressed: string, flags: Flags) => {
      const runner = createRunner(sessionSettings(flags));
      try {
        const request = await checkRequest(original, compressed, flags, signal);
        const report = await runner.check(request, { signal, onProgress: progressLine() });
        const layers = flags.layers === true ? await layersReport(runner, request, signal) : undefined;
        const largest =
          flags.largest === undefined
            ? undefined
            : await largestBatches(runner, request, flags.largest, signal);
        if (flags.report !== undefined) await writeReport(flags.report, report);
        if (flags.json === true) printJson({ ...report, layers: layers?.layers, largest });
        else print([...checkLines(report), ...layerLines(layers), ...largestLines(largest)]);
        if (report.batches.every((b) => b.error !== undefined)) {
          // a person has read the reasons above
          const why = flags.json === true ? `; ${report.batches[0]?.error ?? 'none was given'}` : '';
          throw new UsageError(`no batch size could be run${why}`);
        }
      } finally {
        await runner.dispose();
      }
    });
}

/** The runner on the worker that lies beside this bundle. */
export function createRunner(session: SessionSettings = {}): Runner {
  return new Runner({ workerPath: path.join(import.meta.dirname, 'runtime-worker.cjs'), session });
}

/** A runner that is made when it is needed. */
export function lazyRunner(session: SessionSettings): {
  readonly get: () => Runner;
  readonly dispose: () => Promise<void>;
} {
  let runner: Runner | undefined;
  return {
    get: () => (runner ??= createRunner(session)),
    dispose: async () => runner?.dispose(),
  };
}

export interface CheckOptions extends DataFlags {
  /** Where left out: the batch that the file fixes, else `defaultBatch`. */
  readonly batch?: readonly number[];
  readonly ep: EpName;
  readonly opt: Optimization;
  readonly dim: Dims;
}

/** The request, with our prediction of each run's peak beside it. */
export async function checkRequest(
  original: string,
  compressed: string,
  options: CheckOptions,
  signal: AbortSignal,
  defaultBatch: readonly number[] = [1],
): Promise<CheckRequest> {
  const a = await withModel(original, signal, (model) => analyze(model));
  const b = await withModel(compressed, signal, (model) => analyze(model));
  refuseUnknownDims(options.dim, [a, b]);
  const symbols = batchSymbols(a);
  const batchSizes = options.batch ?? batchOf(a, options.dim) ?? defaultBatch;
  const twice = symbols.find((name) => options.batch !== undefined && options.dim[name] !== undefined);
  if (twice !== undefined)
    throw new UsageError(`--batch and --dim ${twice} both set the batch; give one of them`);
  return {
    original,
    compressed,
    ep: options.ep,
    batchSizes,
    data: await dataSpec(options, batchSizes),
    dims: sizesOf(a, options.dim),
    optimization: options.opt,
    // none: the runner looks at the names and positions for itself
    batchSymbols: symbols.length === 0 ? undefined : symbols,
    predicted: Object.fromEntries(
      batchSizes.map((n) => [
        n,
        { original: predictedAt(a, n, options), compressed: predictedAt(b, n, options) },
      ]),
    ),
  };
}

/** The batch that the file fixes, or that was given as a dim. */
function batchOf(analysis: Analysis, dims: Dims): readonly number[] | undefined {
  const given = batchSymbols(analysis).flatMap((name) => dims[name] ?? []);
  const batch = fixedBatch(analysis) ?? given[0];
  return batch === undefined ? undefined : [batch];
}

/** Every dim but the batch with its size, so that what is run is what is predicted. */
export function sizesOf(analysis: Analysis, dims: Dims): Dims {
  const rest = analysis.symbols.filter((s) => !s.isBatch && !s.isDerived);
  return { ...Object.fromEntries(rest.map((s) => [s.name, s.defaultValue])), ...dims };
}

function predictedAt(analysis: Analysis, batchSize: number, options: CheckOptions): PredictedMemory {
  const dims = { ...options.dim, ...batchDims(analysis, batchSize) };
  return predictedMemory(
    analysis.estimate({ dims, ep: options.ep, optimization: options.opt, isRepeated: true }),
  );
}
