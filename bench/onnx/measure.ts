/** Runs each measurement in its own process, several times, and takes the median. */
import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { cpus, freemem, loadavg } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const run = promisify(execFile);
const PATIENCE_MS = 120_000;

export interface Measurement {
  readonly ms: number;
  readonly peakBytes: number;
}

/** What a person reads in place of figures: why there are none. */
export type Outcome = Measurement | string;

export const pythonChild = fileURLToPath(new URL('child.py', import.meta.url));

/** The child as one file of plain JavaScript: what is measured is not a TypeScript loader. */
export async function bundleChild(folder: string): Promise<string> {
  const outfile = path.join(folder, 'child.mjs');
  const entryPoint = fileURLToPath(new URL('child.ts', import.meta.url));
  const banner = {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  };
  await build({ entryPoints: [entryPoint], bundle: true, platform: 'node', format: 'esm', outfile, banner });
  return outfile;
}

export async function measure(command: string, args: readonly string[], times: number): Promise<Outcome> {
  const results: Measurement[] = [];
  for (let i = 0; i < times; i++) {
    try {
      const { stdout } = await run(command, args, { maxBuffer: 1e8, timeout: PATIENCE_MS });
      results.push(JSON.parse(stdout) as Measurement);
    } catch (error) {
      if (error instanceof Error && 'killed' in error && error.killed === true) return 'over 2 minutes';
      const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
      return `fails: ${text.trim().split('\n').at(-1)?.slice(0, 80) ?? ''}`;
    }
  }
  return { ms: median(results.map((r) => r.ms)), peakBytes: median(results.map((r) => r.peakBytes)) };
}

/** The outcome of `measurement`, or why this machine cannot make it. */
export async function ifMemory(bytes: number, measurement: () => Promise<Outcome>): Promise<Outcome> {
  if (freemem() < bytes) return `needs ${(bytes / 1e9).toFixed(0)} GB of memory`;
  return measurement();
}

/** The outcome with a Python that has onnx: `VRAM_LENS_BENCH_PYTHON=/path/to/venv/bin/python`. */
export async function ifPython(measurement: (command: string) => Promise<Outcome>): Promise<Outcome> {
  const command = process.env['VRAM_LENS_BENCH_PYTHON'];
  return command === undefined ? 'VRAM_LENS_BENCH_PYTHON not set' : measurement(command);
}

/** What it was measured on; a busy machine makes figures that mean little. */
export function machine(): string {
  const [load = 0] = loadavg();
  const model = cpus()[0]?.model ?? 'CPU';
  return `${cpus().length} × ${model}, load ${load.toFixed(1)}, Node ${process.version}`;
}

export async function freeDiskBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function cell(outcome: Outcome): string {
  if (typeof outcome === 'string') return outcome;
  return `${formatMs(outcome.ms)}, ${(outcome.peakBytes / 1e6).toFixed(0)} MB`;
}

export function formatMs(ms: number): string {
  return ms < 10_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...body.map(line)].join('\n');
}
