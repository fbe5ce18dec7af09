/** Frees what is no longer in use: left to itself, V8 lets several batches of large tensors pile up outside its heap. */
import v8 from 'node:v8';
import vm from 'node:vm';

/** Less is not worth the time that a collection takes. */
const thresholdBytes = 32 * 1024 ** 2;

export class Garbage {
  #bytes = 0;
  #collect: (() => void) | undefined;

  /** Of what is in use no more. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < thresholdBytes) return;
    this.#bytes = 0;
    this.#collect ??= exposedCollector();
    this.#collect();
  }
}

/** Contexts made while the flag is set have it as `gc`. */
function exposedCollector(): () => void {
  v8.setFlagsFromString('--expose-gc');
  return vm.runInNewContext('gc') as () => void;
}
