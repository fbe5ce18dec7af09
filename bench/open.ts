/**
 * Time and memory to open a model: `npm run bench:open`. Side by side with Python's `onnx.load`
 * (`VRAM_LENS_BENCH_PYTHON` names a Python that has it) and with a full decode by protobufjs, each in its own process.
 * Models are sparse files, so no disk is measured. Prints the table of docs/performance.md.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeManyNodes, makeSparse } from './onnx/models.ts';
import {
  bundleChild,
  cell,
  ifMemory,
  ifPython,
  machine,
  markdownTable,
  measure,
  pythonChild,
  type Outcome,
} from './onnx/measure.ts';

const TIMES = 5;

interface Case {
  readonly title: string;
  readonly make: (folder: string) => Promise<string>;
  /** Of the weights; those who read all of it need twice that for a moment. */
  readonly bytes: number;
}

const MIB = 2 ** 20;
const CASES: readonly Case[] = [
  { title: '50,000 nodes', make: (folder) => makeManyNodes(folder, 50_000), bytes: 10 * MIB },
  { title: '100 MB, inline', make: (folder) => makeSparse(folder, 6, false), bytes: 96 * MIB },
  { title: '2 GB, inline', make: (folder) => makeSparse(folder, 120, false), bytes: 1920 * MIB },
  { title: '2 GB, external data', make: (folder) => makeSparse(folder, 120, true), bytes: 1920 * MIB },
  { title: '12 GB, external data', make: (folder) => makeSparse(folder, 720, true), bytes: 11520 * MIB },
];

const folder = await mkdtemp(
  path.join(process.env['VRAM_LENS_BENCH_FOLDER'] ?? tmpdir(), 'vram-lens-bench-'),
);
try {
  const child = await bundleChild(folder);
  const rows = [
    ['opening', 'VRAM Lens', 'Python `onnx.load`', '… without external data', 'protobufjs decode'],
  ];
  for (const { title, make, bytes } of CASES) {
    const file = await make(folder);
    const python = (action: string, needed: number): Promise<Outcome> =>
      ifPython((command) => ifMemory(needed, () => measure(command, [pythonChild, action, file], TIMES)));
    const node = (tool: string) => measure(process.execPath, [child, tool, 'open', file], TIMES);
    const isExternal = title.includes('external');
    const outcomes = [
      await node('ours'),
      await python('open', bytes * 2.5),
      isExternal ? await python('open-graph', 0) : '–',
      isExternal ? 'reads no external data' : await ifMemory(bytes * 2.5, () => node('protobufjs')),
    ];
    rows.push([title, ...outcomes.map(cell)]);
  }
  console.log(markdownTable(rows));
  console.log(`\nMedian of ${TIMES}; ${machine()}.`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
