/** The runner of this thread, for edits that look at activations: made anew where other files of ONNX Runtime are to be used. */
import { Runner, type RunnerOptions } from '../../src/runtime/index.ts';

let current: { readonly key: string; readonly runner: Runner } | undefined;

export function runnerFor(options: RunnerOptions): Runner {
  const key = JSON.stringify(options);
  if (current?.key === key) return current.runner;
  const old = current?.runner;
  current = { key, runner: new Runner(options) };
  // what it runs goes on to its end in its own processes
  void old?.dispose();
  return current.runner;
}
