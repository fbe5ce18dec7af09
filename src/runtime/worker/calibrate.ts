/**
 * Collects what calibration needs: the model is run over the data with the targets' values as outputs, as often as
 * their sizes ask for, and once more for histograms, whose limits the first run finds.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { AbsHistogram } from '../../analysis/calibration.ts';
import { openModel, type Model } from '../../onnx/index.ts';
import type { CalibrationResult, CollectedGram } from '../calibrate/collected.ts';
import { byTensor, type TensorTargets } from '../calibrate/keys.ts';
import { planPasses, type PassLimits } from '../calibrate/passes.ts';
import { HistogramCounter, TensorCounter, type CollectedTensor } from '../calibrate/statistics.ts';
import { openData } from '../data/open.ts';
import type { Batch, DataSource } from '../data/source.ts';
import { RunnerError } from '../failure.ts';
import { planInputs, sizesOf, type InputPlan } from '../inputs.ts';
import type { CalibrateJob } from '../messages.ts';
import { modelInputs } from '../model-inputs.ts';
import { exposed } from './expose.ts';
import { Garbage } from './garbage.ts';
import { GramAdder, GramSum } from './gram-sums.ts';
import { lifted, type Lifted } from '../lift.ts';
import type { Say } from './main.ts';
import { toNumbers } from './outputs.ts';
import { createSession, loadOrt, runSession, toFeeds, type Ort } from './session.ts';

/**
 * Few values at once: the model may be run a few times more for it, but a process that holds all the values of a batch
 * takes as much memory as the largest part of it. A matrix is kept for a whole pass, whatever the batch.
 */
const usualLimits: PassLimits = { valueBytes: 32 * 1024 ** 2, matrixBytes: 256 * 1024 ** 2 };

function limitsOf({ maxPassBytes }: CalibrateJob): PassLimits {
  return maxPassBytes === undefined ? usualLimits : { valueBytes: maxPassBytes, matrixBytes: maxPassBytes };
}

export async function calibrate(job: CalibrateJob, say: Say): Promise<CalibrationResult> {
  const opened = await openModel(job.model);
  const targets = byTensor(job.targets);
  const { model, types } = lifted(
    opened,
    targets.map((t) => t.tensor),
  );
  const plan = smallEnough(model, targets, types, job);
  const data = await openData(job.data, plan, job.hints);
  try {
    const dims = sizesOf(plan);
    const passes = planPasses(model, targets, dims, limitsOf(job), types);
    const histogramTargets = targets.filter((t) => t.histogramBins > 0).map((t) => ({ ...t, grams: [] }));
    const histogramPasses = planPasses(model, histogramTargets, dims, limitsOf(job), types);
    const runs = passes.length + histogramPasses.length;
    const calibrator = new Calibrator(await loadOrt(), { model, job, data, runs, say });
    for (const pass of passes) await calibrator.count(pass);
    for (const pass of histogramPasses) await calibrator.countBins(pass);
    const result = calibrator.result();
    return { ...result, warnings: [...plan.warnings, ...data.warnings, ...result.warnings] };
  } finally {
    data.close();
    await model.source.close();
  }
}

/**
 * Inputs at the batch size asked for, or at a half of it, and so on, until one pass holds what it fetches: that is
 * fewer runs than several passes over whole batches. A batch that the file fixes stays.
 */
function smallEnough(
  model: Model,
  targets: readonly TensorTargets[],
  types: Lifted['types'],
  job: CalibrateJob,
): InputPlan {
  const infos = modelInputs(model);
  // matrices are as large whatever the batch
  const fetched = targets.map((t) => ({ ...t, grams: [] }));
  for (let { batchSize } = job; ; batchSize = Math.ceil(batchSize / 2)) {
    const plan = planInputs(infos, { ...job, batchSize, acceptFixedBatch: true });
    const isOnePass = planPasses(model, fetched, sizesOf(plan), limitsOf(job), types).length <= 1;
    if (isOnePass || plan.isFixedBatch || batchSize <= 1) return plan;
  }
}

interface Setting {
  readonly model: Model;
  readonly job: CalibrateJob;
  readonly data: DataSource;
  /** Passes over the data in all. */
  readonly runs: number;
  readonly say: Say;
}

/** One tensor of one batch of `samples`. */
type Visit = (
  target: TensorTargets,
  values: ArrayLike<number>,
  dims: readonly number[],
  samples: number,
) => void | Promise<void>;

/** What is done with each batch. */
interface BatchRun {
  readonly targets: readonly TensorTargets[];
  readonly visit: Visit;
  /** Undefined where only inputs are looked at. */
  readonly session: InferenceSession | undefined;
  readonly fetches: readonly string[];
  /** For messages. */
  readonly what: string;
}

class Calibrator {
  readonly #ort: Ort;
  readonly #setting: Setting;
  readonly #counters = new Map<string, TensorCounter>();
  readonly #histograms: Record<string, AbsHistogram> = {};
  readonly #grams: CollectedGram[] = [];
  #runsDone = 0;

