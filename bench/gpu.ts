/**
 * Entry (`npm run bench:gpu [-- FILTER]`), for anyone with a GPU: predicted against measured memory, speed and placement
 * on every EP that works here beside the CPU, and how far its answers are from the CPU's. Prints Markdown with the
 * card's name, for docs/runner.md. Libraries of CUDA are looked for by the system's own means (LD_LIBRARY_PATH). Where
 * no GPU is found, WebGPU runs on SwiftShader (of Chromium), which takes minutes and tells nothing of speed.
 *
 * `VRAM_LENS_ORT=folder`: a package onnxruntime-node with CUDA's files, as "Install CUDA Support" makes it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { analyze } from '../src/analysis/index.ts';
import { openModel } from '../src/onnx/index.ts';
import { listGpus, Runner } from '../src/runtime/index.ts';
import { swiftShader } from '../test/unit/runtime/software-gpu.ts';
import { bundleFolder, models, samples } from '../test/unit/runtime/worker-bundle.ts';

const batchSizes = { gpu: [1, 8, 32], software: [1, 8] };
const filter = process.argv[2] ?? '';
const candidates = [
  path.join(samples, 'fmnist_cnn.onnx'),
  path.join(models, 'fmnist_mobres.onnx'),
  path.join(models, 'mnist_transformer.onnx'),
].filter((m) => m.includes(filter));

const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-bench-'));
const bundles = await bundleFolder({ worker: 'src/runtime/worker/main.ts' });
const options = { workerPath: path.join(bundles, 'worker.cjs'), ortFolder: process.env['VRAM_LENS_ORT'] };
let runner = new Runner(options);

function mib(bytes: number | undefined): string {
  return bytes === undefined ? 'unknown' : (bytes / 2 ** 20).toFixed(1);
}

try {
  let statuses = await runner.probeEps();
  if (statuses.every((s) => !s.available || s.ep === 'cpu') && swiftShader !== undefined) {
    await runner.dispose();
    runner = new Runner({ ...options, env: swiftShader });
    statuses = await runner.probeEps();
  }
  for (const s of statuses) console.log(`- ${s.ep}: ${s.available ? 'works' : 'does not work'}, ${s.detail}`);
  for (const gpu of await listGpus()) console.log(`- GPU: ${gpu.name}, ${mib(gpu.vramBytes)} MiB`);
  for (const { ep, detail, isSoftware } of statuses.filter((s) => s.available && s.ep !== 'cpu')) {
    console.log(`\n**${ep}** on ${detail}\n`);
    console.log(
      '| model | batch | measured MiB | of what | predicted MiB | p50 ms | nodes | max error against the CPU |',
    );
    console.log('|---|--:|--:|---|--:|--:|---|--:|');
    for (const model of candidates) {
      const opened = await openModel(model);
      const analysis = analyze(opened);
      await opened.source.close();
      for (const batch of batchSizes[isSoftware === true ? 'software' : 'gpu']) {
        // what is measured is all that is held, of the card or of the process
        const predicted = analysis.estimate({ dims: { batch }, ep, optimization: 'all' }).heldPeak.bytes;
        const common = {
          original: model,
          compressed: model,
          batchSizes: [batch],
          data: { kind: 'random', seed: 0, samples: 4 * batch },
          dims: {},
          optimization: 'all',
        } as const;
        const { batches } = await runner.check({ ...common, ep });
        const stats = batches[0]?.compressed;
        if (stats === undefined) {
          console.log(`| ${path.basename(model)} | ${batch} | ${batches[0]?.error ?? ''} | | | | | |`);
          continue;
        }
        const { data } = common;
        const { outputs } = await runner.compareEps({ model, ep, data, batchSize: batch, dims: {} });
        const error = Math.max(...outputs.map((o) => o.maxAbsError));
        const nodes = Object.entries(stats.placement).map(([on, count]) => `${count} ${on}`);
        const row = [path.basename(model), batch, mib(stats.peakBytes), stats.peakSource, mib(predicted)];
        console.log(
          `| ${[...row, stats.latencyP50Ms.toPrecision(3), nodes.join(', '), error.toPrecision(2)].join(' | ')} |`,
        );
      }
    }
  }
} finally {
  await runner.dispose();
  await rm(bundles, { recursive: true });
  await rm(folder, { recursive: true });
}
