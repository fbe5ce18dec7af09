/**
 * EPs that worked, kept in a file of the caller's for a day, so that a new window need not try them again. What did not
 * work is not kept: a driver may be installed in the meantime. One that stopped working is found out when it is used.
 */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { EpName } from '../analysis/types.ts';
import { cpuName } from './cpu-name.ts';
import type { EpStatus } from './types.ts';

const maxAgeMs = 24 * 3600 * 1000;

interface Kept {
  /** Of the worker and the library; another one is tried anew. */
  readonly key: string;
  readonly at: number;
  readonly status: EpStatus;
}

export class ProbeCache {
  readonly #file: string;
  readonly #key: Promise<string>;

  /** @param files whose size or time of change makes what is kept worthless */
  constructor(file: string, files: readonly string[]) {
    this.#file = file;
    this.#key = keyOf(files);
  }

  async recall(ep: EpName): Promise<EpStatus | undefined> {
    const key = await this.#key;
    const kept = (await this.#read()).find((k) => k.status.ep === ep && k.key === key);
    return kept !== undefined && Math.abs(Date.now() - kept.at) < maxAgeMs ? kept.status : undefined;
  }

  /** Errors do not matter: it is tried again the next time. */
  async remember(status: EpStatus): Promise<void> {
    if (!status.available) return;
    const others = (await this.#read()).filter((k) => k.status.ep !== status.ep);
    const kept: Kept = { key: await this.#key, at: Date.now(), status };
    await mkdir(path.dirname(this.#file), { recursive: true }).catch(() => undefined);
    await writeFile(this.#file, JSON.stringify([...others, kept])).catch(() => undefined);
  }

  #read(): Promise<readonly Kept[]> {
    return readKept(this.#file);
  }
}

/**
 * What a probe of this CPU showed at any time, since a processor stays as it is: whether its products of unsigned and
 * signed 8 bits overflow. Undefined where none was kept, or of another processor.
 */
export async function keptInt8Overflows(file: string): Promise<boolean | undefined> {
  const ofThisCpu = ({ status }: Kept): boolean => status.ep === 'cpu' && status.detail === cpuName();
  return (await readKept(file)).find(ofThisCpu)?.status.int8Overflows;
}

/** None where the file is not there or is damaged. */
async function readKept(file: string): Promise<readonly Kept[]> {
  try {
    const kept: unknown = JSON.parse(await readFile(file, 'utf8'));
    return Array.isArray(kept) ? (kept as readonly Kept[]) : [];
  } catch {
    return [];
  }
}

async function keyOf(files: readonly string[]): Promise<string> {
  const stamps = files.map(async (file) => {
    const found = await stat(file).catch(() => undefined);
    return `${file}:${found?.size ?? 0}:${found?.mtimeMs ?? 0}`;
  });
  return (await Promise.all(stamps)).join('|');
}
