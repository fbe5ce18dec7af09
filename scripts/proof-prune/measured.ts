/**
 * Memory and time of pruned networks, as predicted and as measured: at batch 100, one thread, each kernel's quickest of
 * many runs, so that what else the machine does hardly counts.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { analyze, kernelWork, predictLatency } from '../../src/analysis/index.ts';
import { openModel, saveModel } from '../../src/onnx/index.ts';
import { predictedMemory, type ModelProfile, type Runner } from '../../src/runtime/index.ts';
import { applyRecipe } from '../../src/transforms/index.ts';
import { channels } from '../../test/unit/transforms/prune/zeroed.ts';
import type { Network } from './accuracy.ts';

const dims = { batch: 100 };
const runs = 80;
const ratios = [0.25, 0.5, 0.75];
const percent = (v: number | undefined): string =>
  v === undefined ? 'unknown' : `${(100 * v).toFixed(1)} %`;

export async function measuredTable(runner: Runner, networks: readonly Network[]): Promise<void> {
  const head = [
    ...['network', 'gone', 'peak before, measured / predicted', 'after', 'kernels before → after'],
    ...['time left', 'by the profile', 'by cost', 'MACs left'],
  ];
  console.log(`\n| ${head.join(' | ')} |\n|${'---|'.repeat(head.length)}`);
  const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-measured-'));
  try {
    for (const network of networks) await measureNetwork(runner, network, folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function measureNetwork(runner: Runner, { name, file }: Network, folder: string): Promise<void> {
  const model = await openModel(file);
  const original = analyze(model);
  const before = await profile(runner, file);
  for (const ratio of ratios) {
    const recipe = { version: 1, source: { name, sizeBytes: 0 }, edits: [channels({ ratio })] } as const;
    const changed = applyRecipe(model, recipe).model;
    const output = path.join(folder, 'pruned.onnx');
    await saveModel(changed, output);
    const after = await profile(runner, output);
    const analysis = analyze(changed);
    const work = [original, analysis].map((a) => kernelWork(a, { dims }));
    const shareOf = (times?: ModelProfile['times']) =>
      predictLatency(work[0] ?? [], work[1] ?? [], times)?.share;
    const row = [
      ...[name, percent(ratio), peaks(before, original), peaks(after, analysis)],
      `${total(before).toFixed(2)} → ${total(after).toFixed(2)} ms`,
      ...[total(after) / total(before), shareOf(before.times), shareOf()].map(percent),
      percent(macs(analysis) / macs(original)),
    ];
    console.log(`| ${row.join(' | ')} |`);
  }
  await model.source.close();
}

const profile = (runner: Runner, file: string): Promise<ModelProfile> =>
  runner.profile(file, { dims, runs, session: { intraOpThreads: 1 } });

const total = ({ times }: ModelProfile): number => times.reduce((sum, t) => sum + t.durationMs, 0);

const macs = (analysis: ReturnType<typeof analyze>): number =>
  analysis.estimate({ dims }).nodes.reduce((sum, n) => sum + (n.macs ?? 0), 0);

/** From the second run on, as a program that runs a model again and again has it. */
function peaks({ memInUsePeakBytes }: ModelProfile, analysis: ReturnType<typeof analyze>): string {
  const predicted = predictedMemory(analysis.estimate({ dims, isRepeated: true, threads: 1 }));
  const bytes = [memInUsePeakBytes.at(-1), predicted.repeatedArenaBytes ?? predicted.arenaBytes];
  return `${bytes.map((b) => (b === undefined ? '–' : (b / 1e6).toFixed(2))).join(' / ')} MB`;
}
