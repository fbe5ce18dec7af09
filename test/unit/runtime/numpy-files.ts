/** `.npy` and `.npz` files made in code, as NumPy's own writer lays them out. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { zipSync } from 'fflate';
import { RunnerError } from '../../../src/runtime/failure.ts';

export interface NpyOptions {
  readonly descr?: string;
  readonly shape: readonly number[];
  readonly fortran?: boolean;
  readonly major?: 1 | 2 | 3;
}

export function npy(data: ArrayBufferView, options: NpyOptions): Uint8Array {
  const { descr = '<f4', shape, fortran = false, major = 1 } = options;
  const dims = shape.length === 1 ? `${shape[0]!},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${dims}), }`;
  const prelude = major === 1 ? 10 : 12;
  // NumPy pads so that the data begin at a multiple of 64
  const length = Math.ceil((prelude + text.length + 1) / 64) * 64 - prelude;
  const out = new Uint8Array(prelude + length + data.byteLength);
  out.set([0x93, ...Buffer.from('NUMPY'), major, 0]);
  const view = new DataView(out.buffer);
  if (major === 1) view.setUint16(8, length, true);
  else view.setUint32(8, length, true);
  out.set(Buffer.from(text.padEnd(length - 1) + '\n', 'latin1'), prelude);
  out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), prelude + length);
  return out;
}

/** `level` 0 stores, as `numpy.savez`; otherwise deflates, as `numpy.savez_compressed`. */
export function npz(arrays: Readonly<Record<string, Uint8Array>>, level: 0 | 6 = 6): Uint8Array {
  const files = Object.entries(arrays).map(([name, bytes]) => [`${name}.npy`, bytes] as const);
  return zipSync(Object.fromEntries(files), { level });
}

/** A folder for the tests of one `describe`; removed after them. */
export class TestFolder {
  #path: string | undefined;

  constructor() {
    before(async () => {
      this.#path = await mkdtemp(path.join(tmpdir(), 'vram-lens-test-'));
    });
    after(() => rm(this.path, { recursive: true }));
  }

  get path(): string {
    if (this.#path === undefined) throw new Error('only within a test');
    return this.#path;
  }

  file(name: string): string {
    return path.join(this.path, name);
  }

  async write(name: string, bytes: Uint8Array): Promise<string> {
    await writeFile(this.file(name), bytes);
    return this.file(name);
  }
}

/** For `assert.rejects` and `assert.throws`: a RunnerError of kind 'data' that says so. */
export const isDataError = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RunnerError);
  assert.equal(error.kind, 'data');
  assert.match(error.message, pattern);
  return true;
};
