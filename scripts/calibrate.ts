/**
 * Entry (`npm run calibrate [-- cpu,webgpu [matmul,conv,recurrent,attention]]`): measures on this machine what becomes
 * of each form of weight, and says which rows of src/analysis/ep/behaviour.ts disagree. Each model runs in a process of
 * its own; what counts is the resident memory in use after two runs, less the same with next to no weights.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { weightBehaviour } from '../src/analysis/index.ts';
import type { EpName, WeightFate } from '../src/analysis/index.ts';
import type { Run } from './calibrate/child.ts';
import { measure } from './calibrate/measure.ts';
import { madeForms, type Family, type Made } from './calibrate/models.ts';

/** How far a ratio may lie from its row: allocators round, and buffers are kept for reuse. */
const tolerance = 0.35;

const operators: Readonly<Record<Family, string>> = {
  matmul: 'MatMul',
  conv: 'Conv',
  recurrent: 'LSTM',
  attention: 'Attention',
};
const eps = (process.argv[2] ?? 'cpu,webgpu').split(',') as EpName[];
const families = (process.argv[3] ?? 'matmul,conv,recurrent,attention').split(',') as Family[];
const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-calibrate-'));
const disagreeing: string[] = [];
try {
  console.log('| EP | operator | form | stored | in use | per stored byte | found | row | kernels |');
  console.log('|---|---|---|--:|--:|--:|---|---|---|');
  for (const family of families)
    for (const made of await madeForms(family, folder)) for (const ep of eps) await calibrate(made, ep);
  console.log(disagreeing.length === 0 ? '\nevery row agrees' : `\ndisagreeing: ${disagreeing.join('; ')}`);
} finally {
  await rm(folder, { recursive: true });
}

async function calibrate(made: Made, ep: EpName): Promise<void> {
  const name = `${ep} ${made.family} ${made.form}`;
  try {
    const empty = await measure(made.emptyPath, { ep, optimization: 'all' });
    const run = await measure(made.path, { ep, optimization: 'all' });
    const bytes = Math.max(0, run.heldBytes - empty.heldBytes);
    const found = fateOf(made, ep, run, bytes);
    const ratio = bytes / made.storedBytes;
    const row = weightBehaviour(ep, operators[made.family], made.form);
    const isNear =
      row.ratio === undefined || found === 'cpu-fallback' || Math.abs(ratio / row.ratio - 1) <= tolerance;
    if (found !== row.fate || !isNear) disagreeing.push(name);
    const cells = [
      ...[ep, operators[made.family], made.form, mebibytes(made.storedBytes), mebibytes(bytes)],
      ...[ratio.toFixed(2), found, `${row.fate} ${row.ratio ?? ''} (${row.evidence})`, kernels(run)],
    ];
    console.log(`| ${cells.join(' | ')} |`);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    console.log(
      `| ${ep} | ${operators[made.family]} | ${made.form} | | | | does not run here: ${message} | | |`,
    );
  }
}

function fateOf(made: Made, ep: EpName, { kernels }: Run, bytes: number): WeightFate {
  const weighty = Object.keys(kernels).filter((k) => /MatMul|Conv|LSTM|Attention/.test(k));
  if (ep !== 'cpu' && weighty.every((k) => !k.startsWith(`${ep} `))) return 'cpu-fallback';
  const isDequantized = (kernels[`${ep} DequantizeLinear`] ?? 0) > 1;
  const isAsLargeAsFloat = made.storedBytes < 0.7 * made.floatBytes && bytes > 0.7 * made.floatBytes;
  return isDequantized || isAsLargeAsFloat ? 'expanded' : 'small';
}

function kernels(run: Run): string {
  return Object.entries(run.kernels)
    .map(([kernel, count]) => `${kernel} ×${count}`)
    .join(', ');
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
