/**
 * Values that one run over the data leaves for the next one, batch by batch, so that the next goes on from them instead
 * of from the model's inputs. In files, up to a limit; where it is reached, or a value holds no numbers, nothing is kept.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { deserialize, serialize } from 'node:v8';

export interface KeptSide {
  /** TensorProto.DataType by name: what the files hold when the run begins. */
  readonly known: Readonly<Record<string, number>>;
  /** What they are to hold when it has ended. */
  readonly keep: readonly string[];
}

export interface KeptValues {
  readonly folder: string;
  readonly original: KeptSide;
  readonly changed: KeptSide;
}

export type Side = 'original' | 'changed';

export interface KeptTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: ArrayBufferView;
}

/** All files together. */
const maxKeptBytes = 4 * 1024 ** 3;

/** Whether the last run left all that it was asked to keep. */
export function isKept(folder: string): Promise<boolean> {
  return stat(completeIn(folder)).then(
    () => true,
    () => false,
  );
}

const completeIn = (folder: string): string => path.join(folder, 'batch-size');

export class KeptFiles {
  readonly #values: KeptValues;
  #left: number;
  #isLeftOut = false;

  constructor(values: KeptValues, limitBytes = maxKeptBytes) {
    this.#values = values;
    this.#left = limitBytes;
  }

  /** The batch size that the files were made at; undefined where none are to be read. */
  async batchSize(): Promise<number | undefined> {
    const { original, changed, folder } = this.#values;
    if (Object.keys({ ...original.known, ...changed.known }).length === 0) return undefined;
    return Number(await readFile(completeIn(folder), 'utf8'));
  }

  /** Names that are to be written. */
  missing(side: Side): string[] {
    const { known, keep } = this.#values[side];
    return keep.filter((name) => !(name in known));
  }

  async read(side: Side, name: string, batch: number): Promise<KeptTensor> {
    return deserialize(await readFile(this.#file(side, name, batch))) as KeptTensor;
  }

  async write(side: Side, name: string, batch: number, tensor: KeptTensor | undefined): Promise<void> {
    this.#left -= tensor?.data.byteLength ?? Infinity;
    if (this.#left < 0) this.#isLeftOut = true;
    if (tensor === undefined || this.#isLeftOut) return;
    const file = this.#file(side, name, batch);
    await mkdir(path.dirname(file), { recursive: true });
    const { type, dims, data } = tensor;
    await writeFile(file, serialize({ type, dims, data }));
  }

  /** Once the run is over. */
  async complete(batchSize: number): Promise<void> {
    const { folder } = this.#values;
    if (this.#isLeftOut) return rm(folder, { recursive: true, force: true });
    for (const side of ['original', 'changed'] as const) {
      const { known, keep } = this.#values[side];
      const gone = Object.keys(known).filter((name) => !keep.includes(name));
      for (const name of gone) await rm(this.#folder(side, name), { recursive: true, force: true });
    }
    await mkdir(folder, { recursive: true });
    await writeFile(completeIn(folder), String(batchSize));
  }

  #folder(side: Side, name: string): string {
    return path.join(this.#values.folder, side, createHash('sha256').update(name).digest('hex'));
  }

  #file(side: Side, name: string, batch: number): string {
    return path.join(this.#folder(side, name), String(batch));
  }
}
