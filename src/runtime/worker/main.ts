/**
 * Entry of the child process: takes one job from the parent, answers, and ends. The same file is the watching thread's
 * entry (see monitor.ts). Nothing else of the product loads ONNX Runtime.
 */
import { isMainThread } from 'node:worker_threads';
import { OnnxError } from '../../onnx/index.ts';
import { RunnerError } from '../failure.ts';
import type { ChildMessage, Job, JobResults } from '../messages.ts';
import { calibrate } from './calibrate.ts';
import { collectMoments } from './moments.ts';
import { startMonitor, watch } from './monitor.ts';
import { previewData } from './preview.ts';
import { probeEp, listBackends } from './probe.ts';
import { profileModel } from './profile-model.ts';
import { runModel } from './run-model.ts';
import { runValues } from './run-values.ts';

function send(message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, undefined, {}, () => resolve());
  });
}

const say = {
  phase: (phase: string) => void send({ type: 'phase', phase }),
  progress: (fraction: number, message: string) =>
    void send({ type: 'progress', progress: { fraction, message } }),
};
export type Say = typeof say;

function perform(job: Job): Promise<JobResults[keyof JobResults]> {
  switch (job.kind) {
    case 'backends':
      return listBackends();
    case 'probe':
      // a driver may crash: that is the EP's fault, not the runner's
      say.phase(`probing ${job.ep}`);
      return probeEp(job);
    case 'run':
      return runModel(job, say);
    case 'calibrate':
      return calibrate(job, say);
    case 'moments':
      return collectMoments(job, say);
    case 'values':
      return runValues(job, say);
    case 'preview':
      say.phase('reading the data');
      return previewData(job);
    case 'profile':
      return profileModel(job, say);
  }
}

async function answer(job: Job): Promise<void> {
  const memoryLimitBytes = 'session' in job ? job.session.settings.memoryLimitBytes : undefined;
  startMonitor({ scratch: 'scratch' in job ? job.scratch : undefined, memoryLimitBytes });
  try {
    await send({ type: 'result', result: await perform(job) });
  } catch (error) {
    const kind =
      error instanceof RunnerError ? error.kind : error instanceof OnnxError ? 'model' : 'internal';
    const message = error instanceof Error ? error.message : String(error);
    await send({ type: 'failed', kind, message });
  }
}

if (isMainThread) {
  process.on('disconnect', () => process.exit(0));
  process.once('message', (job) => void answer(job as Job));
  void send({ type: 'ready' });
} else {
  watch();
}
