/**
 * Runs the original and a changed model side by side, and sums the products of what a layer of the changed one reads
 * with itself and with what the layer is to give. Both models are cut to the values that are asked for, and go on from
 * those that an earlier run left.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { bodyOfValue, type GramTarget, type MomentsTarget } from '../../analysis/calibration.ts';
import { openModel, type Model } from '../../onnx/index.ts';
import { KeptFiles, type KeptSide, type Side } from '../calibrate/kept.ts';
import { writeMoments, type CollectedMoments } from '../calibrate/moments.ts';
import { gramShape, rowParts, type RowPart } from '../calibrate/patches.ts';
import { openData } from '../data/open.ts';
import type { DataSource } from '../data/source.ts';
import { RunnerError } from '../failure.ts';
import { planInputs } from '../inputs.ts';
import type { MomentsJob } from '../messages.ts';
import { modelInputs } from '../model-inputs.ts';
import { node, tinyModel, value } from '../tiny-model.ts';
import { lifted } from '../lift.ts';
import { cutOut } from './expose.ts';
import { maxPartElements, rowLimit } from './gram-sums.ts';
import type { Say } from './main.ts';
import { toNumbers } from './outputs.ts';
import { createSession, loadOrt, runSession, toFeeds, type Ort } from './session.ts';

/** Matrices of one pass over the data. */
const defaultPassBytes = 512 * 1024 ** 2;

export async function collectMoments(job: MomentsJob, say: Say): Promise<CollectedMoments[]> {
  const [original, changed] = [await openModel(job.model), await openModel(job.changed)];
  const kept = new KeptFiles(job.kept ?? nothingKept);
  const batchSize = (await kept.batchSize()) ?? job.batchSize;
  const plan = planInputs(modelInputs(original), { ...job, batchSize, acceptFixedBatch: true });
  const data = await openData(job.data, plan, job.hints);
  const ort = await loadOrt();
  const adder = await createSession(ort, { bytes: sumModel() }, { ...job.session, ep: 'cpu' });
  try {
    const found: CollectedMoments[] = [];
    let rest = job.targets;
    while (rest.length > 0) {
      const pass = new Pass({ ort, job, original, changed, kept, data, adder, first: found.length }, say);
      found.push(...(await pass.run(rest)));
      rest = job.targets.slice(found.length);
    }
    if (job.kept !== undefined) await kept.complete(batchSize);
    return found;
  } finally {
    data.close();
    await adder.release();
    await original.source.close();
    await changed.source.close();
  }
}

const none: KeptSide = { known: {}, keep: [] };
const nothingKept = { folder: '', original: none, changed: none };

/** y = sum + xᵀ·z, group by group. */
function sumModel(): Uint8Array {
  return tinyModel((g) => {
    node(g, 'Transpose', ['x'], 'xT', { perm: [0, 2, 1] });
    node(g, 'MatMul', ['xT', 'z'], 'xTz');
    node(g, 'Add', ['xTz', 'sum'], 'y');
    value(g, 'input', 'x', ['groups', 'rows', 'size']);
    value(g, 'input', 'z', ['groups', 'rows', 'columns']);
    value(g, 'input', 'sum', ['groups', 'size', 'columns']);
    value(g, 'output', 'y', ['groups', 'size', 'columns']);
  });
}

interface Setting {
  readonly ort: Ort;
  readonly job: MomentsJob;
  readonly original: Model;
  readonly changed: Model;
  readonly kept: KeptFiles;
  readonly data: DataSource;
  readonly adder: InferenceSession;
  /** Index of the first target. */
  readonly first: number;
}

/** One tensor's content, as numbers. */
interface Values {
  readonly data: ArrayLike<number>;
  readonly dims: readonly number[];
}

class Pass {
  readonly #setting: Setting;
  readonly #say: Say;

  constructor(setting: Setting, say: Say) {
    this.#setting = setting;
    this.#say = say;
  }

