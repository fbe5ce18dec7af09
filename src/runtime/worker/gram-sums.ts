/** Sums of XᵀX, computed by ONNX Runtime's own MatMul, which is some hundred times as fast as a loop here. */
import { open } from 'node:fs/promises';
import path from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import type { GramTarget } from '../../analysis/calibration.ts';
import type { CollectedGram } from '../calibrate/collected.ts';
import { gramKey } from '../calibrate/keys.ts';
import { gramShape, rowParts, type GramShape, type RowPart } from '../calibrate/patches.ts';
import { bytesOf } from '../data/dtype.ts';
import { RunnerError } from '../failure.ts';
import { node, tinyModel, value } from '../tiny-model.ts';
import { createSession, runSession, type Ort } from './session.ts';

/** Rows of one target at most: many times what a weight's second moments need to settle; one of several is taken beyond. */
const maxRows = 2 ** 16;
/** But for wide weights so many times their size. */
const maxRowsPerColumn = 8;
/** Of one MatMul: 64 MiB of rows. */
export const maxPartElements = 2 ** 24;

/** y = sum + xᵀ·x, group by group. */
function gramModel(): Uint8Array {
  return tinyModel((g) => {
    node(g, 'Transpose', ['x'], 'xT', { perm: [0, 2, 1] });
    node(g, 'MatMul', ['xT', 'x'], 'xTx');
    node(g, 'Add', ['xTx', 'sum'], 'y');
    value(g, 'input', 'x', ['groups', 'rows', 'size']);
    value(g, 'input', 'sum', ['groups', 'size', 'size']);
    value(g, 'output', 'y', ['groups', 'size', 'size']);
  });
}

/** Rows of one target at most, of `size` columns. */
export function rowLimit(size: number): number {
  return Math.max(maxRows, maxRowsPerColumn * size);
}

/** The session that adds; one for all targets. */
export class GramAdder {
  readonly #ort: Ort;
  readonly #session: InferenceSession;

  private constructor(ort: Ort, session: InferenceSession) {
    this.#ort = ort;
    this.#session = session;
  }

  static async create(ort: Ort): Promise<GramAdder> {
    const spec = { ep: 'cpu', optimization: 'all', settings: {} } as const;
    return new GramAdder(ort, await createSession(ort, { bytes: gramModel() }, spec));
  }

  release(): Promise<void> {
    return this.#session.release();
  }

  async add(
    sum: Float32Array,
    x: Float32Array,
    { groups, size, rows }: GramShape,
  ): Promise<Float32Array<ArrayBuffer>> {
    const feeds = {
      x: new this.#ort.Tensor('float32', x, [groups, rows, size]),
      sum: new this.#ort.Tensor('float32', sum, [groups, size, size]),
    };
    const { y } = await runSession(this.#session, feeds, ['y'], 'adding second moments');
    return y?.data as Float32Array<ArrayBuffer>;
  }
}

/** `data` is [groups, rows, size]. */
function addColumns(sums: Float64Array, { data, rows }: RowPart, { groups, size }: GramShape): void {
  for (let g = 0; g < groups; g++)
    for (let r = 0; r < rows; r++) {
      const row = (g * rows + r) * size;
      for (let c = 0; c < size; c++) sums[g * size + c] = (sums[g * size + c] ?? 0) + (data[row + c] ?? 0);
    }
}

/** One target over all batches. */
export class GramSum {
  readonly #tensor: string;
  readonly #target: GramTarget;
  /** Samples that will come, for how many rows to leave out. */
  readonly #samples: number;
  #shape: GramShape | undefined;
  #sum = new Float32Array(0);
  /** Of each column, group by group. */
  #columns = new Float64Array(0);
  #rows = 0;
  /** Of the batches so far, taken or not. */
  #rowsSeen = 0;

  constructor(tensor: string, target: GramTarget, samples: number) {
    this.#tensor = tensor;
    this.#target = target;
    this.#samples = samples;
  }

  /** The tensor of one batch of `count` samples. RangeError where its shape does not fit the target. */
  async push(
    adder: GramAdder,
    values: ArrayLike<number>,
    dims: readonly number[],
    count: number,
  ): Promise<void> {
    // a body that did not run
    if (values.length === 0) return;
    const shape = gramShape(dims, this.#target);
    if (this.#shape === undefined) {
      this.#shape = shape;
      this.#sum = new Float32Array(shape.groups * shape.size ** 2);
      this.#columns = new Float64Array(shape.groups * shape.size);
    } else if (this.#shape.size !== shape.size) {
      throw new RangeError(`its rows had ${this.#shape.size} columns, then ${shape.size}`);
    }
    const all = (shape.rows / count) * this.#samples;
    const step = Math.max(1, Math.ceil(all / rowLimit(shape.size)));
    const options = { maxElements: maxPartElements, step, firstRow: this.#rowsSeen };
    for (const part of rowParts(values, dims, this.#target, options)) {
      this.#sum = await adder.add(this.#sum, part.data, { ...shape, rows: part.rows });
      addColumns(this.#columns, part, shape);
      this.#rows += part.rows;
    }
    this.#rowsSeen += shape.rows;
  }

  /** Writes the mean into a file of the scratch folder, and lets go of the sum. */
  async write(scratch: string, name: string): Promise<CollectedGram> {
    const { groups = 1, size = 0 } = this.#shape ?? {};
    const rows = this.#rows;
    const mean = rows === 0 ? this.#sum : this.#sum.map((s) => s / rows);
    const means = Float32Array.from(this.#columns, (s) => s / Math.max(1, rows));
    this.#sum = new Float32Array(0);
    const file = await open(path.join(scratch, name), 'w');
    try {
      await file.writeFile(bytesOf(mean));
      await file.writeFile(bytesOf(means));
    } catch (cause) {
      throw new RunnerError(
        'data',
        `The second moments cannot be kept in ${scratch}: ${cause instanceof Error ? cause.message : String(cause)}.`,
        { cause },
      );
    } finally {
      await file.close();
    }
    return { tensor: this.#tensor, key: gramKey(this.#target), size, rows, groups, file: name };
  }
}
