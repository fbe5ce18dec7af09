/** V8's settings for a process that is over in a second or two. */
import { setFlagsFromString } from 'node:v8';

/** Bytes of bytecode that a function runs through before V8 optimizes it; by itself it would after a quarter of these. */
const INTERRUPT_BUDGET_BYTES = 500_000;

/**
 * Lets V8 optimize only what runs for long. Most functions of a command are done before their optimized code would be:
 * for a model of 10,000 nodes compiling it took nearly half of the processor time (docs/memory.md).
 */
export function optimizeLate(): void {
  setFlagsFromString(`--interrupt-budget=${INTERRUPT_BUDGET_BYTES}`);
}
