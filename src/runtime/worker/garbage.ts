/** Frees what is no longer in use now: left to itself, V8 lets several batches of large tensors pile up outside its heap. */
import v8 from 'node:v8';
import vm from 'node:vm';

let collect: (() => void) | undefined;

export function collectGarbage(): void {
  collect ??= exposedCollector();
  collect();
}

/** Contexts made while the flag is set have it as `gc`. */
function exposedCollector(): () => void {
  v8.setFlagsFromString('--expose-gc');
  return vm.runInNewContext('gc') as () => void;
}
