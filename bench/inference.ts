/**
 * Time of shape inference of 10,000 nodes: `npm run bench:inference [-- NODES]`. Whole processes, side by side with
 * `onnx.shape_inference` (with data propagation) and ONNX Runtime's `symbolic_shape_infer.py` on the same file, where
 * `VRAM_LENS_BENCH_PYTHON` names a Python that has them; then what a change of a dim and an edit take within ours.
 * Prints the tables of docs/memory.md.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { analyze } from '../src/analysis/index.ts';
import { openModel, saveModel, type Model } from '../src/onnx/index.ts';
import { machine } from './onnx/measure.ts';
import { transformer } from './inference/model.ts';

const run = promisify(execFile);
const here = path.join(import.meta.dirname, 'inference');
const count = Number(process.argv[2] ?? 10_000);
const turns = 11;
const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-bench-'));
try {
  const file = path.join(folder, 'transformer.onnx');
  await saveModel(transformer(count), file);
  console.log(`${machine()}\n`);
  await wholeProcesses(file);
  await within(file);
} finally {
  await rm(folder, { recursive: true });
}

interface Contestant {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly times: number;
}

interface Taken {
  readonly wallMs: number;
  readonly processorMs: number;
}

/** In turns, as other work on the machine comes and goes. */
async function wholeProcesses(file: string): Promise<void> {
  const contestants = await contestantsFor(file);
  const taken = new Map(contestants.map((c): [Contestant, Taken[]] => [c, []]));
  console.log('| whole process | wall | processor | least processor |\n|---|--:|--:|--:|');
  for (let turn = 0; turn < turns; turn++) {
    for (const [c, list] of taken) if (turn < c.times) list.push(await take(c));
  }
  for (const [{ name }, list] of taken) {
    const processor = list.map((t) => t.processorMs);
    const cells = [median(list.map((t) => t.wallMs)), median(processor), Math.min(...processor)];
    console.log(`| ${[name, ...cells.map(ms)].join(' | ')} |`);
  }
}

/** Ours is bundled as the command line is. */
async function contestantsFor(file: string): Promise<Contestant[]> {
  const outfile = path.join(folder, 'child.cjs');
  await build({
    entryPoints: [path.join(here, 'child.ts')],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minify: true,
    outfile,
  });
  const ours = {
    name: 'VRAM Lens: open, infer',
    command: process.execPath,
    args: [outfile, file],
    times: turns,
  };
  const python = process.env['VRAM_LENS_BENCH_PYTHON'];
  if (python === undefined) {
    console.log('VRAM_LENS_BENCH_PYTHON is not set: the others are left out\n');
    return [ours];
  }
  const script = path.join(here, 'child.py');
  return [
    ours,
    {
      name: '`onnx.shape_inference`, data propagation',
      command: python,
      args: [script, 'onnx', file],
      times: turns,
    },
    { name: '`symbolic_shape_infer.py`', command: python, args: [script, 'symbolic', file], times: 1 },
  ];
}

async function take({ name, command, args }: Contestant): Promise<Taken> {
  // Node reads these certificates on every start; neither program needs them
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: undefined };
  const begin = performance.now();
  // GNU time is not everywhere: `times` of the shell counts its children
  const { stdout } = await run('bash', ['-c', '"$@" > /dev/null && times', 'bash', command, ...args], {
    timeout: 300_000,
    env,
  }).catch((cause: unknown) => {
    throw new Error(`${name} did not end well`, { cause });
  });
  return { wallMs: performance.now() - begin, processorMs: childSeconds(stdout) * 1000 };
}

/** The second line of bash's `times`: user and system time of its children, as `0m1.234s`. */
function childSeconds(times: string): number {
  const line = times.trim().split('\n').at(-1) ?? '';
  return [...line.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, m, s]) => sum + Number(m) * 60 + Number(s),
    0,
  );
}

async function within(file: string): Promise<void> {
  const model = await openModel(file);
  try {
    const analysis = analyze(model);
    const edited = withOneNodeAgain(model);
    const rows: readonly (readonly [string, () => unknown])[] = [
      ['all of it: `analyze`', () => analyze(model)],
      ['after an edit of one node: `analyze(model, previous)`', () => analyze(edited, analysis)],
      [
        '… and the first estimate of it',
        () => analyze(edited, analysis).estimate({ dims: { batch: 4, sequence: 128 } }),
      ],
      ['another batch, optimization off', estimating(analysis, 'disabled')],
      ['another batch, optimization all', estimating(analysis, 'all')],
    ];
    console.log(
      `\n| within one process, ${model.graph.nodes.length} nodes | median | least | most of 20 |\n|---|--:|--:|--:|`,
    );
    for (const [name, work] of rows) {
      for (let i = 0; i < 3; i++) work();
      const taken = Array.from({ length: 20 }, () => processorMs(work));
      const cells = [median(taken), Math.min(...taken), Math.max(...taken)];
      console.log(`| ${[name, ...cells.map(ms)].join(' | ')} |`);
    }
  } finally {
    await model.source.close();
  }
}

function estimating(analysis: ReturnType<typeof analyze>, optimization: 'disabled' | 'all'): () => unknown {
  let batch = 1;
  return () => analysis.estimate({ dims: { batch: ++batch, sequence: 128 }, optimization });
}

/** A copy in which the node in the middle is another object, as an edit makes it. */
function withOneNodeAgain(model: Model): Model {
  const { nodes } = model.graph;
  const middle = Math.floor(nodes.length / 2);
  return {
    ...model,
    graph: { ...model.graph, nodes: nodes.map((n, i) => (i === middle ? { ...n } : n)) },
  };
}

/** Processor time: other work on the machine does not count. */
function processorMs(work: () => unknown): number {
  const begin = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 1000;
}

function median(list: readonly number[]): number {
  return [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;
}

function ms(value: number): string {
  return value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}
