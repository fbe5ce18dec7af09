/**
 * What a channel shuffle costs as a Gather, beside Reshape, Transpose and Reshape: four units of ShuffleNet's first version
 * in a row (240 channels of 28 × 28 in 3 groups), on the CPU, one thread.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { saveModel, type Model } from '../../src/onnx/index.ts';
import type { ModelProfile, Runner } from '../../src/runtime/index.ts';
import { Net } from '../../test/unit/transforms/prune/net.ts';
import { shuffled } from '../../test/unit/transforms/prune/random-shuffles.ts';
import { feeds } from '../../test/unit/transforms/prune/zeroed.ts';
import { quickest } from './processor-time.ts';

const [channels, groups, side, units, runs] = [240, 3, 28, 4, 40];
/** As `shuffled` counts them. */
const FORMS = { 'Reshape, Transpose, Reshape': 0, Gather: 3 } as const;

export async function shuffleTable(runner: Runner): Promise<void> {
  const head = ['batch', 'shuffle as', 'processor time of a run', 'its kernels', 'reorders', 'arena'];
  console.log(`\n| ${head.join(' | ')} |\n|${'---|'.repeat(head.length)}`);
  const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-shuffles-'));
  try {
    for (const batch of [1, 16]) {
      const models = Object.values(FORMS).map((form) => net(batch, form));
      const times = await quickest(models, feeds({ x: [batch, channels, side, side] }));
      for (const [i, name] of Object.keys(FORMS).entries()) {
        const file = path.join(folder, 'net.onnx');
        await saveModel(models[i] ?? net(batch, 0), file);
        const profile = await runner.profile(file, { dims: {}, runs, session: { intraOpThreads: 1 } });
        const row = [batch, name, `${(times[i] ?? NaN).toFixed(2)} ms`, ...kernels(profile)];
        console.log(`| ${row.join(' | ')} |`);
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

function kernels({ times, memInUsePeakBytes }: ModelProfile): string[] {
  const of = (...opTypes: readonly string[]): ModelProfile['times'] =>
    times.filter((t) => opTypes.includes(t.opType));
  const moved = of('Reshape', 'Transpose', 'Gather').reduce((sum, t) => sum + t.durationMs, 0);
  const reorders = of('ReorderInput', 'ReorderOutput').length;
  return [
    `${moved.toFixed(3)} ms`,
    String(reorders),
    `${((memInUsePeakBytes.at(-1) ?? NaN) / 1e6).toFixed(2)} MB`,
  ];
}

function net(batch: number, form: number): Model {
  const made = new Net();
  let x = 'x';
  for (let i = 0; i < units; i++) {
    const a = made.relu(made.conv(x, `a${i}`, [channels, channels], { group: groups }));
    const mixed = shuffled(made, `s${i}`, { name: a, channels, side }, groups, form);
    x = made.conv(mixed, `b${i}`, [channels, channels], { kernel: 3, group: channels });
  }
  return made.build({ x: [batch, channels, side, side] }, made.relu(x));
}
