/** Frees what is no longer in use: left to itself, V8 lets several batches of large tensors pile up outside its heap. */
import v8 from 'node:v8';
import vm from 'node:vm';

type Collect = (options?: { readonly type: 'minor' }) => void;

/** Less is not worth the milliseconds that a collection of what is young takes, which frees most tensors. */
const minorBytes = 8 * 1024 ** 2;
/** Less is not worth ten times as long, for those that were in use while one was made. */
const thresholdBytes = 32 * 1024 ** 2;

export class Garbage {
  readonly #collect: Collect;
  #bytes = 0;
  #youngBytes = 0;

  /** @param collect V8's own */
  constructor(collect: Collect = exposedCollector()) {
    this.#collect = collect;
  }

  /** Of what is in use no more: what the caller's frame still holds is not freed. */
  add(bytes: number): void {
    this.#bytes += bytes;
    this.#youngBytes += bytes;
    if (this.#youngBytes < minorBytes) return;
    this.#youngBytes = 0;
    if (this.#bytes < thresholdBytes) {
      this.#collect({ type: 'minor' });
      return;
    }
    this.#bytes = 0;
    this.#collect();
  }
}

/** Contexts made while the flag is set have it as `gc`. */
function exposedCollector(): Collect {
  v8.setFlagsFromString('--expose-gc');
  return vm.runInNewContext('gc') as Collect;
}
