/**
 * How a layer's weights spread, and what a recipe makes of them.
 *
 *     const { counts, after } = await weightHistogram(model, '/encoder/MatMul', { bins: 64, recipe });
 */
import { elementCount, OnnxError } from '../../onnx/index.ts';
import { DataType, type Model } from '../../onnx/model.ts';
import { applyRecipe, type AppliedRecipe } from '../apply.ts';
import type { Rounding } from '../context.ts';
import { executor } from '../executor.ts';
import { Workspace } from '../graph/workspace.ts';
import type { Moments } from '../kernels/histogram.ts';
import { blockParts } from '../kernels/block-rows.ts';
import type { ChunkRounding } from '../kernels/rounded.ts';
import { floatsOf } from '../kernels/values.ts';
import type { Recipe } from '../recipe/recipe.ts';
import { mapOrdered, notFinite, valueChunks, type WeightSource } from '../weights/stream.ts';
import { chunkRounding, chunksOf, type RealRounding } from './chunks.ts';
import { floatChunks } from './float-reader.ts';
import { RoundingSqnrs } from './noise.ts';

export interface HistogramOptions {
  /** Equal bins from the smallest weight to the largest, 1 to 4096. */
  readonly bins: number;
  /** What it makes of the weight is told, too, where it changes the node's. */
  readonly recipe?: Recipe | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WeightHistogram {
  /** The node's largest float32 constant. */
  readonly tensor: string;
  readonly dims: readonly number[];
  /** Finite values; the figures are of these. */
  readonly count: number;
  readonly notFinite: number;
  readonly zeros: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly deviation: number;
  /** Per bin. */
  readonly counts: Float64Array;
  /** Undefined where the recipe leaves the weights as they are, and where `unknownAfter` says why it cannot be told. */
  readonly after: HistogramAfter | undefined;
  /**
   * `needs-data`: calibration data decide what the weights become; `rescaled`: channels get factors that activations undo,
   * so that the values before and after have no scale in common.
   */
  readonly unknownAfter?: 'needs-data' | 'rescaled' | undefined;
}

export interface HistogramAfter {
  /** Of the values that the integers stand for, or that pruning leaves, over the same bins. */
  readonly counts: Float64Array;
  /** Of all weights of the node; as `weightSqnr` tells it. */
  readonly sqnrDb: number;
  /**
   * Of the first output channels (in blocks: of the first block of each), at most 16; one where the tensor has one.
   * Empty where the values are floats.
   */
  readonly grid: readonly GridLine[];
}

/** The values of a channel lie at scale · (q - zeroPoint), q in [low, high]. */
export interface GridLine {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly low: number;
  readonly high: number;
}

export const MAX_HISTOGRAM_BINS = 4096;
const GRID_LINES = 16;

/**
 * Streams the weight two to four times.
 * @throws OnnxError where the node has no float32 constant, or its weight cannot be read or quantized
 */
export async function weightHistogram(
  model: Model,
  node: string,
  { bins, recipe, signal }: HistogramOptions,
): Promise<WeightHistogram> {
  if (!Number.isInteger(bins) || bins < 1 || bins > MAX_HISTOGRAM_BINS) {
    throw new RangeError(`bins: expected 1 to ${MAX_HISTOGRAM_BINS}, got ${bins}`);
  }
  const changed = recipe === undefined ? nothing : changeOf(applyRecipe(model, recipe), node);
  const { roundings } = changed;
  const rounding = largest(roundings.filter((r): r is RealRounding => r.kind !== 'none'));
  const pruned = rounding === undefined ? largest(roundings) : undefined;
  const source = rounding?.source ?? largestConstant(model, node);
  const all = await momentsOf(source, signal);
  const how = rounding === undefined ? undefined : await chunkRounding(rounding, signal);
  const { counts, roundedCounts } = await countsOf(source, rounding, how, all, bins, signal);
  const after =
    rounding !== undefined && how !== undefined
      ? { counts: roundedCounts, grid: await gridOf(rounding, how, signal) }
      : pruned && { counts: await prunedCounts(pruned.source, all, bins, signal), grid: [] };
  const mean = all.count === 0 ? 0 : all.sum / all.count;
  const variance = all.count === 0 ? 0 : Math.max(0, all.sumOfSquares / all.count - mean * mean);
  const { count, notFinite: bad, zeros, min, max } = all;
  return {
    tensor: source.name,
    dims: source.tensor.dims,
    ...{ count, notFinite: bad, zeros, min, max, mean, deviation: Math.sqrt(variance), counts },
    after: after && { ...after, sqnrDb: await new RoundingSqnrs().of(roundings, signal) },
    unknownAfter: changed.unknown,
  };
}

interface Changed {
  readonly roundings: readonly Rounding[];
  readonly unknown?: WeightHistogram['unknownAfter'];
}

const nothing: Changed = { roundings: [] };

function changeOf({ roundings, calibrated }: AppliedRecipe, node: string): Changed {
  if (calibrated.has(node)) return { roundings: [], unknown: 'needs-data' };
  const all = roundings.get(node) ?? [];
  return all.some((r) => r.kind === 'linear' && r.unscaled !== undefined)
    ? { roundings: [], unknown: 'rescaled' }
    : { roundings: all };
}

/** Of several weights, as of an LSTM, the largest. */
function largest<R extends Rounding>(roundings: readonly R[]): R | undefined {
  const size = ({ source }: R) => elementCount(source.tensor.dims);
  return roundings.toSorted((a, b) => size(b) - size(a))[0];
}

function largestConstant(model: Model, node: string): WeightSource {
  const ws = new Workspace(model);
  const entry = ws.entry(node);
  const file = model.source.file.name;
  if (entry === undefined)
    throw new OnnxError('unsupported', 'the model has no node of that id', { file, node });
  const found = entry.original.inputs.flatMap((name) => {
    const binding = name === '' ? undefined : ws.resolve(entry.scope, name);
    if (binding?.kind !== 'constant' || binding.tensor.dataType !== DataType.float) return [];
    return [{ model, tensor: binding.tensor, name: binding.name, node }];
  });
  const [first] = found.sort((a, b) => elementCount(b.tensor.dims) - elementCount(a.tensor.dims));
  if (first === undefined)
    throw new OnnxError('unsupported', 'the node has no float32 constant', { file, node });
  return first;
}

async function momentsOf(source: WeightSource, signal: AbortSignal | undefined): Promise<Moments> {
  const { parallel, run } = executor();
  const sum = { count: 0, min: Infinity, max: -Infinity, sum: 0, sumOfSquares: 0, zeros: 0, notFinite: 0 };
  const parts = mapOrdered(valueChunks(source, signal), parallel, ({ values }) => run('moments', { values }));
  for await (const part of parts) {
    sum.min = Math.min(sum.min, part.min);
    sum.max = Math.max(sum.max, part.max);
    for (const key of ['count', 'sum', 'sumOfSquares', 'zeros', 'notFinite'] as const) sum[key] += part[key];
  }
  // no value has no range
  return sum.count === 0 ? { ...sum, min: 0, max: 0 } : sum;
}

async function countsOf(
  source: WeightSource,
  rounding: RealRounding | undefined,
  how: ChunkRounding | undefined,
  { min: low, max: high }: Moments,
  bins: number,
  signal: AbortSignal | undefined,
) {
  const { parallel, run } = executor();
  const [counts, roundedCounts] = [new Float64Array(bins), new Float64Array(bins)];
  const chunks = rounding === undefined ? valueChunks(source, signal) : chunksOf(rounding, signal);
  const parts = mapOrdered(chunks, parallel, ({ start, values }) =>
    run('histogram', { values, start, low, high, bins, rounding: how }),
  );
  for await (const part of parts) {
    if (part.badIndex >= 0) throw notFinite(source, part.badIndex);
    part.counts.forEach((n, i) => (counts[i] = (counts[i] as number) + n));
    part.roundedCounts.forEach((n, i) => (roundedCounts[i] = (roundedCounts[i] as number) + n));
  }
  return { counts, roundedCounts };
}

async function prunedCounts(
  source: WeightSource,
  { min: low, max: high }: Moments,
  bins: number,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const { parallel, run } = executor();
  const parts = mapOrdered(floatChunks(source, signal), parallel, (chunk) =>
    run('histogram', { ...chunk, low, high, bins }),
  );
  const sum = new Float64Array(bins);
  for await (const { counts } of parts) counts.forEach((n, i) => (sum[i] = (sum[i] as number) + n));
  return sum;
}

async function gridOf(
  rounding: RealRounding,
  how: ChunkRounding,
  signal: AbortSignal | undefined,
): Promise<GridLine[]> {
  if (how.kind === 'cast') return [];
  if (how.kind === 'linear') {
    const { scales, zeroPoints, low, high } = how;
    const first = [...scales.subarray(0, GRID_LINES)];
    return first.map((scale, c) => ({ scale, zeroPoint: zeroPoints[c] ?? 0, low, high }));
  }
  for await (const { start, values } of chunksOf(rounding, signal)) {
    const { target, width } = blockParts({ ...how, start, values: floatsOf(values) });
    return Array.from({ length: Math.min(GRID_LINES, width) }, (_, n) => ({
      scale: target.scales[n * target.blocks] ?? 0,
      zeroPoint: target.zeroPoints[n * target.blocks] ?? 0,
      low: 0,
      high: 2 ** how.form.bits - 1,
    }));
  }
  return [];
}
