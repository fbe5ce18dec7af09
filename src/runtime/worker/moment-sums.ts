/**
 * Sums of the products of a layer's rows with themselves and with what it is to give, fold by fold; by ONNX Runtime's
 * MatMul, as `gram-sums.ts`.
 */
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { bodyOfValue, type GramTarget, type MomentsTarget } from '../../analysis/calibration.ts';
import { foldOfRow } from '../calibrate/folds.ts';
import { writeMoments, type CollectedMoments, type FoldSums } from '../calibrate/moments.ts';
import { gramShape, rowParts } from '../calibrate/patches.ts';
import { wantedRows, type Values } from '../calibrate/wanted.ts';
import { RunnerError } from '../failure.ts';
import type { SessionSpec } from '../messages.ts';
import { node, tinyModel, value } from '../tiny-model.ts';
import { maxPartElements, rowLimit } from './gram-sums.ts';
import { toNumbers } from './outputs.ts';
import { createSession, runSession, type Ort } from './session.ts';

/** Group by group. */
function sumModel(): Uint8Array {
  return tinyModel((g) => {
    node(g, 'Transpose', ['x'], 'xT', { perm: [0, 2, 1] });
    for (const [by, columns] of [
      ['x', 'size'],
      ['z', 'columns'],
    ] as const) {
      node(g, 'MatMul', ['xT', by], `xT${by}`);
      node(g, 'Add', [`xT${by}`, `${by}Sum`], `${by}Next`);
      value(g, 'input', by, ['groups', 'rows', columns]);
      value(g, 'input', `${by}Sum`, ['groups', 'size', columns]);
      value(g, 'output', `${by}Next`, ['groups', 'size', columns]);
    }
  });
}

/** The session that adds; one for all targets. */
export class MomentAdder {
  readonly #ort: Ort;
  readonly #session: InferenceSession;

  private constructor(ort: Ort, session: InferenceSession) {
    this.#ort = ort;
    this.#session = session;
  }

  static async create(ort: Ort, spec: SessionSpec): Promise<MomentAdder> {
    return new MomentAdder(ort, await createSession(ort, { bytes: sumModel() }, { ...spec, ep: 'cpu' }));
  }

  release(): Promise<void> {
    return this.#session.release();
  }

  /** @param x [groups, rows, size + 1]; z: [groups, rows, channels / groups] */
  async add(
    { inputs, outputs, rows }: FoldSums,
    { x, z, groups, count }: { x: Float32Array; z: Float32Array; groups: number; count: number },
  ): Promise<FoldSums> {
    const [size, columns] = [x, z].map((v) => v.length / (groups * count));
    const tensor = (data: Float32Array, of: number | undefined, width: number | undefined): Tensor =>
      new this.#ort.Tensor('float32', data, [groups, of ?? 0, width ?? 0]);
    const feeds = {
      x: tensor(x, count, size),
      z: tensor(z, count, columns),
      xSum: tensor(inputs, size, size),
      zSum: tensor(outputs, size, columns),
    };
    const { xNext, zNext } = await runSession(
      this.#session,
      feeds,
      ['xNext', 'zNext'],
      'adding second moments',
    );
    return {
      inputs: xNext?.data as Float32Array,
      outputs: zNext?.data as Float32Array,
      rows: rows + count,
    };
  }
}

type Tensors = Readonly<Record<string, Tensor>>;

/** Over all batches of one target. */
export class MomentSum {
  readonly #adder: MomentAdder;
  readonly #target: MomentsTarget;
  /** Of the data. */
  readonly #samples: number;
  #folds: FoldSums[] = [];
  #groups = 1;
  #size = 0;
  #rowsSeen = 0;

  constructor(adder: MomentAdder, target: MomentsTarget, samples: number) {
    this.#adder = adder;
    this.#target = target;
    this.#samples = samples;
  }

