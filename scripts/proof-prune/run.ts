/**
 * `npm run proof:prune`: channel pruning against zeroing on every group of the larger real models and on a thousand
 * random networks; accuracy with and without repair; memory and time as measured and as predicted; beside
 * Torch-Pruning, exported from PyTorch, and through onnx.checker, where PYTHON names an interpreter that has them (`PYTHON=… npm run
 * proof:prune`). One part alone: `npm run proof:prune -- exact`, of some networks: `npm run proof:prune -- accuracy
 * fmnist_mobres`. Tables in Markdown.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { openModel } from '../../src/onnx/index.ts';
import { Runner } from '../../src/runtime/index.ts';
import { pruneGroups, type ChannelImportance, type ChannelRepair } from '../../src/transforms/index.ts';
import { bundleFolder } from '../../test/unit/runtime/worker-bundle.ts';
import { randomNet } from '../../test/unit/transforms/prune/random-nets.ts';
import { fileOf, LARGE, SMALL } from '../../test/unit/transforms/prune/real.ts';
import { channels, compare, feeds } from '../../test/unit/transforms/prune/zeroed.ts';
import { ZOO } from '../../test/unit/transforms/prune/zoo.ts';
import { NETWORKS, prunedAccuracy, type Network } from './accuracy.ts';
import { blockTable } from './blocks.ts';
import { Checker } from './checker.ts';
import { exportedTable } from './exported.ts';
import { measuredTable } from './measured.ts';
import { processorTable } from './processor-time.ts';
import { sampleTable } from './samples.ts';
import { shuffleTable } from './shuffles.ts';
import { globalTable, groupTable, ratioTable } from './side-by-side.ts';

const RANDOM_NETWORKS = 1000;
/** Of those, so many go through onnx.checker. */
const CHECKED_NETWORKS = 200;
const TOLERANCE = 1e-3;
const percent = (v: number): string => `${(100 * v).toFixed(1)} %`;

async function exact(python: string | undefined): Promise<void> {
  console.log(
    '\n| model | groups | worst difference from zeroing | taken by onnx.checker |\n|---|---|---|---|',
  );
  const checker = new Checker(python);
  for (const real of [...SMALL, ...LARGE]) {
    const model = await openModel(fileOf(real));
    let worst = 0;
    const groups = pruneGroups(model).filter((g) => g.blocker === undefined && g.approximation === undefined);
    for (const { layers } of groups) {
      const edit = channels({ layers: { nodes: layers.slice(0, 1) }, ratio: real.ratio });
      const { difference, applied } = await compare(model, edit, real.feeds);
      worst = Math.max(worst, difference);
      await checker.add(applied.model);
    }
    const checked = await checker.finish();
    await model.source.close();
    console.log(
      `| ${path.basename(real.file)} | ${groups.length} | ${worst.toExponential(1)} | ${checked} |`,
    );
    if (worst > TOLERANCE) throw new Error(`${real.file} differs by ${worst}`);
  }
  await zoo(checker);
  let [worst, nets] = [0, 0];
  await fc.assert(
    fc.asyncProperty(randomNet, fc.constantFrom(0.25, 0.5, 0.8), async (model, ratio) => {
      const { difference, applied, shapes } = await compare(
        model,
        channels({ ratio }),
        feeds({ x: [1, 3, 4, 4] }),
      );
      if (nets++ < CHECKED_NETWORKS) await checker.add(applied.model, shapes);
      worst = Math.max(worst, difference);
      if (difference > TOLERANCE) throw new Error(`differs by ${difference}`);
    }),
    { numRuns: RANDOM_NETWORKS },
  );
  console.log(
    `| ${RANDOM_NETWORKS} random networks | all | ${worst.toExponential(1)} | ${await checker.finish()} |`,
  );
}

