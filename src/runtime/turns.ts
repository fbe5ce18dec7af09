/** Tasks take turns: two at a time would disturb each other's timings and memory. */
import { cancelled } from './failure.ts';

export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `task` after the tasks before it; RunnerError 'cancelled' at once where `signal` aborts while it waits. */
  take<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    const started = orAborted(this.#last, signal);
    const run = started.then(task);
    const settled = () => undefined;
    // one that gave up waiting does not let the next one overtake those before it; the results of those are let go,
    // or each would hold the one before it for ever
    this.#last = Promise.all([this.#last, run.then(settled, settled)]).then(settled);
    return run;
  }

  /** Resolves once every task given so far has ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}

/** `promise`, unless `signal` aborts first: RunnerError 'cancelled'. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(cancelled());
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/**
 * `task` with a signal that aborts as soon as one of `signals` does, and which lets go of them when the task has ended:
 * up to Node.js 22, AbortSignal.any leaves something behind in each, which grows where one lives long.
 */
export async function withAnySignal<T>(
  signals: readonly (AbortSignal | undefined)[],
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  for (const signal of signals) {
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
  }
  try {
    return await task(controller.signal);
  } finally {
    for (const signal of signals) signal?.removeEventListener('abort', abort);
  }
}
