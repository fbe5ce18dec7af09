/**
 * One child process for one job: started, listened to, and ended, whatever happens. Its memory is its own, a native
 * crash in it is an error here, and cancelling kills it, since a run inside ONNX Runtime cannot be interrupted.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { cancelled, describeExit, libraryReason, RunnerError, startPhase } from './failure.ts';
import type { ChildMessage, Job, JobResults } from './messages.ts';
import type { RunOptions } from './types.ts';

export interface ChildOptions extends RunOptions {
  readonly workerPath: string;
  readonly execPath: string;
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ended with a 'timeout' error after so long without any message. */
  readonly silenceMs: number;
  /** Told the child's pid as soon as it runs. */
  readonly onStart?: ((pid: number) => void) | undefined;
}

/** Enough of stderr for a native assertion with its stack. */
const maxStderr = 16 * 1024;

const childEnv = {
  // inside VS Code, execPath is Electron: this makes it behave as Node
  ELECTRON_RUN_AS_NODE: '1',
  // ONNX Runtime 1.29 and later send usage data from Linux and macOS too, and leave files in the home folder
  ORT_DISABLE_TELEMETRY: '1',
};

/** Resolves after the child has ended. RunnerError for everything else. */
export function runJob<K extends Job['kind']>(
  job: Extract<Job, { kind: K }>,
  options: ChildOptions,
): Promise<JobResults[K]> {
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted === true) {
      reject(cancelled());
      return;
    }
    new JobRun(job, options, (outcome) => {
      if (outcome instanceof RunnerError) reject(outcome);
      else resolve(outcome as JobResults[K]);
    });
  });
}

type Outcome = RunnerError | JobResults[keyof JobResults];

class JobRun {
  readonly #child: ChildProcess;
  readonly #options: ChildOptions;
  readonly #settle: (outcome: Outcome) => void;
  readonly #onAbort = () => this.#end(cancelled());
  #outcome: Outcome | undefined;
  #phase = startPhase;
  #stderr = '';
  #silence: NodeJS.Timeout | undefined;

  constructor(job: Job, options: ChildOptions, settle: (outcome: Outcome) => void) {
    this.#options = options;
    this.#settle = settle;
    this.#child = fork(options.workerPath, [], {
      execPath: options.execPath,
      execArgv: [...options.execArgv],
      env: { ...process.env, ...childEnv, ...options.env },
      // keeps Infinity and NaN
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    if (this.#child.pid !== undefined) options.onStart?.(this.#child.pid);
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-maxStderr);
    });
    this.#child.on('message', (message) => this.#hear(message as ChildMessage, job));
    this.#child.on('error', (cause) => {
      this.#outcome ??= new RunnerError(
        'internal',
        `The runner process cannot be started: ${cause.message}.`,
        {
          cause,
        },
      );
      if (this.#child.pid === undefined) this.#finish();
    });
    // 'close', not 'exit': stderr has been read to its end
    this.#child.on('close', (code, signal) => {
      this.#outcome ??= describeExit({ code, signal, stderr: this.#stderr }, this.#phase);
      this.#finish();
    });
    this.#heard();
  }

  #hear(message: ChildMessage, job: Job): void {
    this.#heard();
    switch (message.type) {
      case 'ready':
        this.#child.send(job, (error) => {
          if (error !== null)
            this.#end(new RunnerError('internal', `The runner took no job: ${error.message}.`));
        });
        break;
      case 'phase':
        this.#phase = message.phase;
        break;
      case 'progress':
        this.#options.onProgress?.(message.progress);
        break;
      case 'result':
        this.#end(message.result);
        break;
      case 'failed':
        this.#end(new RunnerError(message.kind, message.message));
        break;
    }
  }

  #heard(): void {
    clearTimeout(this.#silence);
    const { silenceMs } = this.#options;
    this.#silence = setTimeout(() => {
      this.#end(
        new RunnerError(
          'timeout',
          `The runner gave no sign of life for ${Math.round(silenceMs / 1000)} s while ${this.#phase}, and was ended. Try a smaller batch size, or another execution provider.`,
        ),
      );
    }, silenceMs);
  }

  /** The child has nothing to tidy up, and native teardown can hang or crash: it is killed, also after success. */
  #end(outcome: Outcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    this.#child.kill('SIGKILL');
  }

  #finish(): void {
    clearTimeout(this.#silence);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    const outcome = this.#outcome;
    if (outcome !== undefined) this.#settle(this.#withReason(outcome));
  }

  /** What ONNX Runtime wrote of an EP's library belongs to its error. */
  #withReason(outcome: Outcome): Outcome {
    if (!(outcome instanceof RunnerError) || outcome.kind !== 'ep') return outcome;
    const reason = libraryReason(this.#stderr);
    if (reason === undefined) return outcome;
    return new RunnerError('ep', `${outcome.message} ${reason}.`, { cause: outcome });
  }
}
