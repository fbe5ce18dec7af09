/**
 * Shared memory that is used again. A thread frees shared memory that it has seen late, if at all: a place made for
 * each chunk or tensor would add up to the size of the model.
 */
export class SharedMemory {
  private readonly free: SharedArrayBuffer[] = [];

  /** At least so many bytes, of any content; to be given back when no thread works on them any more. */
  take(bytes: number): SharedArrayBuffer {
    const fitting = this.free.filter((place) => place.byteLength >= bytes);
    if (fitting.length > 0) {
      const smallest = fitting.reduce((a, b) => (b.byteLength < a.byteLength ? b : a));
      this.free.splice(this.free.indexOf(smallest), 1);
      return smallest;
    }
    // a power of two, so that a few sizes serve all
    return new SharedArrayBuffer(2 ** Math.ceil(Math.log2(Math.max(1, bytes))));
  }

  give(place: SharedArrayBuffer): void {
    this.free.push(place);
  }
}

/** The memory of this process's kernels. */
export const sharedMemory = new SharedMemory();
