/**
 * Time and memory to save a model with one tensor of 16 MiB changed: `npm run bench:save`. Side by side with `cp` (and
 * fsync, as a save does one), with Python's `onnx.load` + `onnx.save`, and with protobufjs' decode + encode. Prints the
 * table of docs/performance.md. Needs some 15 GB of disk at VRAM_LENS_BENCH_FOLDER or the temporary folder.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { makeDense } from './onnx/models.ts';
import {
  bundleChild,
  cell,
  freeDiskBytes,
  ifMemory,
  ifPython,
  machine,
  markdownTable,
  measure,
  median,
  formatMs,
  pythonChild,
  type Outcome,
} from './onnx/measure.ts';

const ROUNDS = 5;
const MIB = 2 ** 20;

const CASES = [
  { title: '100 MB, inline', count: 6, isExternal: false },
  { title: '2 GB, inline', count: 120, isExternal: false },
  { title: '4 GB, external data', count: 240, isExternal: true },
] as const;

const folder = await mkdtemp(
  path.join(process.env['VRAM_LENS_BENCH_FOLDER'] ?? tmpdir(), 'vram-lens-bench-'),
);
const out = path.join(folder, 'out');
try {
  const child = await bundleChild(folder);
  const rows = [
    ['saving', 'VRAM Lens', '`cp` and fsync', 'share of its speed', 'Python `onnx`', 'protobufjs'],
  ];
  for (const { title, count, isExternal } of CASES) {
    const bytes = count * 16 * MIB;
    if ((await freeDiskBytes(folder)) < bytes * 2.5) {
      rows.push([title, 'needs more disk', '', '', '', '']);
      continue;
    }
    const source = path.join(folder, 'source');
    const file = await makeDense(source, count, isExternal);
    const target = path.join(out, 'saved.onnx');
    // in turns, so that a disk that gets slower is the same for all
    const ours: Outcome[] = [];
    const copies: number[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      ours.push(await fresh(() => measure(process.execPath, [child, 'ours', 'save', file, target], 1)));
      copies.push(await fresh(() => copy(source)));
    }
    const best = summary(ours);
    const cp = median(copies);
    const python = (): Promise<Outcome> =>
      ifPython((command) =>
        ifMemory(bytes * 4, () => fresh(() => measure(command, [pythonChild, 'save', file, target], 1))),
      );
    const protobufjs = () =>
      fresh(() => measure(process.execPath, [child, 'protobufjs', 'save', file, target], 1));
    rows.push([
      title,
      cell(best),
      formatMs(cp),
      typeof best === 'string' ? '' : `${((cp / best.ms) * 100).toFixed(0)} %`,
      cell(await python()),
      isExternal ? 'reads no external data' : cell(await ifMemory(bytes * 4, protobufjs)),
    ]);
    await rm(source, { recursive: true });
  }
  console.log(markdownTable(rows));
  console.log(`\nMedian of ${ROUNDS}, the last two columns once; ${machine()}.`);
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Into an empty folder. */
async function fresh<T>(action: () => Promise<T>): Promise<T> {
  await rm(out, { recursive: true, force: true });
  await mkdir(out);
  return action();
}

/** Milliseconds that `cp` takes for all files of the model, and `sync` to have them on the disk. */
async function copy(source: string): Promise<number> {
  const files = (await readdir(source)).map((name) => path.join(source, name));
  const run = promisify(execFile);
  const start = performance.now();
  await run('cp', [...files, out]);
  await run(
    'sync',
    (await readdir(out)).map((name) => path.join(out, name)),
  );
  return performance.now() - start;
}

function summary(outcomes: readonly Outcome[]): Outcome {
  const failed = outcomes.find((o) => typeof o === 'string');
  if (failed !== undefined) return failed;
  const measured = outcomes.filter((o) => typeof o !== 'string');
  return { ms: median(measured.map((o) => o.ms)), peakBytes: Math.max(...measured.map((o) => o.peakBytes)) };
}