  /** @param batch its samples, and those of the batches before it */
  async push(
    before: Tensors,
    after: Tensors,
    batch: { readonly count: number; readonly first: number },
  ): Promise<void> {
    const { input, rows: target, output, minus, channels, folds } = this.#target;
    const x = valuesOf(after, input);
    const [y, less] = [valuesOf(before, output), minus === undefined ? undefined : valuesOf(after, minus)];
    const each = eachPixel(target);
    if (bodyOfValue(output) !== undefined && !haveSameRows([x, target], [y, each])) return;
    const { groups, size, rows } = shapeOf(x.dims, target, input);
    this.#check(rows, gramShape(y.dims, each).rows, output);
    if (less !== undefined) this.#check(rows, gramShape(less.dims, each).rows, minus ?? '');
    if (this.#folds.length === 0) {
      [this.#groups, this.#size] = [groups, size];
      this.#folds = Array.from({ length: folds }, () => ({
        inputs: new Float32Array(groups * (size + 1) ** 2),
        outputs: new Float32Array((size + 1) * channels.length),
        rows: 0,
      }));
    }
    const step = Math.max(1, Math.ceil(((rows / batch.count) * this.#samples) / rowLimit(size)));
    const widest = Math.max(groups * (size + 1), channels.length);
    const maxElements = Math.floor((maxPartElements / widest) * groups * (size + 1));
    const foldOf = foldOfRow(x.dims, target, rows, { folds, samples: this.#samples, ...batch });
    for (let k = 0; k < folds; k++) {
      const only = (row: number): boolean => foldOf(row) === k;
      const options = { maxElements, step, firstRow: this.#rowsSeen, only, ones: true };
      for (const part of rowParts(x.data, x.dims, target, options)) {
        const z = wantedRows({ output: y, less, channels, groups }, part.taken, each);
        const own = this.#folds[k] as FoldSums;
        this.#folds[k] = await this.#adder.add(own, { x: part.data, z, groups, count: part.rows });
      }
    }
    this.#rowsSeen += rows;
  }

  #check(rows: number, found: number, name: string): void {
    if (rows === found) return;
    throw new RunnerError(
      'model',
      `"${name}" has ${found} rows where "${this.#target.input}" gives ${rows}, so nothing can be collected of both.`,
    );
  }

  async write(scratch: string, file: string): Promise<CollectedMoments> {
    const { length: channels } = this.#target.channels;
    const rows = this.#folds.map((f) => f.rows);
    const found = { rows, groups: this.#groups, size: this.#size, channels, file };
    await writeMoments(this.#folds, found, scratch);
    this.#folds = [];
    return found;
  }
}

export function shapeOf(
  dims: readonly number[],
  rows: GramTarget,
  name: string,
): ReturnType<typeof gramShape> {
  try {
    return gramShape(dims, rows);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RunnerError('model', `"${name}": ${why}.`, { cause });
  }
}

/** Whether the body ran in both models, and as often: with other weights, another branch may be taken. */
function haveSameRows(...sides: readonly (readonly [Values, GramTarget])[]): boolean {
  if (sides.some(([{ data }]) => data.length === 0)) return false;
  const rows = sides.map(([{ dims }, target]) => gramShape(dims, target).rows);
  return rows.every((n) => n === rows[0]);
}

/** A row of channels for each place of the layer's output. */
function eachPixel(rows: GramTarget): GramTarget {
  if (rows.kind === 'rows') return rows;
  const ones = rows.kernel.map(() => 1);
  const pads = [...ones, ...ones].map(() => 0);
  return {
    kind: 'patches',
    kernel: ones,
    strides: ones,
    dilations: ones,
    pads,
    groups: 1,
    turns: rows.turns,
  };
}

function valuesOf(tensors: Tensors, name: string): Values {
  const tensor = tensors[name];
  const numbers = tensor === undefined ? undefined : toNumbers(tensor);
  if (tensor === undefined || numbers === undefined)
    throw new RunnerError('model', `"${name}" holds no numbers, so nothing can be collected of it.`);
  const data = tensor.type === 'float32' ? (tensor.data as Float32Array) : numbers.slice(0, numbers.length);
  return { data, dims: tensor.dims };
}
