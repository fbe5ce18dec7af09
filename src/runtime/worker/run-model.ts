/**
 * One model at one batch size over the data: timed without profiling first, then two batches with it, for what ran
 * where and the arena's peak. Where only the outputs are wanted, once over the data with the profiler on.
 */
import path from 'node:path';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { openData } from '../data/open.ts';
import type { Batch, DataSource } from '../data/source.ts';
import { RunnerError } from '../failure.ts';
import { planInputs } from '../inputs.ts';
import { arenaByCause } from '../memory-causes.ts';
import type { RunJob, RunResult } from '../messages.ts';
import { LabelMetrics, type Answer } from '../metrics/labels.ts';
import { quantile } from '../metrics/outputs.ts';
import { fallbacksOf, placementOf } from '../profile.ts';
import type { Say } from './main.ts';
import { peakBytes, resetPeak, residentBytes } from './memory.ts';
import { OutputComparer, OutputWriter, toNumbers } from './outputs.ts';
import { profiledSession, profileRuns, type ProfiledRuns } from './profile-model.ts';
import { createSession, describeTensors, loadOrt, runSession, tensorOutputs, toFeeds } from './session.ts';
import type { Ort, Outputs } from './session.ts';

/** So many timings at least make a median, unless one takes longer than {@link enoughMs} in all. */
const minTimings = 10;
const enoughMs = 500;
/** Runs shorter than this are timed one right after the other, so many of them. */
const shortMs = 20;
const shortTimings = 100;
/** So often a model is run with the profiler on, of which two tell memory, as long as that is quick. */
const profiledRuns = 12;
const profiledMs = 300;
/** Short beside a second, in which a person sees what goes on. */
const sayEveryMs = 50;

export async function runModel(job: RunJob, say: Say): Promise<RunResult> {
  const ort = await loadOrt();
  const baseline = residentBytes();
  resetPeak();
  say.phase(`loading ${path.basename(job.model)} on ${job.session.ep}`);
  // the profiler would slow what is timed
  const profiled = job.measures === 'placement' ? await profiledSession(ort, job) : undefined;
  const session = profiled?.session ?? (await createSession(ort, job.model, job.session));
  const loaded = residentBytes();
  const plan = planInputs(describeTensors(session.inputMetadata), job);
  const data = await openData(job.data, plan, job.hints);
  try {
    const timed = await runAll(ort, session, job, data, say);
    const processPeakBytes = Math.max(0, peakBytes() - baseline);
    const runs =
      job.measures === 'outputs'
        ? { nodes: [], times: [], peaks: [] }
        : await (profiled?.end() ?? profileAnew(ort, session, job, timed, say));
    return {
      ...timed.stats,
      samples: data.samples,
      placement: placementOf(runs.nodes),
      fallbacks: fallbacksOf(runs.nodes, job.session.ep),
      times: runs.times,
      memInUsePeakBytes: runs.peaks,
      processPeakBytes,
      memory: {
        ...arenaByCause(runs.nodes, runs.peaks[0]),
        processBeforeBytes: baseline,
        processLoadBytes: Math.max(0, loaded - baseline),
        processRunBytes: Math.max(0, baseline + processPeakBytes - loaded),
      },
      dataDescription: data.description,
      hasLabels: data.hasLabels,
      ortVersion: ort.env.versions.node ?? 'unknown',
      warnings: [...plan.warnings, ...data.warnings, ...timed.warnings],
    };
  } finally {
    data.close();
  }
}

/**
 * Runs in a session of their own: the arena may hold more in the second than in the first, and kernels are timed by the
 * quickest of those after the first.
 */
async function profileAnew(
  ort: Ort,
  session: InferenceSession,
  job: RunJob,
  { firstFeeds, stats }: Timed,
  say: Say,
): Promise<ProfiledRuns> {
  await session.release();
  say.phase(`profiling ${path.basename(job.model)}`);
  const quick = Math.floor(profiledMs / Math.max(stats.latencyP50Ms, 0.01));
  const runs = Math.min(profiledRuns, Math.max(2, quick));
  const profile = await profileRuns(ort, job, () => Promise.resolve(firstFeeds), runs);
  return { ...profile, peaks: profile.peaks.slice(0, 2) };
}

