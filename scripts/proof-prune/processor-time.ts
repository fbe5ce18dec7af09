/**
 * Processor time of a run (user and system) of pruned networks beside the original's, as predicted and as measured: for
 * a machine that does other work meanwhile, where the clock tells little. In turns, the quickest single run of each: what
 * shares the caches makes some of them slower, the larger ones more.
 */
import * as ort from 'onnxruntime-node';
import { analyze, kernelWork, predictLatency } from '../../src/analysis/index.ts';
import { modelStream, openModel, type Model } from '../../src/onnx/index.ts';
import { applyRecipe } from '../../src/transforms/index.ts';
import { collect } from '../../test/support/model-builder.ts';
import { channels, feeds, type Feeds } from '../../test/unit/transforms/prune/zeroed.ts';
import type { Network } from './accuracy.ts';

const dims = { batch: 100 };
const turns = 45;
const percent = (v: number | undefined): string =>
  v === undefined ? 'unknown' : `${(100 * v).toFixed(1)} %`;

export async function processorTable(networks: readonly Network[]): Promise<void> {
  const head = ['network', 'gone', 'processor time before → after', 'left', 'predicted by cost', 'off'];
  console.log(`\n| ${head.join(' | ')} |\n|${'---|'.repeat(head.length)}`);
  for (const { name, file } of networks) {
    const model = await openModel(file);
    const [input] = model.graph.inputs;
    const x = feeds({ [input?.name ?? '']: [dims.batch, 1, 28, 28] });
    for (const ratio of [0.25, 0.5, 0.75]) {
      const recipe = { version: 1, source: { name, sizeBytes: 0 }, edits: [channels({ ratio })] } as const;
      const changed = applyRecipe(model, recipe).model;
      const [before = NaN, after = NaN] = await quickest([model, changed], x);
      const [was, is] = [model, changed].map((m) => kernelWork(analyze(m), { dims }));
      const share = predictLatency(was ?? [], is ?? [], undefined)?.share;
      const off = share === undefined ? undefined : share - after / before;
      const row = [name, percent(ratio), `${before.toFixed(2)} → ${after.toFixed(2)} ms`];
      console.log(`| ${[...row, percent(after / before), percent(share), percent(off)].join(' | ')} |`);
    }
    await model.source.close();
  }
}

/** Milliseconds of a run of each. */
export async function quickest(models: readonly Model[], x: Feeds): Promise<number[]> {
  const sessions = await Promise.all(
    models.map(async (model) =>
      ort.InferenceSession.create(await collect(modelStream(model)), {
        ...{ graphOptimizationLevel: 'all', intraOpNumThreads: 1, logSeverityLevel: 3 },
      }),
    ),
  );
  const best = sessions.map(() => Infinity);
  try {
    for (let turn = 0; turn < turns; turn++)
      for (const [i, session] of sessions.entries()) {
        if (turn === 0) await session.run(x);
        const start = process.cpuUsage();
        await session.run(x);
        const { user, system } = process.cpuUsage(start);
        best[i] = Math.min(best[i] ?? Infinity, (user + system) / 1000);
      }
    return best;
  } finally {
    await Promise.all(sessions.map((s) => s.release()));
  }
}
