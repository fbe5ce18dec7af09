/**
 * Entry (`npm run bench:runner:repeat [-- RUNS [WARM_UP] [--as-it-is]]`): so many runs in a row, each in a child process and with a signal of
 * its own, and what the host's memory does meanwhile. Fails where its heap after a collection grows by 2 % or more, or
 * a folder is left.
 *
 * V8's optimizing compilers are off: what they make of busy functions, throw away and make anew is all that grows
 * otherwise (compared by constructor between heap snapshots after 200 and 1,000 runs), and would hide a real leak.
 * `--as-it-is` leaves them on; compiled code then counts, and WARM_UP runs should have made most of it.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Runner } from '../../src/runtime/index.ts';
import { bundleFolder, samples } from '../../test/unit/runtime/worker-bundle.ts';

const isAsItIs = process.argv.includes('--as-it-is');
const [total = 1000, warmUp = Math.min(50, Math.ceil(total / 5))] = process.argv
  .slice(2)
  .filter((a) => /^\d+$/.test(a))
  .map(Number);
setFlagsFromString('--expose-gc');
if (!isAsItIs) for (const flag of ['--no-opt', '--no-maglev', '--no-sparkplug']) setFlagsFromString(flag);
const collect = runInNewContext('gc') as () => void;
const held = (): number => {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};
const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(2);
// of its own, so that others' folders are not counted
const folder = await mkdtemp(path.join(tmpdir(), 'lens-repeat-'));
process.env['TMPDIR'] = folder;
const bundles = await bundleFolder({ worker: 'src/runtime/worker/main.ts' });
const runner = new Runner({ workerPath: path.join(bundles, 'worker.cjs') });
const model = path.join(samples, 'fmnist_cnn.onnx');
try {
  let before = 0;
  let rss = 0;
  for (let i = 0; i < total; i++) {
    // what is loaded and compiled once is there by now
    if (i === warmUp) {
      before = held();
      rss = process.memoryUsage.rss();
    }
    const { signal } = new AbortController();
    await runner.profile(model, { dims: { batch: 1 + (i % 8) }, signal });
    if (i % 100 === 0)
      console.log(`${i}: ${mib(held())} MiB of heap, ${mib(process.memoryUsage.rss())} MiB resident`);
  }
  const after = held();
  const growth = (after / before - 1) * 100;
  const handles = process.getActiveResourcesInfo().length;
  const left = (await readdir(folder)).filter((n) => n.startsWith('vram-lens-')).length;
  console.log(
    `${total} runs: ${mib(before)} → ${mib(after)} MiB of heap (${growth.toFixed(2)} %), ${handles} active handles, ${left} folders left; ${mib(rss)} → ${mib(process.memoryUsage.rss())} MiB resident`,
  );
  if (growth >= 2 || left > 0) process.exitCode = 1;
} finally {
  await runner.dispose();
  await rm(bundles, { recursive: true });
  await rm(folder, { recursive: true });
}
