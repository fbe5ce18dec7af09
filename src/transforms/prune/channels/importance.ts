/**
 * How much each unit of a group matters. Norms are taken over every weight that the group touches, of producers and
 * readers alike, each brought to a mean of 1 so that layers count the same, then averaged (DepGraph's group importance).
 * A weight is streamed once per group; all tensors of the group share the result.
 */
import type { Calibration } from '../../../analysis/calibration.ts';
import { elementCount } from '../../../onnx/index.ts';
import type { Model, TensorRef } from '../../../onnx/model.ts';
import { executor } from '../../executor.ts';
import { hashText } from '../../kernels/select.ts';
import type { ChannelImportance } from '../../recipe/prune-channels.ts';
import { elementChunks, lazy, notFinite, type WeightSource } from '../../weights/stream.ts';
import { notSeen, seenAxis, seenValue, type SeenBody } from '../seen-body.ts';
import { isTracked } from './axis.ts';
import { expectedLoss } from './expected/score.ts';
import { decodeFloats } from './floats.ts';
import type { ChannelGroup, Grouping } from './groups.ts';
import type { Selection } from './plan.ts';
import { elementBytes } from './select-tensor.ts';
import { reconstruction } from './reconstruction.ts';
import type { ReaderOf, Trace } from './trace.ts';

export interface ImportanceContext {
  readonly model: Model;
  readonly trace: Trace;
  readonly grouping: Grouping;
  readonly tensor: (name: string) => TensorRef | undefined;
  readonly importance: ChannelImportance;
  readonly seed: number;
  readonly calibration: Calibration | undefined;
  /** How calibration sees the values of the graph; undefined for the main graph. */
  readonly seen?: SeenBody | undefined;
}

/** A constant that a group touches along one dim. */
interface Part {
  readonly name: string;
  readonly axis: number;
  readonly atoms: Int32Array;
  /** As in `Axis`. */
  readonly groups?: number | undefined;
}

export function selectionBy(context: ImportanceContext): Selection {
  const made = new Map<ChannelGroup, (signal?: AbortSignal) => Promise<Float64Array>>();
  return async (group, keep, signal) => {
    let scores = made.get(group);
    if (scores === undefined) {
      scores = lazy((s) => importanceOf(context, group, s));
      made.set(group, scores);
    }
    return strongest(await scores(signal), keep);
  };
}

