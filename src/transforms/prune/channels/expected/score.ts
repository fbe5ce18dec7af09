/**
 * Importance without data: what the layers that read a channel are expected to lose. What the channel holds is worked
 * out from the model (`flow.ts`); each reader's outputs count as much as the layers behind it read them. The means of
 * channels add up or make up for each other, so channels are chosen one by one (`least-shift.ts`).
 */
import { executor } from '../../../executor.ts';
import { lazy, type WeightSource } from '../../../weights/stream.ts';
import { isTracked } from '../axis.ts';
import type { ChannelGroup } from '../groups.ts';
import { groupReaders, type ImportanceContext } from '../importance.ts';
import type { ReaderOf, Trace } from '../trace.ts';
import { eachCell } from './cells.ts';
import { expectedMoments } from './flow.ts';
import { channelGain, normGain, pathBefore, type Makers } from './gains.ts';
import type { Moments } from './spread.ts';

/** What is known of one graph, worked out when it is first asked for. */
interface Known {
  readonly makers: Makers;
  /** Of what readers read, and of what goes into functions on the way there. */
  readonly moments: (signal?: AbortSignal) => Promise<Map<string, Moments>>;
  /** By reader: of each index that it reads, how much its outputs have of it. */
  readonly columns: Map<ReaderOf, (signal?: AbortSignal) => Promise<Float64Array>>;
}

/** Edits trace graphs anew, so that the weights behind a trace are always the same. */
const known = new WeakMap<Trace, Known>();

function knownOf(context: ImportanceContext): Known {
  const { trace } = context;
  const found = known.get(trace) ?? made(context);
  known.set(trace, found);
  return found;
}

function made(context: ImportanceContext): Known {
  const { trace } = context;
  const makers = new Map(trace.inference.main.order.flatMap((n) => n.outputs.map((name) => [name, n])));
  const wanted = new Set<string>();
  for (const reader of trace.readers) {
    wanted.add(reader.input);
    for (const node of pathBefore(context, reader.input, makers)) wanted.add(node.inputs[0] ?? '');
  }
  const columns: Known['columns'] = new Map();
  const result: Known = {
    makers,
    moments: lazy((signal) => expectedMoments(context, wanted, signal)),
    columns,
  };
  for (const reader of trace.readers)
    if (sourceOf(context, reader) !== undefined)
      columns.set(
        reader,
        lazy((signal) => readColumns(context, result, reader, signal)),
      );
  return result;
}

/** By unit, or undefined where no layer of weights reads the group. Rising in the order in which units go. */
export async function expectedLoss(
  context: ImportanceContext,
  group: ChannelGroup,
  signal: AbortSignal | undefined,
): Promise<Float64Array | undefined> {
  const readers = groupReaders(context, group).filter((r) => sourceOf(context, r) !== undefined);
  if (readers.length === 0) return undefined;
  const units = group.units.length;
  const spread = new Float64Array(units);
  const parts: Float32Array[] = [];
  for (const reader of readers) {
    const lost = await lossOf(context, group, reader, signal);
    lost.spread.forEach((v, u) => (spread[u] = (spread[u] ?? 0) + v / readers.length));
    parts.push(lost.mean.map((v) => v / Math.sqrt(readers.length)));
  }
  const width = parts.reduce((sum, p) => sum + p.length / units, 0);
  const mean = new Float32Array(units * width);
  let from = 0;
  for (const part of parts) {
    const own = part.length / units;
    for (let u = 0; u < units; u++) mean.set(part.subarray(u * own, (u + 1) * own), u * width + from);
    from += own;
  }
  return executor().run('leastShift', { spread, mean, width });
}

interface Loss {
  /** [units] */
  readonly spread: Float64Array;
  /** [units, width] */
  readonly mean: Float32Array;
}

/** Products of this many units, or fewer, of all outputs; of more, of sums of outputs, each with a sign, in one at random. */
const MOST_PRODUCTS = 2e8;
const LEAST_WIDTH = 16;

/** What the reader's outputs have of each unit, as a share of what they have of all. */
async function lossOf(
  context: ImportanceContext,
  group: ChannelGroup,
  reader: ReaderOf,
  signal: AbortSignal | undefined,
): Promise<Loss> {
  const { trace, grouping } = context;
  const units = group.units.length;
  const { source, outputs, inputs, cells, place } = matrixOf(context, reader);
  const wanted = await outputWeights(context, reader, outputs, signal);
  const { mean: means, variance } = alongInput(
    (await knownOf(context).moments(signal)).get(reader.input),
    reader,
    inputs,
  );
  const unitOf = Int32Array.from({ length: inputs }, (_, i) => {
    const root = trace.classes.find(reader.atoms[i] ?? 0);
    return grouping.groupOf[root] === group.index ? (grouping.unitOf[root] ?? -1) : -1;
  });
  const exact = Math.max(LEAST_WIDTH, Math.floor(MOST_PRODUCTS / units ** 2));
  const hasMeans = means.some((m) => m !== 0);
  const width = hasMeans ? Math.min(outputs, exact) : 0;
  const sumOf = Int32Array.from({ length: outputs }, (_, o) => (width < outputs ? hash(o) % width : o));
  const signOf = Float64Array.from({ length: outputs }, (_, o) => (width < outputs && hash(~o) & 1 ? -1 : 1));
  const spread = new Float64Array(units);
  const mean = new Float32Array(units * width);
  await eachCell(
    source,
    cells,
    (row, column, sum, square) => {
      const [o, i] = place(row, column);
      const unit = unitOf[i] ?? -1;
      const weight = wanted[o] ?? 0;
      if (unit < 0 || weight === 0) return;
      spread[unit] = (spread[unit] ?? 0) + weight * square * (variance[i] ?? 0);
      if (width === 0) return;
      const at = unit * width + (sumOf[o] ?? 0);
      mean[at] = (mean[at] ?? 0) + (signOf[o] ?? 0) * Math.sqrt(weight) * sum * (means[i] ?? 0);
    },
    signal,
  );
  let total = 0;
  for (const v of spread) total += v;
  for (const v of mean) total += v * v;
  if (total === 0) return { spread, mean };
  return { spread: spread.map((v) => v / total), mean: mean.map((v) => v / Math.sqrt(total)) };
}

