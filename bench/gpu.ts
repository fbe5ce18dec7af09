/**
 * Entry (`npm run bench:gpu [-- FILTER] [--seconds N]`), for anyone with a GPU: predicted against measured memory, speed
 * and placement on every EP that works here beside the CPU, and how far its answers are from the CPU's. Prints Markdown
 * with the card's name (nvidia-smi's where there is one), for docs/runner.md. Libraries of CUDA are looked for by the
 * system's own means (LD_LIBRARY_PATH). Where no GPU is found, WebGPU runs on SwiftShader (of Chromium), which tells
 * nothing of speed.
 *
 * It ends within N seconds for each EP (600; 180 in software): small batches of all models come first, and what would
 * take longer than is left is skipped, which the table says.
 *
 * `VRAM_LENS_ORT=folder`: a package onnxruntime-node with CUDA's files, as "Install CUDA Support" makes it.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { analyze } from '../src/analysis/index.ts';
import { openModel } from '../src/onnx/index.ts';
import {
  listGpus,
  predictedMemory,
  Runner,
  RunnerError,
  type CheckRequest,
  type EpStatus,
  type PredictedMemory,
} from '../src/runtime/index.ts';
import { swiftShader } from '../test/unit/runtime/software-gpu.ts';
import { bundleFolder, models, samples } from '../test/unit/runtime/worker-bundle.ts';

const batchSizes = { gpu: [1, 8, 32], software: [1, 8] };
const usualSeconds = { gpu: 600, software: 180 };
const args = process.argv.slice(2);
const secondsAt = args.indexOf('--seconds');
const [givenSeconds] = secondsAt < 0 ? [] : args.splice(secondsAt, 2).slice(1).map(Number);
const filter = args[0] ?? '';
const candidates = [
  path.join(samples, 'fmnist_cnn.onnx'),
  path.join(models, 'fmnist_mobres.onnx'),
  path.join(models, 'mnist_transformer.onnx'),
].filter((m) => m.includes(filter));

const bundles = await bundleFolder({ worker: 'src/runtime/worker/main.ts' });
const options = { workerPath: path.join(bundles, 'worker.cjs'), ortFolder: process.env['VRAM_LENS_ORT'] };
let runner = new Runner(options);

function mib(bytes: number | undefined): string {
  return bytes === undefined ? 'unknown' : (bytes / 2 ** 20).toFixed(1);
}

function row(cells: readonly (string | number)[]): void {
  console.log(`| ${cells.join(' | ')} |`);
}

async function predictedAt(model: string, batch: number, ep: EpStatus['ep']): Promise<PredictedMemory> {
  const opened = await openModel(model);
  const analysis = analyze(opened);
  await opened.source.close();
  return predictedMemory(analysis.estimate({ dims: { batch }, ep, optimization: 'all' }));
}

/** The cells of a row after model and batch. */
async function measure(
  model: string,
  batch: number,
  ep: EpStatus['ep'],
  signal: AbortSignal,
): Promise<string[]> {
  const predicted = await predictedAt(model, batch, ep);
  const data = { kind: 'random', seed: 0, samples: batch } as const;
  const check: CheckRequest = {
    ...{ original: model, compressed: model, batchSizes: [batch], data, dims: {}, ep },
    ...{ optimization: 'all', predicted: { [batch]: { compressed: predicted } } },
  };
  const { batches } = await runner.check(check, { signal });
  const stats = batches[0]?.compressed;
  if (stats === undefined) return [batches[0]?.error ?? 'nothing ran'];
  const { outputs } = await runner.compareEps({ model, ep, data, batchSize: batch, dims: {} }, { signal });
  const error = Math.max(...outputs.map((o) => o.maxAbsError));
  return [
    ...[mib(stats.peakBytes), stats.peakSource, mib(stats.predictedPeakBytes)],
    stats.latencyP50Ms.toPrecision(3),
    Object.entries(stats.placement)
      .map(([on, count]) => `${count} ${on}`)
      .join(', '),
    error.toPrecision(2),
  ];
}

async function measureEp({ ep, detail, isSoftware }: EpStatus): Promise<void> {
  const kind = isSoftware === true ? 'software' : 'gpu';
  const end = performance.now() + 1000 * (givenSeconds ?? usualSeconds[kind]);
  console.log(`\n**${ep}** on ${detail}\n`);
  row([
    'model',
    'batch',
    'measured MiB',
    'of what',
    'predicted MiB',
    'p50 ms',
    'nodes',
    'max error against the CPU',
  ]);
  console.log('|---|--:|--:|---|--:|--:|---|--:|');
  const took = new Map<string, number>();
  for (const batch of batchSizes[kind]) {
    for (const model of candidates) {
      const name = path.basename(model);
      const left = end - performance.now();
      // most of it is there at each batch; one that takes longer still is ended
      const needed = 2 * (took.get(model) ?? 0);
      if (left <= 0 || needed > left) {
        const why = needed === 0 ? '' : `, it may take ${(needed / 1000).toFixed(0)} s`;
        row([
          name,
          batch,
          `skipped: ${Math.max(0, left / 1000).toFixed(0)} s are left${why}`,
          '',
          '',
          '',
          '',
          '',
        ]);
        continue;
      }
      const start = performance.now();
      try {
        row([name, batch, ...(await measure(model, batch, ep, AbortSignal.timeout(Math.ceil(left))))]);
        took.set(model, performance.now() - start);
      } catch (error) {
        if (!(error instanceof RunnerError)) throw error;
        const isLate = error.kind === 'cancelled';
        row([name, batch, isLate ? 'ended: the time was up' : error.message, '', '', '', '', '']);
      }
    }
  }
}

try {
  let statuses = await runner.probeEps();
  if (statuses.every((s) => !s.available || s.ep === 'cpu') && swiftShader !== undefined) {
    await runner.dispose();
    runner = new Runner({ ...options, env: swiftShader });
    statuses = await runner.probeEps();
  }
  for (const s of statuses) console.log(`- ${s.ep}: ${s.available ? 'works' : 'does not work'}, ${s.detail}`);
  for (const gpu of await listGpus())
    console.log(`- GPU: ${gpu.name}, ${mib(gpu.vramBytes)} MiB (${gpu.source})`);
  for (const status of statuses.filter((s) => s.available && s.ep !== 'cpu')) await measureEp(status);
} finally {
  await runner.dispose();
  await rm(bundles, { recursive: true });
}
