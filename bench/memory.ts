/**
 * Entry (`npm run bench:memory [-- FILTER] [-- --static] [-- --ep webgpu]`): what the analysis predicts against what ONNX
 * Runtime's profile measures on the CPU, for real models, float and quantized, with optimization off and on: the peak
 * (`mem_in_use_peak` of the first run) and the bytes of every node's outputs (`output_size`). With `--static`, of the
 * models quantized statically. With `--ep`, what a process takes on that EP, of models in float and in 8-bit blocks. Prints
 * the tables of docs/memory.md.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { analyze } from '../src/analysis/index.ts';
import type { EpName, MemoryEstimate, Optimization } from '../src/analysis/index.ts';
import { openModel } from '../src/onnx/index.ts';
import { Runner, type ProfiledNode } from '../src/runtime/index.ts';
import { bundleFolder } from '../test/unit/runtime/worker-bundle.ts';
import { memoryCases, type Case } from './memory/cases.ts';
import { compareOnDevice } from './memory/device.ts';
import { staticCases } from './memory/static.ts';

const root = path.resolve(import.meta.dirname, '..');
const levels: readonly Optimization[] = ['disabled', 'all'];

interface Row {
  readonly measured: number;
  readonly predicted: number;
  /** Nodes that ran under a name of the model, and of them those whose output bytes differ. */
  readonly compared: number;
  readonly different: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { ep: { type: 'string', default: 'cpu' }, static: { type: 'boolean', default: false } },
});
const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-bench-'));
try {
  const cases = await memoryCases(root, folder, positionals[0] ?? '');
  const onDevice = cases.filter((c) => !c.isQuantized || c.name.includes('8-bit blocks'));
  if (values.ep === 'cpu')
    await compareOnCpu((runner) => (values.static ? staticCases(cases, folder, runner) : cases));
  else await compareOnDevice(onDevice, values.ep as EpName, folder);
} finally {
  await rm(folder, { recursive: true });
}

async function compareOnCpu(
  casesFor: (runner: Runner) => readonly Case[] | Promise<readonly Case[]>,
): Promise<void> {
  const bundles = await bundleFolder({ worker: 'src/runtime/worker/main.ts' });
  const runner = new Runner({ workerPath: path.join(bundles, 'worker.cjs') });
  const errors = new Map<Optimization, number[]>(levels.map((l) => [l, []]));
  try {
    console.log('| model | dims | outputs | measured, off | predicted | | measured, all | predicted | |');
    console.log('|---|---|---|--:|--:|--:|--:|--:|--:|');
    for (const c of await casesFor(runner)) {
      const rows: Row[] = [];
      for (const level of levels) {
        const row = await compare(runner, c, level);
        rows.push(row);
        errors.get(level)?.push(Math.abs(error(row)));
      }
      console.log(tableRow(c, rows));
    }
    for (const [level, list] of errors) console.log(`\n${level}: ${summary(list)}`);
  } finally {
    await runner.dispose();
    await rm(bundles, { recursive: true });
  }
}

async function compare(runner: Runner, c: Case, optimization: Optimization): Promise<Row> {
  const model = await openModel(c.path);
  try {
    const estimate = analyze(model).estimate({ dims: c.dims, ep: 'cpu', optimization });
    const profile = await runner.profile(c.path, { dims: c.dims, optimization });
    const measured = profile.memInUsePeakBytes[0] ?? Number.NaN;
    return {
      measured,
      predicted: estimate.totalPeak.bytes ?? Number.NaN,
      ...outputs(estimate, profile.nodes),
    };
  } finally {
    await model.source.close();
  }
}

/** The profile names nodes of subgraphs without their path, so that several of ours may be meant. */
function outputs(estimate: MemoryEstimate, nodes: readonly ProfiledNode[]) {
  let compared = 0;
  let different = 0;
  for (const n of nodes) {
    const ours = estimate.nodes.filter(
      (m) => m.opType === n.opType && (m.id === n.name || m.id.endsWith(`/${n.name}`)),
    );
    if (ours.length === 0) continue;
    compared++;
    if (!ours.some((m) => m.activationBytes === n.outputBytes)) different++;
  }
  return { compared, different };
}

function error({ predicted, measured }: Row): number {
  return (predicted - measured) / measured;
}

function tableRow(c: Case, rows: readonly Row[]): string {
  const [off] = rows;
  const peaks = rows.flatMap((r) => [
    r.measured.toLocaleString('en'),
    r.predicted.toLocaleString('en'),
    percent(error(r)),
  ]);
  const exact = off === undefined ? '' : `${off.compared - off.different} of ${off.compared}`;
  return `| ${[c.name, Object.values(c.dims).join(' × '), exact, ...peaks].join(' | ')} |`;
}

function percent(share: number): string {
  const text = (share * 100).toFixed(2);
  return `${share > 0 ? '+' : ''}${text} %`;
}

function summary(list: readonly number[]): string {
  const sorted = [...list].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  return `median ${percent(median)}, worst ${percent(sorted.at(-1) ?? Number.NaN)} of ${sorted.length}`;
}