/** Alike in each run. */
function hash(value: number): number {
  let h = Math.imul(value + 1, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return (h ^ (h >>> 15)) >>> 0;
}

function sourceOf({ model, trace, tensor }: ImportanceContext, reader: ReaderOf): WeightSource | undefined {
  const name = reader.node.inputs[reader.weight] ?? '';
  const found = tensor(name);
  if (found === undefined || (reader.weightAxis !== 0 && reader.weightAxis !== 1)) return undefined;
  if (reader.kind === 'rows' && found.dims.length !== 2) return undefined;
  return { model, tensor: found, name, node: trace.ids.get(reader.node) ?? reader.node.name };
}

interface Matrix {
  readonly source: WeightSource;
  readonly outputs: number;
  readonly inputs: number;
  readonly cells: readonly [rows: number, columns: number];
  /** Output and input of a cell: of a Conv with groups, the input is one of the output's group. */
  readonly place: (row: number, column: number) => readonly [output: number, input: number];
}

function matrixOf(context: ImportanceContext, reader: ReaderOf): Matrix {
  const source = sourceOf(context, reader);
  if (source === undefined) throw new RangeError('no matrix of weights');
  const { dims } = source.tensor;
  const [size = 0, outputs = 0] = [dims[reader.weightAxis], dims[1 - reader.weightAxis]];
  const inputs = reader.atoms.length;
  if (reader.weightAxis === 0)
    return { source, outputs, inputs, cells: [size, outputs], place: (row, column) => [column, row] };
  const each = outputs / (reader.groups ?? 1);
  const place = (row: number, column: number) => [row, Math.floor(row / each) * size + column] as const;
  return { source, outputs, inputs, cells: [outputs, size], place };
}

/** Mean and variance of each index that the reader reads. */
function alongInput(moments: Moments | undefined, { inputAxis }: ReaderOf, size: number) {
  const [mean, variance] = [
    new Float64Array(size),
    new Float64Array(size).fill(moments === undefined ? 1 : 0),
  ];
  if (moments === undefined) return { mean, variance };
  const { dims } = moments;
  const own = dims[inputAxis < 0 ? inputAxis + dims.length : inputAxis] ?? 1;
  const step = dims
    .slice((inputAxis < 0 ? inputAxis + dims.length : inputAxis) + 1)
    .reduce((n, d) => n * d, 1);
  const each = own / moments.mean.length;
  moments.mean.forEach((m, i) => {
    const at = Math.floor(i / step) % own;
    mean[at] = (mean[at] ?? 0) + m * each;
    variance[at] = (variance[at] ?? 0) + (moments.variance[i] ?? 0) * each;
  });
  if (own === size) return { mean, variance };
  return { mean: mean.fill(mean[0] ?? 0), variance: variance.fill(variance[0] ?? 0) };
}

/**
 * By output of a reader: how much the layers behind read of it, of a mean of 1 each; the scale of a BatchNormalization
 * right behind the reader is part of its weights. 1 where none reads it.
 */
async function outputWeights(
  context: ImportanceContext,
  reader: ReaderOf,
  outputs: number,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const { trace, grouping } = context;
  const gain = await normGain(context, reader.node, outputs, signal);
  const axes = trace.valueAxes.get(reader.node.inputs[reader.weight] ?? '') ?? [];
  const own = axes[1 - reader.weightAxis];
  if (!isTracked(own)) return gain;
  const groups = [...grouping.within(own.atoms)].flatMap((g) => grouping.groups[g] ?? []);
  const read = new Map<number, number>();
  for (const group of groups)
    for (const next of groupReaders(context, group)) {
      if (next.node === reader.node || sourceOf(context, next) === undefined) continue;
      const columns = (await knownOf(context).columns.get(next)?.(signal)) ?? new Float64Array(0);
      next.atoms.forEach((atom, i) => {
        const root = trace.classes.find(atom);
        read.set(root, (read.get(root) ?? 0) + (columns[i] ?? 0));
      });
    }
  const weights = Float64Array.from(own.atoms, (atom) => read.get(trace.classes.find(atom)) ?? 0);
  const sum = weights.reduce((s, v) => s + v, 0);
  return sum === 0 ? gain : weights.map((v, o) => ((v * outputs) / sum) * (gain[o] ?? 1));
}

/** Σw² of each index that a reader reads, with what scales it on the way there; of a mean of 1. */
async function readColumns(
  context: ImportanceContext,
  { makers, moments }: Known,
  reader: ReaderOf,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const { source, outputs, inputs, cells, place } = matrixOf(context, reader);
  const gain = await normGain(context, reader.node, outputs, signal);
  const sums = new Float64Array(inputs);
  await eachCell(
    source,
    cells,
    (row, column, _, square) => {
      const [o, i] = place(row, column);
      sums[i] = (sums[i] ?? 0) + square * (gain[o] ?? 1);
    },
    signal,
  );
  const expected = await moments(signal);
  const path = pathBefore(context, reader.input, makers);
  const before = await channelGain(context, path, (name) => expected.get(name), inputs, signal);
  const all = sums.map((v, i) => v * (before[i] ?? 1));
  const total = all.reduce((s, v) => s + v, 0);
  return total === 0 ? all : all.map((v) => (v * inputs) / total);
}
