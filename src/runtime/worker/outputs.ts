/**
 * Outputs of one run kept on disk so that the other model's can be compared without both models in memory:
 * one file of raw bytes, and an index of what lies where.
 */
import { open, readFile, writeFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Tensor } from 'onnxruntime-node';
import { halfToNumber } from '../../onnx/index.ts';
import { textOf } from '../data/numpy-file.ts';
import { RunnerError } from '../failure.ts';
import { OutputMetrics } from '../metrics/outputs.ts';
import type { OutputComparison } from '../types.ts';
import type { Outputs } from './session.ts';

interface SavedOutput {
  readonly type: string;
  readonly dims: readonly number[];
  readonly offset: number;
  readonly elements: number;
  /** Kept as float32, which holds every value of its type; float64 otherwise. */
  readonly isSingle: boolean;
}

const singles: ReadonlySet<string> = new Set([
  'float32',
  'float16',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'bool',
]);

type SavedBatch = Readonly<Record<string, SavedOutput>>;

/** Elements read and compared at a time: small beside any model. */
const chunkElements = 64 * 1024;

const indexOf = (file: string) => `${file}.json`;

export class OutputWriter {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #batches: SavedBatch[] = [];
  #offset = 0;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  static async create(path: string): Promise<OutputWriter> {
    return new OutputWriter(path, await open(path, 'w'));
  }

  async write(outputs: Outputs): Promise<void> {
    const batch: Record<string, SavedOutput> = {};
    for (const [name, tensor] of Object.entries(outputs)) {
      const numbers = toNumbers(tensor);
      if (numbers === undefined) continue;
      const { type, dims } = tensor;
      const isSingle = singles.has(type);
      batch[name] = { type, dims, offset: this.#offset, elements: numbers.length, isSingle };
      const Kept = isSingle ? Float32Array : Float64Array;
      for (let at = 0; at < numbers.length; at += chunkElements) {
        await this.#append(Kept.from(numbers.slice(at, Math.min(at + chunkElements, numbers.length))));
      }
    }
    this.#batches.push(batch);
  }

  async #append(part: Float32Array | Float64Array): Promise<void> {
    try {
      await this.#handle.write(part, 0, part.byteLength, this.#offset);
    } catch (cause) {
      throw new RunnerError(
        'data',
        `The outputs cannot be kept for comparison in ${path.dirname(this.#path)}: ${textOf(cause)}. Use fewer samples.`,
        { cause },
      );
    }
    this.#offset += part.byteLength;
  }

  async close(): Promise<void> {
    await this.#handle.close();
    await writeFile(indexOf(this.#path), JSON.stringify(this.#batches));
  }
}

export class OutputComparer {
  readonly #handle: FileHandle;
  readonly #batches: readonly SavedBatch[];
  readonly #metrics = new Map<string, OutputMetrics>();
  readonly #warnings = new Set<string>();
  #batch = 0;

  private constructor(handle: FileHandle, batches: readonly SavedBatch[]) {
    this.#handle = handle;
    this.#batches = batches;
  }

  static async open(path: string): Promise<OutputComparer> {
    const batches = JSON.parse(await readFile(indexOf(path), 'utf8')) as SavedBatch[];
    return new OutputComparer(await open(path), batches);
  }

  get warnings(): string[] {
    const broken = [...this.#metrics]
      .filter(([, m]) => m.nonFinite > 0)
      .map(([name, m]) => `Output "${name}" holds ${m.nonFinite} values that are NaN or infinite.`);
    return [...this.#warnings, ...broken];
  }

  /** The outputs of the same batch by the compressed model. */
  async compare(outputs: Outputs): Promise<void> {
    const saved = this.#batches[this.#batch++] ?? {};
    for (const [name, original] of Object.entries(saved)) {
      const tensor = outputs[name];
      const numbers = tensor === undefined ? undefined : toNumbers(tensor);
      if (tensor === undefined || numbers === undefined) {
        this.#warnings.add(`Output "${name}" is missing in the compressed model; it was not compared.`);
      } else if (String(tensor.dims) === String(original.dims)) {
        await this.#compareOne(name, original, numbers);
      } else {
        this.#warnings.add(
          `Output "${name}" has shape [${original.dims.join(', ')}] in the original and [${tensor.dims.join(', ')}] in the compressed model; it was not compared.`,
        );
      }
    }
  }

  async #compareOne(name: string, saved: SavedOutput, numbers: Numbers): Promise<void> {
    const metrics = this.#metrics.get(name) ?? new OutputMetrics(name);
    this.#metrics.set(name, metrics);
    metrics.begin(saved.dims);
    const Kept = saved.isSingle ? Float32Array : Float64Array;
    const buffer = new Kept(Math.min(chunkElements, saved.elements));
    const width = Kept.BYTES_PER_ELEMENT;
    for (let at = 0; at < saved.elements; at += chunkElements) {
      const count = Math.min(chunkElements, saved.elements - at);
      const { bytesRead } = await this.#handle.read(buffer, 0, count * width, saved.offset + at * width);
      if (bytesRead < count * width) throw new Error('The outputs of the original were cut short on disk.');
      metrics.push(buffer.subarray(0, count), numbers.slice(at, at + count));
    }
  }

  async close(): Promise<OutputComparison[]> {
    await this.#handle.close();
    return [...this.#metrics.values()].map((m) => m.result());
  }
}

/** Part by part as numbers, so that no copy of a whole output is made. */
export interface Numbers {
  readonly length: number;
  slice(from: number, to: number): ArrayLike<number>;
}

/** undefined for strings, which have no distance. */
export function toNumbers(tensor: Tensor): Numbers | undefined {
  const { data, type } = tensor;
  if (type === 'string' || Array.isArray(data)) return undefined;
  const { length } = data;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    return { length, slice: (from, to) => Float64Array.from(data.subarray(from, to), Number) };
  }
  // Node 24 and later give a Float16Array, which reads as numbers; earlier ones the bits
  if (type === 'float16' && data instanceof Uint16Array) {
    return { length, slice: (from, to) => Float32Array.from(data.subarray(from, to), halfToNumber) };
  }
  return { length, slice: (from, to) => data.subarray(from, to) };
}
