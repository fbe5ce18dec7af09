/** Runs long work in slices, so that the page answers and draws in between. */

/** Half of what a frame at 60 Hz has. */
const sliceMs = 8;

/** @param work yields wherever it may be interrupted, and returns its result */
export async function sliced<T>(work: Generator<undefined, T, undefined>): Promise<T> {
  let start = performance.now();
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (performance.now() - start < sliceMs) continue;
    await new Promise((resolve) => setTimeout(resolve));
    start = performance.now();
  }
}
