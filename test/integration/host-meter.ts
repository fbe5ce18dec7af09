/**
 * How long the extension host, which all extensions share, is kept busy at a stretch. Counted is the processor time of
 * its thread where Linux tells it, so that other work on the machine counts nothing; elsewhere, time on the clock.
 */
import { existsSync, readFileSync } from 'node:fs';

/** The thread of the host has the number of its process. */
const file = `/proc/self/task/${process.pid}/schedstat`;
const now = existsSync(file)
  ? () => Number(readFileSync(file, 'latin1').split(' ', 1)[0]) / 1e6
  : () => performance.now();

/** Turns of the event loop are told apart by so much. */
const tickMs = 2;

export interface Measured<T> {
  readonly result: T;
  /** The longest that nothing else could have run. */
  readonly longestMs: number;
}

export async function longestBlock<T>(work: () => Promise<T>): Promise<Measured<T>> {
  let last = now();
  let longestMs = 0;
  let timer: NodeJS.Timeout;
  const tick = (): void => {
    const at = now();
    longestMs = Math.max(longestMs, at - last);
    last = at;
    timer = setTimeout(tick, tickMs);
  };
  tick();
  try {
    const result = await work();
    // what it left to be done right after
    await new Promise((resolve) => setTimeout(resolve, 10 * tickMs));
    return { result, longestMs };
  } finally {
    clearTimeout(timer!);
  }
}
