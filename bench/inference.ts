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

async function wholeProcesses(file: string): Promise<void> {
  const outfile = path.join(folder, 'child.mjs');
  await build({
    entryPoints: [path.join(here, 'child.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  });
  const python = process.env['VRAM_LENS_BENCH_PYTHON'];
  const script = path.join(here, 'child.py');
  console.log('| whole process | wall | processor |\n|---|--:|--:|');
  await row('VRAM Lens', process.execPath, [outfile, file], 5);
  if (python === undefined) {
    console.log('| the others | VRAM_LENS_BENCH_PYTHON not set | |');
    return;
  }
  await row('`onnx.shape_inference`, data propagation', python, [script, 'onnx', file], 3);
  await row('`symbolic_shape_infer.py`', python, [script, 'symbolic', file], 1);
}

/** Median of several runs. */
async function row(name: string, command: string, args: readonly string[], times: number): Promise<void> {
  const walls: number[] = [];
  const processor: number[] = [];
  try {
    for (let i = 0; i < times; i++) {
      const begin = performance.now();
      // GNU time is not everywhere: `times` of the shell counts its children
      const { stdout } = await run('bash', ['-c', '"$@" > /dev/null; times', 'bash', command, ...args], {
        timeout: 300_000,
      });
      walls.push(performance.now() - begin);
      processor.push(childSeconds(stdout) * 1000);
    }
  } catch (error) {
    const stopped = error instanceof Error && 'killed' in error && error.killed === true;
    console.log(`| ${name} | ${stopped ? 'over 5 minutes' : String(error)} | |`);
    return;
  }
  console.log(`| ${name} | ${ms(median(walls))} | ${ms(median(processor))} |`);
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
      ['another batch, optimization off', estimating(analysis, 'disabled')],
      ['another batch, optimization all', estimating(analysis, 'all')],
    ];
    console.log(
      `\n| within one process, ${model.graph.nodes.length} nodes | median | most of 20 |\n|---|--:|--:|`,
    );
    for (const [name, work] of rows) {
      for (let i = 0; i < 3; i++) work();
      const taken = Array.from({ length: 20 }, () => processorMs(work));
      console.log(`| ${name} | ${ms(median(taken))} | ${ms(Math.max(...taken))} |`);
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
