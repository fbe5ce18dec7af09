/** Runs a parser over a source: reads the next window whenever the parser asks for bytes. */
import type { Cursor } from './cursor.ts';
import type { Step } from './keys.ts';

/** What a parser gives of a message that is in the window as a whole. */
export function inWindow<T>(step: Step<T>): T {
  const state = step.next();
  if (state.done !== true) throw new TypeError('a parser asks for more than its message');
  return state.value;
}

/** After a jump over weights only a few fields follow before the next jump. */
const FIRST_WINDOW_BYTES = 16 * 1024;
/** Where fields follow fields, the window doubles up to this: large enough that a system call costs nothing. */
const LARGEST_WINDOW_BYTES = 1024 * 1024;

export async function drive<T>(cursor: Cursor, step: Step<T>, signal?: AbortSignal): Promise<T> {
  const { source } = cursor;
  let window = FIRST_WINDOW_BYTES;
  for (let state = step.next(); ; state = step.next()) {
    if (state.done === true) return state.value;
    signal?.throwIfAborted();
    window = cursor.isSequential ? Math.min(window * 2, LARGEST_WINDOW_BYTES) : FIRST_WINDOW_BYTES;
    const { offset } = cursor;
    const length = Math.min(Math.max(state.value, window), source.sizeBytes - offset);
    cursor.refill(await source.read(offset, length));
  }
}
