/**
 * Runs models in child processes around ONNX Runtime, so that nothing they do can hurt the caller.
 *
 *     const runner = new Runner({ workerPath: 'dist/runtime-worker.cjs' });
 *     const report = await runner.check({ original, compressed, ep: 'cpu', batchSizes: [1, 8], … });
 *     await runner.dispose();
 */
import path from 'node:path';
import type { Moments, MomentsTarget } from '../analysis/calibration.ts';
import type { EpName } from '../analysis/types.ts';
import { collected, type CollectedCalibration } from './calibrate/collected.ts';
import { readMoments } from './calibrate/moments.ts';
import { runJob } from './child.ts';
import { EpProbe, epPreference } from './eps.ts';
import { RunnerError } from './failure.ts';
import { inputHints } from './hints.ts';
import { ortFolderVariable, type Job, type JobResults, type RunJob } from './messages.ts';
import { GpuSampler } from './nvidia.ts';
import { ProbeCache } from './probe-cache.ts';
import { makeScratch, removeScratch, withScratch } from './scratch.ts';
import { compareLayers } from './layers.ts';
import { searchLargest } from './largest.ts';
import { peakOf, sweep, type GpuPeak } from './sweep.ts';
import { orAborted, Turns, withAnySignal } from './turns.ts';
import type {
  CalibrationRequest,
  CheckReport,
  CheckRequest,
  DataPreview,
  EpComparison,
  EpComparisonRequest,
  EpStatus,
  LargestBatchRequest,
  LargestBatchResult,
  LayersReport,
  LayersRequest,
  ModelProfile,
  MomentsRequest,
  PreviewRequest,
  ProfileOptions,
  RunOptions,
} from './types.ts';

export interface RunnerOptions {
  /** The bundle of worker/main.ts. */
  readonly workerPath: string;
  /** The Node (or Electron, run as Node) that runs it. Default: the one this code runs in. */
  readonly execPath?: string | undefined;
  /** Node's own options for it. Default none, so that a debugger's are not inherited. */
  readonly execArgv?: readonly string[] | undefined;
  /** The package `onnxruntime-node` to load instead of the one beside the worker, e.g. one with CUDA's files. */
  readonly ortFolder?: string | undefined;
  /** A file (of the caller's storage) that keeps which EPs work, for a day. Default: nothing is kept. */
  readonly probeCache?: string | undefined;
  /** Added to the environment, e.g. where a GPU's libraries lie. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** A child is ended after so long without a word from it. Default 10 minutes: one run may be long. */
  readonly silenceMs?: number | undefined;
}

const defaultSilenceMs = 10 * 60_000;

interface LaunchOptions extends RunOptions {
  readonly onStart?: ((pid: number) => void) | undefined;
  readonly silenceMs?: number | undefined;
}

export class Runner {
  readonly #options: RunnerOptions;
  readonly #disposal = new AbortController();
  readonly #turns = new Turns();
  readonly #running = new Set<Promise<unknown>>();
  readonly #probe: EpProbe;
  /** Scratch folders of results that are still in use, with what removes each. */
  readonly #scratches = new Map<string, () => Promise<void>>();

