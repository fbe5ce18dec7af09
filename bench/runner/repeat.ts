/**
 * Entry (`npm run bench:runner:repeat [-- RUNS]`): so many checks in a row, each with its child processes, and what the
 * host's memory does meanwhile. Fails where its heap after a collection grows by 2 % or more, or a folder is left.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Runner } from '../../src/runtime/index.ts';
import { bundleFolder, samples } from '../../test/unit/runtime/worker-bundle.ts';

const total = Number(process.argv[2] ?? 1000);
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const held = (): number => {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};
// of its own, so that others' folders are not counted
const folder = await mkdtemp(path.join(tmpdir(), 'lens-repeat-'));
process.env['TMPDIR'] = folder;
const bundles = await bundleFolder({ worker: 'src/runtime/worker/main.ts' });
const runner = new Runner({ workerPath: path.join(bundles, 'worker.cjs') });
const model = path.join(samples, 'fmnist_cnn.onnx');
try {
  // what is loaded and compiled once
  const warmUp = Math.min(50, Math.ceil(total / 5));
  let before = 0;
  for (let i = 0; i < total; i++) {
    if (i === warmUp) before = held();
    await runner.profile(model, { dims: { batch: 1 + (i % 8) } });
    if (i % 100 === 0) console.log(`${i}: ${(process.memoryUsage.rss() / 2 ** 20).toFixed(1)} MiB`);
  }
  const after = held();
  const growth = (after / before - 1) * 100;
  const handles = process.getActiveResourcesInfo().length;
  const left = (await readdir(folder)).filter((n) => n.startsWith('vram-lens-')).length;
  console.log(
    `${total} runs: ${(before / 2 ** 20).toFixed(1)} → ${(after / 2 ** 20).toFixed(1)} MiB of heap (${growth.toFixed(2)} %), ${handles} active handles, ${left} folders left`,
  );
  if (growth >= 2 || left > 0) process.exitCode = 1;
} finally {
  await runner.dispose();
  await rm(bundles, { recursive: true });
  await rm(folder, { recursive: true });
}
