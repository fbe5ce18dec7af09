/**
 * Memory of all threads: one WebAssembly memory, so that vector kernels put their results where they belong. It is used
 * again: what a thread frees of shared memory it frees late, and a place made for each chunk or tensor would add up to
 * the size of the model.
 */
import { PAGE_BYTES, threadsMemory, type ThreadsMemory } from './wasm/instance.ts';

/** Bytes of the shared memory, of any content. */
export type Place = Uint8Array<SharedArrayBuffer>;

/** Places begin at whole cache lines. */
const SMALLEST_BYTES = 64;

export class SharedMemory {
  private made: ThreadsMemory | undefined;
  private readonly free: Place[] = [];
  private usedBytes = 0;

  /** What a thread gets to see the same memory. */
  get memory(): ThreadsMemory {
    return (this.made ??= threadsMemory());
  }

  /** In a thread: takes the memory of the one that started it, which alone gives out places. */
  join(memory: ThreadsMemory): void {
    this.made = memory;
  }

  /**
   * At least so many bytes, to be given back when no thread works on them any more.
   * @throws RangeError beyond 4 GiB in all
   */
  take(bytes: number): Place {
    const fitting = this.free.filter((place) => place.byteLength >= bytes);
    if (fitting.length > 0) {
      const smallest = fitting.reduce((a, b) => (b.byteLength < a.byteLength ? b : a));
      this.free.splice(this.free.indexOf(smallest), 1);
      return smallest;
    }
    // a power of two, so that a few sizes serve all
    return this.add(2 ** Math.ceil(Math.log2(Math.max(SMALLEST_BYTES, bytes))));
  }

  give(place: Place): void {
    this.free.push(place);
  }

  private add(bytes: number): Place {
    const { memory } = this;
    const missing = this.usedBytes + bytes - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
    const place = new Uint8Array(memory.buffer, this.usedBytes, bytes);
    this.usedBytes += bytes;
    return place;
  }
}

/** The memory of this process's kernels. */
export const sharedMemory = new SharedMemory();
