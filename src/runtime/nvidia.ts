/** GPU memory by nvidia-smi, where it is installed: the cards, and what one process takes while it runs. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { promisify } from 'node:util';
import type { Gpu } from './types.ts';

const run = promisify(execFile);
const mebibyte = 1024 * 1024;
const sampleMs = 50;
/** nvidia-smi takes about half a second to start, more on machines with many cards. */
const startMs = 5_000;

/** Cards, or none where nvidia-smi is missing or fails. */
export async function nvidiaGpus(): Promise<Gpu[]> {
  try {
    const { stdout } = await run(
      'nvidia-smi',
      ['--query-gpu=name,memory.total,memory.free', '--format=csv,noheader,nounits'],
      { timeout: 10_000 },
    );
    return parseGpus(stdout);
  } catch {
    return [];
  }
}

/** `NVIDIA H200, 143771, 143155` per line; figures in MiB, or `[N/A]`. */
export function parseGpus(csv: string): Gpu[] {
  return csv
    .split('\n')
    .map((line) => line.split(',').map((f) => f.trim()))
    .filter((fields) => fields.length === 3)
    .map(([name = '', total, free]) => ({
      name,
      vendor: 'NVIDIA',
      vramBytes: mebibytes(total),
      freeBytes: mebibytes(free),
      source: 'nvidia-smi',
    }));
}

function mebibytes(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) * mebibyte : undefined;
}

/** Watches one process's GPU memory from now on until stopped. */
export class GpuSampler {
  readonly #children: ChildProcess[];
  #processPeak: number | undefined;
  #devicePeak = 0;
  #deviceStart: number | undefined;
  #isSampling: () => void = () => undefined;
  readonly #sampling = new Promise<void>((resolve) => (this.#isSampling = resolve));

  constructor(pid: () => number | undefined) {
    this.#children = [
      sample('--query-compute-apps=pid,used_memory', (line) => {
        const [id, used] = line.split(',').map((f) => f.trim());
        const bytes = mebibytes(used);
        if (Number(id) === pid() && bytes !== undefined) {
          this.#processPeak = Math.max(this.#processPeak ?? 0, bytes);
        }
      }),
      sample('--query-gpu=memory.used', (line) => {
        const bytes = mebibytes(line.trim());
        if (bytes === undefined) return;
        this.#deviceStart ??= bytes;
        this.#devicePeak = Math.max(this.#devicePeak, bytes);
        this.#isSampling();
      }),
    ];
    for (const child of this.#children) {
      for (const event of ['error', 'close']) child.once(event, () => this.#isSampling());
    }
  }

  /** Resolves with the first sample, so that what is started next is growth; at once where there is no nvidia-smi. */
  async ready(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, startMs)));
    await Promise.race([this.#sampling, late]);
    clearTimeout(timer);
  }

  /** Peak so far, and what it counts: the process where the driver lists it, else the growth of the whole device. */
  stop(): { bytes: number; source: string } | undefined {
    for (const child of this.#children) child.kill();
    if (this.#processPeak !== undefined) {
      return { bytes: this.#processPeak, source: 'GPU memory of the process (nvidia-smi)' };
    }
    const growth = this.#devicePeak - (this.#deviceStart ?? this.#devicePeak);
    // none: what was run did not use this card
    if (growth === 0) return undefined;
    return {
      bytes: growth,
      source: 'GPU memory growth, whole device (nvidia-smi)',
    };
  }
}

function sample(query: string, onLine: (line: string) => void): ChildProcess {
  const child = spawn('nvidia-smi', [query, '--format=csv,noheader,nounits', '-lms', String(sampleMs)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  });
  // not installed: there is nothing to sample
  child.on('error', () => undefined);
  return child;
}
