/**
 * Runs models in child processes around ONNX Runtime, so that nothing they do can hurt the caller.
 *
 *     const runner = new Runner({ workerPath: 'dist/runtime-worker.cjs' });
 *     const report = await runner.check({ original, compressed, ep: 'cpu', batchSizes: [1, 8], … });
 *     await runner.dispose();
 */
import path from 'node:path';
import type { Moments, MomentsTarget } from '../analysis/calibration.ts';
import type { EpName, Optimization } from '../analysis/types.ts';
import { halvedOnOutOfMemory, measured } from './attempts.ts';
import { collected, type CollectedCalibration } from './calibrate/collected.ts';
import { readMoments } from './calibrate/moments.ts';
import { runJob } from './child.ts';
import { EpProbe, epPreference } from './eps.ts';
import { RunnerError } from './failure.ts';
import { inputHints } from './hints.ts';
import { keepOutputs, type KeepRequest, type KeptOutputs } from './kept-outputs.ts';
import { ortFolderVariable, type Job, type JobResults, type RunJob, type SessionSpec } from './messages.ts';
import { ProbeCache } from './probe-cache.ts';
import { makeScratch, removeScratch, withScratch } from './scratch.ts';
import { compareLayers } from './layers.ts';
import { memoryLimit, searchLargest } from './largest.ts';
import { limitedTo, mergedSettings } from './session-settings.ts';
import { peakOf, sweep } from './sweep.ts';
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
  SessionSettings,
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
  /** Of each run whose request does not say otherwise. */
  readonly session?: SessionSettings | undefined;
  /** A child is ended after so long without a word from it. Default 10 minutes: one run may be long. */
  readonly silenceMs?: number | undefined;
}

const defaultSilenceMs = 10 * 60_000;

interface LaunchOptions extends RunOptions {
  readonly onStart?: ((pid: number) => void) | undefined;
  readonly silenceMs?: number | undefined;
}

interface SessionRequest {
  readonly ep: EpName;
  readonly optimization?: Optimization | undefined;
  readonly session?: SessionSettings | undefined;
}

export class Runner {
  /** As {@link RunnerOptions.session}; may be changed, for what is begun from then on. */
  session: SessionSettings;
  readonly #options: RunnerOptions;
  readonly #disposal = new AbortController();
  readonly #turns = new Turns();
  readonly #running = new Set<Promise<unknown>>();
  readonly #probe: EpProbe;
  /** Scratch folders of results that are still in use, with what removes each. */
  readonly #scratches = new Map<string, () => Promise<void>>();

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.session = options.session ?? {};
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
      const report = await sweep(this.#withSession(request), {
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
      return this.#lasting(async (scratch, dispose) => {
        const { model, targets, data, dims, batchSymbols, maxPassBytes } = request;
        const session = this.#spec(request);
        const job = { model, session, targets, data, dims, batchSymbols, maxPassBytes, hints, scratch };
        const result = await halvedOnOutOfMemory(request.batchSize, (batchSize) =>
          this.#launch({ kind: 'calibrate', ...job, batchSize }, { signal, onProgress: options.onProgress }),
        );
        return collected(result, scratch, dispose);
      });
    });
  }

  /**
   * Runs the model once over the data and keeps its outputs, for other models to be compared with. They are on disk
   * until the result, or this runner, is disposed of.
   * @throws RunnerError 'ep', 'model', 'data', 'out-of-memory', 'cancelled'
   */
  keepOutputs(request: KeepRequest, options: RunOptions = {}): Promise<KeptOutputs> {
    return this.#turn(options, async (signal) => {
      await this.#deviceOf(request.ep, signal);
      const hints = await inputHints(request.model, signal);
      const session = this.#spec(request);
      return this.#lasting((scratch, dispose) =>
        keepOutputs(
          request,
          { signal, onProgress: options.onProgress },
          {
            ...{ scratch, hints, session, dispose },
            run: (job, own) => this.#launch(job, own),
            runLater: (job, own) => this.#turn(own, (later) => this.#launch(job, { ...own, signal: later })),
          },
        ),
      );
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
      const { original: model, changed, targets, kept, data, dims, batchSymbols, maxPassBytes } = request;
      const hints = await inputHints(model, signal);
      const session = this.#spec(request);
      const job = {
        model,
        changed,
        session,
        targets,
        kept,
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
      const { settings, ...spec } = this.#spec(request);
      const session = { ...spec, settings: limitedTo(memoryLimit(request), settings) };
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
        const session = this.#spec({ ep: on, session: request.session });
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
          measures: 'placement',
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
      return compareLayers(this.#withSession(request), {
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
    const { ep = 'cpu', dims = {}, optimization, runs = 1, seed = 0 } = options;
    return this.#task(options, async (signal, scratch) => {
      await this.#deviceOf(ep, signal);
      const hints = await inputHints(modelPath, signal);
      const session = this.#spec({ ep, optimization, session: options.session });
      const job = { model: modelPath, session, dims, hints, scratch, runs, seed };
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

  /** What a run on the CPU showed of it; found out once, and kept as `probeCache` says. */
  cpuStatus(options: Pick<RunOptions, 'signal'> = {}): Promise<EpStatus> {
    return withAnySignal([options.signal, this.#disposal.signal], (signal) =>
      orAborted(this.#probe.status('cpu'), signal),
    );
  }

  /** Ends every child; resolves when they have ended and their files are gone. What is asked from now on is cancelled. */
  async dispose(): Promise<void> {
    this.#disposal.abort();
    await this.#turns.idle();
    await Promise.allSettled(this.#running);
    for (const dispose of [...this.#scratches.values()]) await dispose();
  }

  #spec({ ep, optimization = 'all', session }: SessionRequest): SessionSpec {
    return { ep, optimization, settings: mergedSettings(this.session, session) };
  }

  #withSession<T extends Pick<SessionRequest, 'session'>>(request: T): T {
    return { ...request, session: mergedSettings(this.session, request.session) };
  }

  /** With a scratch folder that outlives the call: removed by what is handed on, else with this runner. */
  async #lasting<T>(task: (scratch: string, dispose: () => Promise<void>) => Promise<T>): Promise<T> {
    const scratch = await makeScratch();
    const dispose = async (): Promise<void> => {
      this.#scratches.delete(scratch);
      await removeScratch(scratch);
    };
    this.#scratches.set(scratch, dispose);
    try {
      return await task(scratch, dispose);
    } catch (error) {
      await dispose();
      throw error;
    }
  }

  /** What the EP runs on; RunnerError 'ep' where it does not work. */
  async #deviceOf(ep: EpName, signal: AbortSignal): Promise<string> {
    const { available, detail } = await orAborted(this.#probe.status(ep), signal);
    if (!available)
      throw new RunnerError(
        'ep',
        `The EP "${ep}" does not work here: ${detail}. Choose another execution provider.`,
      );
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