  constructor(ort: Ort, setting: Setting) {
    this.#ort = ort;
    this.#setting = setting;
  }

  /** Everything but histograms. */
  async count(targets: readonly TensorTargets[]): Promise<void> {
    const { data, job } = this.#setting;
    for (const t of targets) this.#counters.set(t.tensor, new TensorCounter(t.channelAxes));
    const sums = new Map(
      targets.map((t) => [t.tensor, t.grams.map((g) => new GramSum(t.tensor, g, data.samples))]),
    );
    const adder = targets.some((t) => t.grams.length > 0) ? await GramAdder.create(this.#ort) : undefined;
    await this.#run(targets, async ({ tensor }, values, dims, samples) => {
      this.#counters.get(tensor)?.push(values, dims);
      if (adder === undefined) return;
      for (const sum of sums.get(tensor) ?? []) await sum.push(adder, values, dims, samples);
    });
    for (const sum of [...sums.values()].flat()) {
      this.#grams.push(await sum.write(job.scratch, `gram-${this.#grams.length}`));
    }
    await adder?.release();
  }

  /** Histograms, up to the limits that {@link count} found. */
  async countBins(targets: readonly TensorTargets[]): Promise<void> {
    const counters = new Map(
      targets.map(({ tensor, histogramBins }) => [
        tensor,
        new HistogramCounter(this.#counters.get(tensor)?.absMax ?? 0, histogramBins),
      ]),
    );
    await this.#run(targets, ({ tensor }, values) => counters.get(tensor)?.push(values));
    for (const [tensor, counter] of counters) this.#histograms[tensor] = counter.result();
  }

  result(): CalibrationResult {
    const tensors = [...this.#counters].map(([name, counter]): CollectedTensor => counter.result(name));
    return {
      samples: this.#setting.data.samples,
      tensors,
      histograms: this.#histograms,
      grams: this.#grams,
      dataDescription: this.#setting.data.description,
      ortVersion: this.#ort.env.versions.node ?? 'unknown',
      warnings: tensors
        .filter((t) => t.nonFinite > 0)
        .map((t) => `"${t.tensor}" held ${t.nonFinite} values that are NaN or infinite; they were left out.`),
    };
  }

  /** One session and one pass over the data. */
  async #run(targets: readonly TensorTargets[], visit: Visit): Promise<void> {
    const { model, job, data, runs, say } = this.#setting;
    const name = path.basename(job.model);
    say.phase(`loading ${name} on ${job.session.ep}`);
    const inputs = new Set(model.graph.inputs.map((i) => i.name));
    const fetches = targets.map((t) => t.tensor).filter((t) => !inputs.has(t));
    const file = path.join(job.scratch, `exposed-${this.#runsDone}.onnx`);
    const session =
      fetches.length === 0
        ? undefined
        : await createSession(this.#ort, await exposed(model, fetches, file), job.session);
    let seen = 0;
    const garbage = new Garbage();
    for await (const batch of data.batches()) {
      const what = `collecting from samples ${seen + 1} to ${seen + batch.count} of ${data.samples}`;
      say.phase(what);
      garbage.add(await this.#runBatch(batch, { targets, visit, session, fetches, what }));
      seen += batch.count;
      say.progress(
        (this.#runsDone + seen / data.samples) / runs,
        `${what}, pass ${this.#runsDone + 1} of ${runs}`,
      );
    }
    await session?.release();
    await rm(file, { force: true });
    this.#runsDone++;
  }

  /** @returns bytes of its tensors, all of which are in use no more */
  async #runBatch(batch: Batch, run: BatchRun): Promise<number> {
    const { targets, visit, session, fetches, what } = run;
    const feeds = toFeeds(this.#ort, batch.feeds);
    const tensors: Readonly<Record<string, Tensor>> = {
      ...feeds,
      ...(session === undefined ? {} : await runSession(session, feeds, fetches, what)),
    };
    for (const target of targets) {
      const tensor = tensors[target.tensor];
      if (tensor !== undefined) await visitTensor(target, tensor, batch.count, visit);
    }
    return Object.values(tensors).reduce((sum, t) => sum + bytesOf(t), 0);
  }
}

/** Texts, which nothing is collected of, count for nothing. */
function bytesOf({ data }: Tensor): number {
  return 'byteLength' in data ? data.byteLength : 0;
}

async function visitTensor(
  target: TensorTargets,
  tensor: Tensor,
  samples: number,
  visit: Visit,
): Promise<void> {
  const numbers = toNumbers(tensor);
  if (numbers === undefined) {
    throw new RunnerError('model', `"${target.tensor}" holds strings, of which nothing can be collected.`);
  }
  try {
    await visit(target, numbers.slice(0, numbers.length), tensor.dims, samples);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RunnerError('model', `"${target.tensor}" cannot be collected: ${error.message}.`, {
      cause: error,
    });
  }
}
