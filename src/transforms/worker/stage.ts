/** Puts the large arguments of a job into shared memory; in a plain message each would leave a copy behind as garbage. */
import { sharedMemory, type Place } from '../shared-memory.ts';

/** Smaller arrays travel as they are. */
const SMALLEST_BYTES = 64 * 1024;

type Numbers = Float32Array | Uint8Array;

export interface Staged<T> {
  readonly args: T;
  /** To be called when the job has ended, one way or the other. */
  readonly release: () => void;
}

/** The same arguments, with the large arrays among them in shared memory. */
export function stage<T extends object>(args: T): Staged<T> {
  const taken: Place[] = [];
  const entries = Object.entries(args).map(([name, value]: [string, unknown]) => {
    if (!isLarge(value)) return [name, value];
    const place = sharedMemory.take(value.byteLength);
    taken.push(place);
    const { buffer, byteOffset } = place;
    const copy =
      value instanceof Float32Array
        ? new Float32Array(buffer, byteOffset, value.length)
        : place.subarray(0, value.length);
    copy.set(value);
    return [name, copy];
  });
  const release = () => {
    for (const place of taken.splice(0)) sharedMemory.give(place);
  };
  return { args: Object.fromEntries(entries) as T, release };
}

function isLarge(value: unknown): value is Numbers {
  const isNumbers = value instanceof Float32Array || value instanceof Uint8Array;
  return isNumbers && value.byteLength >= SMALLEST_BYTES && value.buffer instanceof ArrayBuffer;
}
