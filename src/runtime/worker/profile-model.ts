/** Runs with ONNX Runtime's profiler on: which kernel ran where, and what the arena held. */
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { openData } from '../data/open.ts';
import { RunnerError } from '../failure.ts';
import { planAtDims, planInputs } from '../inputs.ts';
import type { ProfileJob, ProfileResult, RunJob } from '../messages.ts';
import { nodeTimesOf, parseProfile, peakInUse, placementOf } from '../profile.ts';
import type { KernelTime } from '../../analysis/index.ts';
import type { ProfiledNode } from '../types.ts';
import type { Say } from './main.ts';
import { peakBytes, resetPeak, residentBytes } from './memory.ts';
import { createSession, describeTensors, loadOrt, runSession, tensorOutputs, toFeeds } from './session.ts';
import type { Ort } from './session.ts';

export interface ProfiledRuns {
  /** Of the first run. */
  readonly nodes: readonly ProfiledNode[];
  /** Of the others. */
  readonly times: readonly KernelTime[];
  /** `mem_in_use_peak` after each run. */
  readonly peaks: readonly (number | undefined)[];
}

interface ProfiledSession {
  readonly session: InferenceSession;
  /** Ends the session, and reads its profile. */
  readonly end: () => Promise<ProfiledRuns>;
}

export async function profiledSession(
  ort: Ort,
  job: Pick<RunJob | ProfileJob, 'model' | 'session' | 'scratch'>,
): Promise<ProfiledSession> {
  const prefix = `profile-${process.pid}`;
  const session = await createSession(ort, job.model, job.session, path.join(job.scratch, prefix));
  const end = async (): Promise<ProfiledRuns> => {
    session.endProfiling();
    await session.release();
    const file = (await readdir(job.scratch)).find((f) => f.startsWith(prefix));
    if (file === undefined) throw new RunnerError('internal', 'ONNX Runtime wrote no profile.');
    const full = path.join(job.scratch, file);
    const perRun = parseProfile(await readFile(full, 'utf8'));
    await rm(full);
    return { nodes: perRun[0] ?? [], times: nodeTimesOf(perRun), peaks: perRun.map(peakInUse) };
  };
  return { session, end };
}

/** Makes a session with profiling, runs it `runs` times on the same feeds, and reads the profile. */
export async function profileRuns(
  ort: Ort,
  job: Pick<RunJob | ProfileJob, 'model' | 'session' | 'scratch'>,
  feedsFor: (session: InferenceSession) => Promise<Record<string, Tensor>>,
  runs: number,
): Promise<ProfiledRuns> {
  const { session, end } = await profiledSession(ort, job);
  const feeds = await feedsFor(session);
  for (let i = 0; i < runs; i++) {
    await runSession(session, feeds, tensorOutputs(session), 'running with the profiler on');
  }
  return end();
}

export async function profileModel(job: ProfileJob, say: Say): Promise<ProfileResult> {
  const ort = await loadOrt();
  const baseline = residentBytes();
  resetPeak();
  say.phase(`loading and running ${path.basename(job.model)} on ${job.session.ep}`);
  let warnings: readonly string[] = [];
  const { nodes, times, peaks } = await profileRuns(ort, job, feedsFor, job.runs);
  return {
    ortVersion: ort.env.versions.node ?? 'unknown',
    nodes,
    times,
    placement: placementOf(nodes),
    memInUsePeakBytes: peaks,
    processPeakBytes: Math.max(0, peakBytes() - baseline),
    warnings,
  };

  async function feedsFor(session: InferenceSession): Promise<Record<string, Tensor>> {
    const infos = describeTensors(session.inputMetadata);
    const { batchSize } = job;
    const plan =
      batchSize === undefined ? planAtDims(infos, job.dims) : planInputs(infos, { ...job, batchSize });
    warnings = plan.warnings;
    const data = await openData({ kind: 'random', seed: job.seed, samples: batchSize ?? 1 }, plan, job.hints);
    const first = await data.batches().next();
    return first.done === true ? {} : toFeeds(ort, first.value.feeds);
  }
}
