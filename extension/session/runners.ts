/** The runner of this thread, for edits that look at activations: made anew where other files of ONNX Runtime are to be used. */
import { Runner, type RunnerOptions } from '../../src/runtime/index.ts';

let current: { readonly key: string; readonly runner: Runner } | undefined;

export function runnerFor({ session = {}, ...options }: RunnerOptions): Runner {
  const key = JSON.stringify(options);
  if (current?.key !== key) {
    // what it runs ends, as its files are no longer those to be used
    void current?.runner.dispose();
    current = { key, runner: new Runner(options) };
  }
  current.runner.session = session;
  return current.runner;
}
