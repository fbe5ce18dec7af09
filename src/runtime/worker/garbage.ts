/** Frees what is no longer in use: left to itself, V8 lets several batches of large tensors pile up outside its heap. */
import v8 from 'node:v8';
import vm from 'node:vm';

type Collect = (options?: { readonly type: 'minor' }) => void;

/** Less is not worth the milliseconds that a collection of what is young takes, which frees most tensors. */
const youngBytes = 8 * 1024 ** 2;
/** Less, at once or left over, is not worth a whole collection, which takes ten times as long. */
const wholeBytes = 16 * 1024 ** 2;

/** V8 itself; another in tests. */
export interface Heap {
  readonly collect: Collect;
  /** Outside of the heap, held by what is in it. */
  readonly externalBytes: () => number;
}

export class Garbage {
  readonly #heap: Heap;
  /** After the last whole collection. */
  #usualBytes: number;
  #bytes = 0;

  constructor(heap: Heap = v8Heap()) {
    this.#heap = heap;
    this.#usualBytes = heap.externalBytes();
  }

  /** Of what is in use no more: what the caller's frame still holds is not freed. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < youngBytes) return;
    const { collect, externalBytes } = this.#heap;
    const isLarge = this.#bytes >= wholeBytes;
    this.#bytes = 0;
    if (!isLarge) collect({ type: 'minor' });
    if (!isLarge && externalBytes() < this.#usualBytes + wholeBytes) return;
    collect();
    this.#usualBytes = externalBytes();
  }
}

function v8Heap(): Heap {
  // contexts made while the flag is set have it as `gc`
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as Collect;
  return { collect, externalBytes: () => v8.getHeapStatistics().external_memory };
}
