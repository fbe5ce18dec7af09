/**
 * Entry (`npm run bench:runner [-- PYTHON]`): what the runner costs beside a bare onnxruntime-node loop on the same
 * model and batch, and beside Python's onnxruntime where a Python with it is given. Rounds are interleaved and the
 * median of each side is taken. Prints the table of docs/runner.md.
 */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { Runner } from '../src/runtime/index.ts';
import { bundleFolder, models, samples } from '../test/unit/runtime/worker-bundle.ts';

interface Result {
  readonly p50Ms: number;
  readonly growthBytes: number;
}

const rounds = 3;
const runs = 20;
const python = process.argv[2];
const run = promisify(execFile);
const here = path.join(import.meta.dirname, 'runner');

const cases = [
  { model: path.join(samples, 'fmnist_cnn.onnx'), batch: 1 },
  { model: path.join(samples, 'fmnist_cnn.onnx'), batch: 32 },
  { model: path.join(models, 'fmnist_mobres.onnx'), batch: 32 },
  { model: path.join(models, 'mnist_transformer.onnx'), batch: 32 },
];

const bundles = await bundleFolder({ worker: 'src/runtime/worker/main.ts', bare: 'bench/runner/bare.ts' });
const runner = new Runner({ workerPath: path.join(bundles, 'worker.cjs') });

async function byRunner(model: string, batch: number): Promise<Result> {
  const { batches } = await runner.check({
    original: model,
    compressed: model,
    ep: 'cpu',
    batchSizes: [batch],
    data: { kind: 'random', seed: 0, samples: batch * runs },
    dims: {},
    optimization: 'all',
  });
  const stats = batches[0]?.original;
  if (stats === undefined) throw new Error(batches[0]?.error);
  return { p50Ms: stats.latencyP50Ms, growthBytes: stats.processPeakBytes ?? Number.NaN };
}

async function byScript(command: string, script: string, model: string, batch: number): Promise<Result> {
  const dims = [batch, 1, 28, 28].join(',');
  const { stdout } = await run(command, [script, model, 'input', dims, String(runs)]);
  return JSON.parse(stdout) as Result;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

try {
  const sides = [
    (m: string, b: number) => byScript(process.execPath, path.join(bundles, 'bare.cjs'), m, b),
    byRunner,
    ...(python === undefined
      ? []
      : [(m: string, b: number) => byScript(python, path.join(here, 'bare.py'), m, b)]),
  ];
  console.log(
    '| model | batch | samples/s: bare loop | runner | | Python | MiB: bare loop | runner | | Python |',
  );
  console.log('|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|');
  for (const { model, batch } of cases) {
    const results: Result[][] = sides.map(() => []);
    for (let round = 0; round < rounds; round++) {
      for (const [i, side] of sides.entries()) results[i]!.push(await side(model, batch));
    }
    const [bare, mine, py] = results.map((r) => ({
      rate: (batch / median(r.map((x) => x.p50Ms))) * 1000,
      bytes: median(r.map((x) => x.growthBytes)),
    }));
    if (bare === undefined || mine === undefined) throw new Error('A side is missing.');
    const change = ((mine.rate / bare.rate - 1) * 100).toFixed(1);
    const row = [
      path.basename(model),
      batch,
      bare.rate.toFixed(0),
      mine.rate.toFixed(0),
      `${change} %`,
      py?.rate.toFixed(0) ?? '–',
      mib(bare.bytes),
      mib(mine.bytes),
      `+${mib(mine.bytes - bare.bytes)}`,
      py === undefined ? '–' : mib(py.bytes),
    ];
    console.log(`| ${row.join(' | ')} |`);
  }
} finally {
  await runner.dispose();
  await rm(bundles, { recursive: true });
}