  /** The targets from the first one on whose matrices fit, at least one. */
  async run(targets: readonly MomentsTarget[]): Promise<CollectedMoments[]> {
    const { data, job, original, changed, first } = this.#setting;
    const sums: MomentSum[] = [];
    let taken = targets;
    const sessions = {
      before: await this.#session(
        original,
        taken.map((t) => t.output),
        'original',
      ),
      after: await this.#session(
        changed,
        taken.flatMap((t) => [t.input, ...(t.minus === undefined ? [] : [t.minus])]),
        'changed',
      ),
    };
    let [seen, index] = [0, 0];
    for await (const batch of data.batches()) {
      const feeds = toFeeds(this.#setting.ort, batch.feeds);
      const what = `collecting from samples ${seen + 1} to ${seen + batch.count} of ${data.samples}`;
      this.#say.phase(what);
      const before = await sessions.before.run(feeds, index, what);
      const after = await sessions.after.run(feeds, index, what);
      index++;
      if (seen === 0) taken = this.#fitting(taken, after);
      for (const [i, target] of taken.entries()) {
        const sum = (sums[i] ??= new MomentSum(this.#setting, target));
        await sum.push(before, after, batch.count);
      }
      seen += batch.count;
      this.#say.progress((first + (taken.length * seen) / data.samples) / job.targets.length, what);
    }
    await sessions.before.release();
    await sessions.after.release();
    return Promise.all(sums.map((sum, i) => sum.write(job.scratch, `moments-${first + i}`)));
  }

  #fitting(targets: readonly MomentsTarget[], after: Readonly<Record<string, Tensor>>): MomentsTarget[] {
    let left = this.#setting.job.maxPassBytes ?? defaultPassBytes;
    const count = targets.findIndex(({ input, rows, channels }) => {
      const dims = after[input]?.dims ?? [];
      // a body that does not run in the first batch tells nothing
      const { size, groups } = dims.includes(0) ? { size: 0, groups: 1 } : shapeOf(dims, rows, input);
      // the sum, and its successor
      left -= 8 * (size + 1) * (groups * (size + 1) + channels.length);
      return left < 0;
    });
    return count < 0 ? [...targets] : targets.slice(0, Math.max(1, count));
  }

  async #session(given: Model, asked: readonly string[], side: Side): Promise<ModelRun> {
    const { ort, job, kept, first } = this.#setting;
    const { model } = lifted(given, asked);
    const known = new Map(Object.entries(job.kept?.[side].known ?? {}));
    const inputs = new Set(model.graph.inputs.map((i) => i.name));
    const isGiven = (name: string): boolean => inputs.has(name) || known.has(name);
    // what is kept for later is written in the first pass
    const keep = first === 0 ? kept.missing(side) : [];
    const fetches = [...new Set([...asked, ...keep])].filter((name) => !isGiven(name));
    const made = new Set(model.graph.nodes.flatMap((n) => n.outputs));
    const missing = fetches.find((name) => !made.has(name));
    if (missing !== undefined)
      throw new RunnerError(
        'model',
        `"${missing}" is no value of ${path.basename(job.model)} (${side}), so nothing can be collected of it.`,
      );
    this.#say.phase(`loading ${path.basename(job.model)} (${side}) on ${job.session.ep}`);
    const file = path.join(job.scratch, `${side}-${first}.onnx`);
    const session =
      fetches.length === 0
        ? undefined
        : await createSession(ort, await cutOut(model, fetches, file, known), job.session);
    const read = new Set([...(session?.inputNames ?? []), ...asked].filter((name) => known.has(name)));
    return {
      run: async (feeds, batch, what) => {
        const given = { ...feeds };
        for (const name of read) {
          const { type, dims, data } = await kept.read(side, name, batch);
          given[name] = new ort.Tensor(type as 'float32', data as Float32Array, dims);
        }
        const own = Object.fromEntries(
          (session?.inputNames ?? []).flatMap((name) => {
            const tensor = given[name];
            return tensor === undefined ? [] : [[name, tensor] as const];
          }),
        );
        const found = session === undefined ? {} : await runSession(session, own, fetches, what);
        for (const name of keep) {
          const { type, dims, data } = found[name] ?? {};
          const isNumbers = type !== undefined && dims !== undefined && ArrayBuffer.isView(data);
          await kept.write(side, name, batch, isNumbers ? { type, dims, data } : undefined);
        }
        return { ...given, ...found };
      },
      release: async () => {
        await session?.release();
        await rm(file, { force: true });
      },
    };
  }
}

/** One of the two models, over the data. */
interface ModelRun {
  /** All values that are at hand then, those asked for among them. */
  readonly run: (
    feeds: Readonly<Record<string, Tensor>>,
    batch: number,
    what: string,
  ) => Promise<Readonly<Record<string, Tensor>>>;
  readonly release: () => Promise<void>;
}

function shapeOf(dims: readonly number[], rows: GramTarget, name: string): ReturnType<typeof gramShape> {
  try {
    return gramShape(dims, rows);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RunnerError('model', `"${name}": ${why}.`, { cause });
  }
}

/** Over all batches of one target. */
class MomentSum {
  readonly #setting: Setting;
  readonly #target: MomentsTarget;
  #sum = new Float32Array(0);
  #groups = 1;
  #size = 0;
  #rows = 0;
  #rowsSeen = 0;

  constructor(setting: Setting, target: MomentsTarget) {
    this.#setting = setting;
    this.#target = target;
  }

