/** What the command line must know of the processor before it chooses what weights become. */
import { thisMachine } from '../machine.ts';
import { lazyRunner } from './check.ts';

/**
 * Where the system does not say whether int8 products overflow here (Windows), a run of a tiny model tells: some tenths of
 * a second. Where none can be run, it stays unknown.
 */
export async function knowProcessor(signal: AbortSignal): Promise<void> {
  if (thisMachine().int8Overflows !== undefined) return;
  const runner = lazyRunner({});
  try {
    await runner.get().cpuStatus({ signal });
  } catch {
    signal.throwIfAborted();
  } finally {
    await runner.dispose();
  }
}