  constructor(options: RunnerOptions) {
    this.#options = options;
    const { probeCache, workerPath, ortFolder } = options;
    const files = [workerPath, ...(ortFolder === undefined ? [] : [path.join(ortFolder, 'package.json')])];
    this.#probe = new EpProbe(
      (job, silenceMs) => this.#launch(job, { signal: this.#disposal.signal, silenceMs }),
      probeCache === undefined ? undefined : new ProbeCache(probeCache, files),
    );
  }

  /**
   * Runs both models at each batch size and compares them; see {@link sweep}. RunnerError where no batch size can be
   * run: 'ep', 'model', 'data', 'cancelled'.
   */
  check(request: CheckRequest, options: RunOptions = {}): Promise<CheckReport> {
    return this.#task(options, async (signal, scratch) => {
      const device = await this.#deviceOf(request.ep, signal);
      const hints = await inputHints(request.original, signal);
      const report = await sweep(request, {
        scratch,
        hints,
        device,
        run: (job, onProgress) =>
          measured(request.ep, (onStart) => this.#launch(job, { signal, onProgress, onStart })),
        onProgress: (progress) => options.onProgress?.(progress),
      });
      options.onProgress?.({ fraction: 1, message: 'done' });
      return report;
    });
  }

  /**
   * Runs the model over the data and collects what the targets ask for. The result's matrices are on disk until it, or
   * this runner, is disposed of. A batch that needs too much memory is halved and the set is begun anew.
   * @throws RunnerError 'model' where a target is no value of the main graph, 'ep', 'data', 'out-of-memory', 'cancelled'
   */
  calibrate(request: CalibrationRequest, options: RunOptions = {}): Promise<CollectedCalibration> {
    return this.#turn(options, async (signal) => {
      await this.#deviceOf(request.ep, signal);
      const hints = await inputHints(request.model, signal);
      const scratch = await makeScratch();
      const dispose = async (): Promise<void> => {
        this.#scratches.delete(scratch);
        await removeScratch(scratch);
      };
      this.#scratches.set(scratch, dispose);
      try {
        const { model, targets, data, dims, batchSymbols, maxPassBytes } = request;
        const session = { ep: request.ep, optimization: 'all', settings: request.session ?? {} } as const;
        const job = { model, session, targets, data, dims, batchSymbols, maxPassBytes, hints, scratch };
        const result = await halvedOnOutOfMemory(request.batchSize, (batchSize) =>
          this.#launch({ kind: 'calibrate', ...job, batchSize }, { signal, onProgress: options.onProgress }),
        );
        return collected(result, scratch, dispose);
      } catch (error) {
        await dispose();
        throw error;
      }
    });
  }

  /**
   * Runs both models over the data side by side, and hands `use` what they tell of each target, one after another: one
   * at a time is in memory. A batch that needs too much memory is halved and the set is begun anew.
   * @throws RunnerError 'model' where a target is no value of its model, 'ep', 'data', 'out-of-memory', 'cancelled'
   */
  moments(
    request: MomentsRequest,
    use: (moments: Moments, target: MomentsTarget) => Promise<void>,
    options: RunOptions = {},
  ): Promise<void> {
    return this.#task(options, async (signal, scratch) => {
      await this.#deviceOf(request.ep, signal);
      const { original: model, changed, targets, data, dims, batchSymbols, maxPassBytes } = request;
      const hints = await inputHints(model, signal);
      const session = { ep: request.ep, optimization: 'all', settings: request.session ?? {} } as const;
      const job = {
        model,
        changed,
        session,
        targets,
        data,
        dims,
        batchSymbols,
        maxPassBytes,
        hints,
        scratch,
      };
      const found = await halvedOnOutOfMemory(request.batchSize, (batchSize) =>
        this.#launch({ kind: 'moments', ...job, batchSize }, { signal, onProgress: options.onProgress }),
      );
      for (const [i, target] of targets.entries()) {
        const own = found[i];
        if (own !== undefined) await use(await readMoments(own, scratch), target);
      }
    });
  }

  /**
   * Runs the model at one batch size after another until the largest within the budget is found; each in a process of
   * its own. RunnerError where no batch size can be run: 'ep', 'model', 'batch' where the file fixes one, 'cancelled'.
   */
  findLargestBatch(request: LargestBatchRequest, options: RunOptions = {}): Promise<LargestBatchResult> {
    return this.#task(options, async (signal, scratch) => {
      await this.#deviceOf(request.ep, signal);
      const hints = await inputHints(request.model, signal);
      const { model, ep, budgetBytes, maxBatch = defaultMaxBatch, dims, batchSymbols } = request;
      const settings = { memoryLimitBytes: limitFor(request), ...request.session };
      const session = { ep, optimization: request.optimization ?? 'all', settings } as const;
      const job = { model, session, dims, batchSymbols, hints, scratch, runs: 2, seed: 0 };
      let tried = 0;
      return searchLargest({
        budgetBytes,
        maxBatch,
        attempt: async (batchSize) => {
          const message = `trying batch size ${batchSize}`;
          options.onProgress?.({ fraction: tried / (++tried + 4), message });
          try {
            const { result, gpu } = await measured(ep, (onStart) =>
              this.#launch({ kind: 'profile', ...job, batchSize }, { signal, onStart }),
            );
            return { batchSize, ...peakOf(result, gpu, request) };
          } catch (error) {
            if (!(error instanceof RunnerError) || !error.isPerBatch || error.kind === 'batch') throw error;
            return { batchSize, peakBytes: undefined, peakSource: undefined, error: error.message };
          }
        },
      });
    });
  }

  /** The answers of one model on two EPs. RunnerError as {@link check}, and where the batch size cannot be run. */
  compareEps(request: EpComparisonRequest, options: RunOptions = {}): Promise<EpComparison> {
    return this.#task(options, async (signal, scratch) => {
      const { model, ep, reference = 'cpu', data, batchSize = 1, dims, batchSymbols } = request;
      const hints = await inputHints(model, signal);
      const kept = path.join(scratch, 'outputs');
      const run = async (on: EpName, files: Pick<RunJob, 'saveOutputs' | 'compareWith'>) => {
        await this.#deviceOf(on, signal);
        const session = { ep: on, optimization: 'all', settings: request.session ?? {} } as const;
        const job = {
          kind: 'run',
          model,
          session,
          dims,
          batchSymbols,
          hints,
          scratch,
          batchSize,
          data,
          isUntimed: true,
        } as const;
        return this.#launch({ ...job, ...files }, { signal, onProgress: options.onProgress });
      };
      await run(reference, { saveOutputs: kept });
      const { outputs, placement, fallbacks, warnings } = await run(ep, { compareWith: kept });
      return { outputs, placement, fallbacks, warnings };
    });
  }

  /** Values inside of both models, on the same samples: where the error starts. RunnerError as {@link check}. */
  compareLayers(request: LayersRequest, options: RunOptions = {}): Promise<LayersReport> {
    return this.#task(options, async (signal, scratch) => {
      await this.#deviceOf(request.ep, signal);
      const hints = await inputHints(request.original, signal);
      return compareLayers(request, {
        scratch,
        hints,
        signal,
        run: (job) => this.#launch(job, { signal }),
        onProgress: (progress) => options.onProgress?.(progress),
      });
    });
  }

  /** The first samples as the model will get them. RunnerError 'data' where they do not fit it, 'model', 'cancelled'. */
  previewData(request: PreviewRequest, options: Pick<RunOptions, 'signal'> = {}): Promise<DataPreview> {
    return this.#task(options, async (signal, scratch) => {
      const hints = await inputHints(request.model, signal);
      const { samples = defaultPreviewSamples } = request;
      return this.#launch({ kind: 'preview', ...request, samples, hints, scratch }, { signal });
    });
  }

  /** One model at one set of dims with ONNX Runtime's profiler on: what ran where, and what it held. */
  profile(modelPath: string, options: ProfileOptions = {}): Promise<ModelProfile> {
    const { ep = 'cpu', dims = {}, optimization = 'all', runs = 1, seed = 0, session = {} } = options;
    return this.#task(options, async (signal, scratch) => {
      await this.#deviceOf(ep, signal);
      const hints = await inputHints(modelPath, signal);
      const settings = { ep, optimization, settings: session };
      const job = { model: modelPath, session: settings, dims, hints, scratch, runs, seed };
      const { result, gpu } = await measured(ep, (onStart) =>
        this.#launch({ kind: 'profile', ...job }, { signal, onProgress: options.onProgress, onStart }),
      );
      return { ...result, gpuPeakBytes: gpu?.bytes, gpuPeakSource: gpu?.source };
    });
  }

  /** Every EP, best first, each tried in a process of its own; found out once. */
  async probeEps(options: Pick<RunOptions, 'signal'> = {}): Promise<readonly EpStatus[]> {
    return withAnySignal([options.signal, this.#disposal.signal], async (signal) => {
      const statuses: EpStatus[] = [];
      // one after another, since one may be told by its speed
      for (const ep of epPreference) statuses.push(await orAborted(this.#probe.status(ep), signal));
      return statuses;
    });
  }

  /** Ends every child; resolves when they have ended and their files are gone. What is asked from now on is cancelled. */
  async dispose(): Promise<void> {
    this.#disposal.abort();
    await this.#turns.idle();
    await Promise.allSettled(this.#running);
    for (const dispose of [...this.#scratches.values()]) await dispose();
  }

  /** What the EP runs on; RunnerError 'ep' where it does not work. */
  async #deviceOf(ep: EpName, signal: AbortSignal): Promise<string> {
    const { available, detail } = await orAborted(this.#probe.status(ep), signal);
    if (!available) throw new RunnerError('ep', `The EP "${ep}" does not work here: ${detail}.`);
    return detail;
  }

  #task<T>(options: RunOptions, task: (signal: AbortSignal, scratch: string) => Promise<T>): Promise<T> {
    return this.#turn(options, (signal) => withScratch((scratch) => task(signal, scratch)));
  }

  /** After the tasks before it; ends with the caller's signal, and with this runner. */
  #turn<T>(options: RunOptions, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withAnySignal([options.signal, this.#disposal.signal], (signal) =>
      this.#turns.take(signal, () => task(signal)),
    );
  }

  #launch<K extends Job['kind']>(
    job: Extract<Job, { kind: K }>,
    options: LaunchOptions,
  ): Promise<JobResults[K]> {
    const { workerPath, execPath = process.execPath, execArgv = [], env = {} } = this.#options;
    const { silenceMs = defaultSilenceMs, ortFolder } = this.#options;
    const run = runJob<K>(job, {
      workerPath,
      execPath,
      execArgv,
      env: ortFolder === undefined ? env : { ...env, [ortFolderVariable]: ortFolder },
      ...options,
      silenceMs: Math.min(silenceMs, options.silenceMs ?? Infinity),
    });
    this.#running.add(run);
    return run.finally(() => this.#running.delete(run));
  }
}

const defaultPreviewSamples = 4;
const defaultMaxBatch = 4096;
/** Node, ONNX Runtime and what its arena takes in advance, beside the budget. */
const limitSlackBytes = 1024 ** 3;

/** On the CPU a size far too large must not take the machine's memory; a GPU says no by itself. */
function limitFor({ ep, budgetBytes }: LargestBatchRequest): number | undefined {
  return ep === 'cpu' ? 2 * budgetBytes + limitSlackBytes : undefined;
}

/** `task` at `batchSize`, and at half of it as long as memory does not suffice. */
async function halvedOnOutOfMemory<T>(
  batchSize: number,
  task: (batchSize: number) => Promise<T>,
): Promise<T> {
  for (let size = batchSize; ; size = Math.ceil(size / 2)) {
    try {
      return await task(size);
    } catch (error) {
      if (!(error instanceof RunnerError) || error.kind !== 'out-of-memory' || size <= 1) throw error;
    }
  }
}

/** A run with its process's GPU memory watched, on EPs that use a GPU. */
async function measured<T>(
  ep: EpName,
  launch: (onStart: (pid: number) => void) => Promise<T>,
): Promise<{ result: T; gpu: GpuPeak | undefined }> {
  if (ep === 'cpu') return { result: await launch(() => undefined), gpu: undefined };
  let pid: number | undefined;
  const sampler = new GpuSampler(() => pid);
  try {
    await sampler.ready();
    const result = await launch((started) => (pid = started));
    return { result, gpu: sampler.stop() };
  } finally {
    sampler.stop();
  }
}