/** Networks built in code, all layers at once. */
async function zoo(checker: Checker): Promise<void> {
  let worst = 0;
  for (const { model, inputs } of ZOO) {
    const { difference, applied, shapes } = await compare(model, channels(), feeds(inputs));
    worst = Math.max(worst, difference);
    await checker.add(applied.model, shapes);
  }
  console.log(
    `| ${ZOO.length} built in code | all | ${worst.toExponential(1)} | ${await checker.finish()} |`,
  );
}

async function accuracy(runner: Runner, networks: readonly Network[]): Promise<void> {
  console.log('\n| network | importance | repair | top-1 before | after | parameters left | MACs left |');
  console.log('|---|---|---|---|---|---|---|');
  for (const network of networks) {
    for (const importance of [
      'expected',
      'l1',
      'activation',
      'reconstruction',
    ] satisfies ChannelImportance[]) {
      for (const repair of ['none', 'bias', 'statistics', 'least-squares'] satisfies ChannelRepair[]) {
        const o = await prunedAccuracy(runner, network, channels({ importance, repair }));
        const left = [o.parameterBytes, o.macs].map(([before, after]) => percent(after / before));
        const row = [network.name, importance, repair, o.original, o.accuracy, ...left];
        console.log(`| ${row.join(' | ')} |`);
      }
    }
  }
}

/** The group behind a LayerNormalization, which is not exact. */
async function residualStream(runner: Runner, networks: readonly Network[]): Promise<void> {
  console.log(
    '\n| network | ratio | importance | repair | top-1 | parameters left |\n|---|---|---|---|---|---|',
  );
  for (const network of networks) {
    const model = await openModel(network.file);
    const group = pruneGroups(model).find((g) => g.approximation !== undefined);
    await model.source.close();
    if (group === undefined) continue;
    const layers = { nodes: group.layers.slice(0, 1) };
    for (const ratio of [0.25, 0.5]) {
      for (const importance of ['l1', 'activation'] satisfies ChannelImportance[]) {
        for (const repair of ['none', 'bias', 'least-squares'] satisfies ChannelRepair[]) {
          const edit = channels({ layers, ratio, importance, repair, approximate: true });
          const o = await prunedAccuracy(runner, network, edit);
          const left = percent(o.parameterBytes[1] / o.parameterBytes[0]);
          console.log(`| ${[network.name, ratio, importance, repair, o.accuracy, left].join(' | ')} |`);
        }
      }
    }
  }
}

async function main(): Promise<void> {
  const bundles = await bundleFolder({ worker: 'src/runtime/worker/main.ts' });
  const runner = new Runner({ workerPath: path.join(bundles, 'worker.cjs') });
  const python = process.env['PYTHON'];
  const named = NETWORKS.filter((n) => process.argv.includes(n.name));
  const networks = named.length > 0 ? named : NETWORKS;
  const parts: Readonly<Record<string, () => Promise<void>>> = {
    accuracy: () => accuracy(runner, networks),
    ratios: () => ratioTable(runner, networks, python),
    global: () => globalTable(runner, networks, python),
    samples: () => sampleTable(runner, networks),
    residual: () => residualStream(runner, networks),
    measured: () =>
      measuredTable(
        runner,
        named.map((n) => n.name),
      ),
    processor: () => processorTable(networks),
    blocks: () => blockTable(runner, networks),
    shuffles: () => shuffleTable(runner),
    torch: async () => (python === undefined ? undefined : groupTable(python)),
    exported: async () => (python === undefined ? undefined : exportedTable(python)),
    exact: () => exact(python),
  };
  const chosen = process.argv.slice(2).filter((arg) => !named.some((n) => n.name === arg));
  const wanted = chosen.length > 0 ? chosen : Object.keys(parts);
  const unknown = wanted.find((name) => !(name in parts));
  if (unknown !== undefined)
    throw new Error(
      `no part or network "${unknown}": there are ${[...Object.keys(parts), ...NETWORKS.map((n) => n.name)].join(', ')}`,
    );
  try {
    for (const name of wanted) await parts[name]?.();
  } finally {
    await runner.dispose();
    await rm(bundles, { recursive: true });
  }
}

await main();