interface Timed {
  readonly stats: Pick<
    RunResult,
    'latencyP50Ms' | 'latencyP95Ms' | 'samplesPerSecond' | 'accuracy' | 'labelMetrics' | 'boxes' | 'outputs'
  >;
  readonly warnings: readonly string[];
  readonly firstFeeds: Record<string, Tensor>;
}

async function runAll(
  ort: Ort,
  session: InferenceSession,
  job: RunJob,
  data: DataSource,
  say: Say,
): Promise<Timed> {
  const fetches = tensorOutputs(session);
  const writer = job.saveOutputs === undefined ? undefined : await OutputWriter.create(job.saveOutputs);
  const comparer = job.compareWith === undefined ? undefined : await OutputComparer.open(job.compareWith);
  const labels = new LabelMetrics(job.data.kind === 'images' ? job.data.boxes : undefined);
  const timings: number[] = [];
  let firstFeeds: Record<string, Tensor> | undefined;
  const isTimed = job.measures === undefined || job.measures === 'all';
  let done = 0;
  let saidAt = 0;
  const total = Math.ceil(data.samples / job.batchSize);
  const run = async (feeds: Record<string, Tensor>, what: string, isCounted: boolean): Promise<Outputs> => {
    const start = performance.now();
    const outputs = await runSession(session, feeds, fetches, what);
    if (isCounted) timings.push(performance.now() - start);
    return outputs;
  };
  for await (const batch of data.batches()) {
    const what = `running batch ${++done} of ${total} at batch size ${job.batchSize}`;
    // messages between short runs would slow what is timed
    const isSaid = done === 1 || done === total || performance.now() - saidAt > sayEveryMs;
    if (isSaid) {
      saidAt = performance.now();
      say.phase(what);
    }
    const feeds = toFeeds(ort, batch.feeds);
    if (firstFeeds === undefined) {
      firstFeeds = feeds;
      // the first run allocates and compiles; it is not timed
      if (isTimed) await run(feeds, what, false);
    }
    const outputs = await run(feeds, what, batch.count === job.batchSize || total === 1);
    await writer?.write(outputs);
    await comparer?.compare(outputs);
    score(outputs, batch, labels);
    if (isSaid) say.progress(done / total, `batch ${done} of ${total}`);
  }
  if (firstFeeds === undefined) throw new RunnerError('data', 'The data hold no sample.');
  if (isTimed) {
    const repeated = firstFeeds;
    await steady(timings, () => run(repeated, 'repeating a batch for its timing', true));
  }
  await writer?.close();
  const labelMetrics = labels.result();
  const p50 = quantile(timings, 0.5) ?? 0;
  return {
    firstFeeds,
    warnings: [...labels.warnings, ...(comparer?.warnings ?? [])],
    stats: {
      latencyP50Ms: p50,
      latencyP95Ms: quantile(timings, 0.95) ?? 0,
      samplesPerSecond: (Math.min(job.batchSize, data.samples) / p50) * 1000,
      accuracy: labelMetrics.find((m) => m.name === 'top-1')?.value,
      labelMetrics,
      boxes: labels.boxes,
      outputs: (await comparer?.close()) ?? [],
    },
  };
}

/** Repeats a batch, each of which adds a timing, until there are enough for a median. */
async function steady(timings: number[], repeat: () => Promise<unknown>): Promise<void> {
  // between short runs, what is done with their outputs lets ORT's threads go to sleep: these follow at once
  const isShort = (quantile(timings, 0.5) ?? 0) < shortMs;
  if (isShort) timings.length = 0;
  const wanted = isShort ? shortTimings : minTimings;
  for (let spent = sum(timings); timings.length < wanted && spent < enoughMs; spent = sum(timings)) {
    await repeat();
  }
}

/** Outputs of floats and integers against what the batch's samples should give. */
function score(outputs: Outputs, batch: Batch, metrics: LabelMetrics): void {
  const targets = batch.targets ?? batch.labels?.map((value) => ({ kind: 'class', value }) as const);
  if (targets === undefined) return;
  const answers: Record<string, Answer> = {};
  for (const [name, tensor] of Object.entries(outputs)) {
    const numbers = toNumbers(tensor);
    if (numbers !== undefined)
      answers[name] = { dims: tensor.dims, values: numbers.slice(0, numbers.length), type: tensor.type };
  }
  metrics.push(answers, targets);
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