/** The `keep` largest; among equals the first. */
export function strongest(scores: Float64Array, keep: number): Int32Array {
  const order = [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
  return Int32Array.from(order.slice(0, keep).sort((a, b) => a - b));
}

/** One number per unit. */
export async function importanceOf(
  context: ImportanceContext,
  group: ChannelGroup,
  signal?: AbortSignal,
): Promise<Float64Array> {
  switch (context.importance) {
    case 'random': {
      const units = [...group.units.keys()];
      return Float64Array.from(units, (u) => hashText(`${group.index} ${u}`, context.seed));
    }
    case 'batch-norm':
      return mean(
        await Promise.all(scaleParts(context, group).map((p) => norms(context, group, p, 1, signal))),
      );
    case 'activation':
      return mean(
        await Promise.all(
          groupReaders(context, group).map((r) => readerImportance(context, group, r, signal)),
        ),
      );
    case 'reconstruction': {
      const scores = await reconstruction(context, group, signal);
      return scores ?? new Float64Array(0);
    }
    case 'expected':
      return (await expectedLoss(context, group, signal)) ?? (await shareOfSquares(context, group, signal));
    default: {
      const power = context.importance === 'l1' ? 1 : 2;
      const parts = weightParts(context, group);
      return mean(await Promise.all(parts.map((p) => norms(context, group, p, power, signal))));
    }
  }
}

/** Where no layer tells what it would lose: the units' shares of all squares of weights, the smallest first, added up. */
async function shareOfSquares(
  context: ImportanceContext,
  group: ChannelGroup,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const parts = weightParts(context, group);
  const own = mean(await Promise.all(parts.map((p) => norms(context, group, p, 2, signal))));
  return executor().run('leastShift', {
    spread: own.map((v) => v / own.length),
    ...{ mean: new Float32Array(0), width: 0 },
  });
}

/** Weights of 2 dims or more; where there are none, all constants. */
function weightParts({ trace, tensor, grouping }: ImportanceContext, group: ChannelGroup): Part[] {
  const parts: Part[] = [];
  for (const name of trace.constants) {
    for (const [axis, own] of (trace.valueAxes.get(name) ?? []).entries())
      if (isTracked(own) && grouping.within(own.atoms).has(group.index))
        parts.push({ name, axis, atoms: own.atoms, groups: own.groups });
  }
  const large = parts.filter((p) => (tensor(p.name)?.dims.filter((d) => d > 1).length ?? 0) > 1);
  return large.length > 0 ? large : parts;
}

export function scaleParts({ trace, grouping }: ImportanceContext, group: ChannelGroup): Part[] {
  const own = trace.scales.filter((s) => grouping.within(s.atoms).has(group.index));
  return own.map(({ name, atoms }) => ({ name, axis: 0, atoms }));
}

export function groupReaders(
  { trace, grouping }: Pick<ImportanceContext, 'trace' | 'grouping'>,
  group: ChannelGroup,
): ReaderOf[] {
  return trace.readers.filter((r) => grouping.within(r.atoms).has(group.index));
}

/** What calibration is asked of the reader's input. */
export function seenInput(
  { input, inputAxis }: Pick<ReaderOf, 'input' | 'inputAxis'>,
  seen: SeenBody | undefined,
): { readonly tensor: string; readonly channelAxis: number } {
  return { tensor: seenValue(input, seen), channelAxis: seenAxis(inputAxis, seen) };
}

/** Root-mean-square of the channel times the norm of the weights that read it (Wanda's metric, summed per channel). */
async function readerImportance(
  context: ImportanceContext,
  group: ChannelGroup,
  reader: ReaderOf,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const { tensor, channelAxis } = seenInput(reader, context.seen);
  const statistics = context.calibration?.statistics(tensor, channelAxis)?.channels;
  if (statistics === undefined) {
    const node = context.trace.ids.get(reader.node);
    const says = {
      missing: `importance by activation needs calibration data for "${tensor}": run the model on samples first`,
      unreached: `no sample of the calibration data reaches "${tensor}": give other data, or choose another importance`,
    };
    throw notSeen(context.calibration, tensor, says, node);
  }
  const name = reader.node.inputs[reader.weight] ?? '';
  const size = reader.atoms.length;
  const part = { name, axis: reader.weightAxis, atoms: reader.atoms, groups: reader.groups };
  const perIndex = await indexNorms(context, part, 1, signal);
  const scores = Float64Array.from({ length: size }, (_, i) => {
    return Math.sqrt(statistics.meanSquare[i] ?? 0) * (perIndex[i] ?? 0);
  });
  return perUnit(context, group, reader.atoms, scores);
}

async function norms(
  context: ImportanceContext,
  group: ChannelGroup,
  part: Part,
  power: 1 | 2,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  return perUnit(context, group, part.atoms, await indexNorms(context, part, power, signal));
}

/** Σ|w| or Σw² of each index of one dim. @throws OnnxError where the weight holds NaN or an infinity */
async function indexNorms(
  { model, tensor, trace }: ImportanceContext,
  { name, axis, atoms, groups = 1 }: Part,
  power: 1 | 2,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const found = tensor(name);
  if (found === undefined) throw new RangeError(`no constant "${name}"`);
  const user = [...trace.ids.keys()].find((n) => n.inputs.includes(name));
  const source: WeightSource = { model, tensor: found, name, node: trace.ids.get(user as never) ?? '' };
  const inner = found.dims.slice(axis + 1).reduce((n, d) => n * d, 1);
  const size = atoms.length / groups;
  const sums = new Float64Array(atoms.length);
  const rowsOfGroup = elementCount(found.dims.slice(0, axis)) / groups;
  for await (const { start, bytes } of elementChunks(source, elementBytes(found.dataType) ?? 1, signal)) {
    const values = decodeFloats(bytes, found.dataType);
    let left = inner - (start % inner);
    let index = Math.floor(start / inner) % size;
    let row = Math.floor(start / (inner * size));
    let first = Math.floor(row / rowsOfGroup) * size;
    for (let i = 0; i < values.length; i++) {
      const v = values[i] ?? 0;
      sums[first + index] = (sums[first + index] ?? 0) + (power === 1 ? Math.abs(v) : v * v);
      if (--left > 0) continue;
      left = inner;
      if (++index < size) continue;
      index = 0;
      first = groups === 1 ? 0 : Math.floor(++row / rowsOfGroup) * size;
    }
  }
  if (!sums.every(Number.isFinite)) throw notFinite(source, 0);
  return sums;
}

/** Summed over the indices of each unit, brought to a mean of 1. */
function perUnit(
  { trace, grouping }: ImportanceContext,
  group: ChannelGroup,
  atoms: Int32Array,
  perIndex: Float64Array,
): Float64Array {
  const units = new Float64Array(group.units.length);
  let sum = 0;
  atoms.forEach((atom, i) => {
    const root = trace.classes.find(atom);
    if (grouping.groupOf[root] !== group.index) return;
    const unit = grouping.unitOf[root] ?? 0;
    units[unit] = (units[unit] ?? 0) + (perIndex[i] ?? 0);
    sum += perIndex[i] ?? 0;
  });
  return sum === 0 ? units : units.map((v) => (v * units.length) / sum);
}

function mean(lists: readonly Float64Array[]): Float64Array {
  const [first = new Float64Array(0)] = lists;
  return first.map((_, i) => lists.reduce((sum, list) => sum + (list[i] ?? 0), 0) / lists.length);
}