  async push(
    before: Readonly<Record<string, Tensor>>,
    after: Readonly<Record<string, Tensor>>,
    count: number,
  ): Promise<void> {
    const { input, rows, output, minus, channels } = this.#target;
    const { ort, data, adder } = this.#setting;
    const x = valuesOf(after, input);
    const [y, other] = [valuesOf(before, output), minus === undefined ? undefined : valuesOf(after, minus)];
    const each = eachPixel(rows);
    if (bodyOfValue(output) !== undefined && !haveSameRows([x, rows], [y, each])) return;
    const shape = shapeOf(x.dims, rows, input);
    this.#check(shape.rows, gramShape(y.dims, each).rows, output);
    if (other !== undefined) this.#check(shape.rows, gramShape(other.dims, each).rows, minus ?? '');
    const { groups } = shape;
    const [size, columns] = [shape.size + 1, shape.size + 1 + channels.length / groups];
    if (this.#size === 0) {
      this.#groups = groups;
      this.#size = shape.size;
      this.#sum = new Float32Array(groups * size * columns);
    }
    const step = Math.max(1, Math.ceil(((shape.rows / count) * data.samples) / rowLimit(shape.size)));
    const capacity = Math.max(1, Math.floor(maxPartElements / (groups * columns)));
    const parts = (v: Values, target: GramTarget) =>
      rowParts(v.data, v.dims, target, {
        ...{ maxElements: capacity * widthOf(gramShape(v.dims, target)), step, firstRow: this.#rowsSeen },
      });
    const [ys, others] = [parts(y, each), other === undefined ? undefined : parts(other, each)];
    for (const { data: own, rows: taken } of parts(x, rows)) {
      const wanted = nextOf(ys);
      if (wanted === undefined) break;
      const feeds = joined({ own, wanted, less: others && nextOf(others), channels }, taken, groups);
      const run = await runSession(
        adder,
        {
          x: new ort.Tensor('float32', feeds.x, [groups, taken, size]),
          z: new ort.Tensor('float32', feeds.z, [groups, taken, columns]),
          sum: new ort.Tensor('float32', this.#sum, [groups, size, columns]),
        },
        ['y'],
        'adding second moments',
      );
      this.#sum = run['y']?.data as Float32Array<ArrayBuffer>;
      this.#rows += taken;
    }
    this.#rowsSeen += shape.rows;
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
    const found = { rows: this.#rows, groups: this.#groups, size: this.#size, channels, file };
    await writeMoments(this.#sum, found, scratch);
    return found;
  }
}

/** Whether the body ran in both models, and as often: with other weights, another branch may be taken. */
function haveSameRows(...sides: readonly (readonly [Values, GramTarget])[]): boolean {
  if (sides.some(([{ data }]) => data.length === 0)) return false;
  const rows = sides.map(([{ dims }, target]) => gramShape(dims, target).rows);
  return rows.every((n) => n === rows[0]);
}

function nextOf(parts: Generator<RowPart>): Float32Array | undefined {
  const next = parts.next();
  return next.done === true ? undefined : next.value.data;
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

function valuesOf(tensors: Readonly<Record<string, Tensor>>, name: string): Values {
  const tensor = tensors[name];
  const numbers = tensor === undefined ? undefined : toNumbers(tensor);
  if (tensor === undefined || numbers === undefined)
    throw new RunnerError('model', `"${name}" holds no numbers, so nothing can be collected of it.`);
  return { data: numbers.slice(0, numbers.length), dims: tensor.dims };
}

function widthOf({ groups, size }: ReturnType<typeof gramShape>): number {
  return groups * size;
}

interface Rows {
  /** [groups, rows, size] */
  readonly own: Float32Array;
  /** [rows, all channels] */
  readonly wanted: Float32Array;
  /** [rows, channels] */
  readonly less: Float32Array | undefined;
  readonly channels: Int32Array;
}

/** Of each group x: [rows, size + 1], the last column 1; z: x and its channels wanted of y, less those of `less`. */
function joined(
  { own, wanted, less, channels }: Rows,
  rows: number,
  groups: number,
): { x: Float32Array; z: Float32Array } {
  const size = own.length / (groups * rows);
  const all = wanted.length / rows;
  const each = channels.length / groups;
  const columns = size + 1 + each;
  const x = new Float32Array(groups * rows * (size + 1));
  const z = new Float32Array(groups * rows * columns);
  for (let g = 0; g < groups; g++)
    for (let r = 0; r < rows; r++) {
      const at = g * rows + r;
      const row = own.subarray(at * size, (at + 1) * size);
      x.set(row, at * (size + 1));
      x[at * (size + 1) + size] = 1;
      z.set(row, at * columns);
      const one = at * columns + size;
      z[one] = 1;
      for (let c = 0; c < each; c++) {
        const channel = g * each + c;
        const value = wanted[r * all + (channels[channel] ?? 0)] ?? 0;
        z[one + 1 + c] = value - (less?.[r * channels.length + channel] ?? 0);
      }
    }
  return { x, z };
}
