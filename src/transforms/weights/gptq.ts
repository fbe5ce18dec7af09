/** The packed integers of a matrix by GPTQ, a band of output channels at a time. */
import type { Gram } from '../../analysis/index.ts';
import { OnnxError } from '../../onnx/index.ts';
import { executor } from '../executor.ts';
import type { BlockGrid } from '../kernels/block-tiles.ts';
import { floatsOf } from '../kernels/values.ts';
import { keepParameters, type BlockParameters } from './block-parameters.ts';
import type { BlockPlan, BlockSizes } from './block-tensors.ts';
import { mapOrdered, notFinite, rowGroups, type WeightSource } from './stream.ts';

/** Largest K: two matrices of K² float32 are held (256 MiB each), and the work grows with K³. */
export const MAX_GPTQ_DEPTH = 8192;
/** Bytes of float weights held at once; a larger matrix is read once per band. */
const BAND_BYTES = 64 * 1024 * 1024;
/** Channels in one job. */
const JOB_CHANNELS = 64;

/** Some output channels. */
export interface GptqPart {
  /** The first one. */
  readonly channel: number;
  /** [channels, K], as they were. */
  readonly values: Float32Array;
  readonly grid: BlockGrid;
  /** The channels that were read together. */
  readonly band: { readonly first: number; readonly channels: number };
}

/** In channel order; scales and zero points go to `parameters` meanwhile. */
export async function* gptqBands(
  ...args: Parameters<typeof gptqParts>
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { grid } of gptqParts(...args)) yield grid.packed;
}

export async function* gptqParts(
  plan: BlockPlan,
  gram: Gram,
  { depth, width }: BlockSizes,
  parameters: BlockParameters,
  signal: AbortSignal | undefined,
): AsyncGenerator<GptqPart, void, undefined> {
  const { source, form } = plan;
  const factor = await factorOf(gram, depth, source);
  const bandChannels = Math.max(1, Math.floor(BAND_BYTES / (4 * depth)));
  const { parallel, run } = executor();
  for (let first = 0; first < width; first += bandChannels) {
    const band = { first, channels: Math.min(bandChannels, width - first) };
    const read = await readChannels(plan, first, band.channels, depth, width, signal);
    const jobs = mapOrdered(partsOf(read, depth, first), parallel, async (part) => {
      signal?.throwIfAborted();
      return { ...part, band, grid: await run('gptqBlocks', { values: part.values, depth, form, factor }) };
    });
    for await (const part of jobs) {
      keepParameters({ ...part.grid, firstChannel: part.channel }, parameters, form.bits);
      yield part;
    }
  }
}

/** In shared memory: every thread reads it. */
async function factorOf(gram: Gram, depth: number, source: WeightSource): Promise<Float32Array> {
  const [matrix] = gram.matrices;
  if (matrix === undefined || gram.size !== depth) {
    const message = `the calibration of "${source.name}" is of ${gram.size} inputs, not ${depth}`;
    throw new OnnxError('unsupported', message, { file: source.model.source.file.name, node: source.node });
  }
  const made = await executor().run('gptqFactor', { matrix, size: depth });
  const factor = new Float32Array(new SharedArrayBuffer(made.byteLength));
  factor.set(made);
  return factor;
}

/** Output channels [first, first + channels) as rows. */
export async function readChannels(
  { source, isTransposed }: BlockPlan,
  first: number,
  channels: number,
  depth: number,
  width: number,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const band = new Float32Array(channels * depth);
  const columns = isTransposed ? depth : width;
  for await (const { start, values } of rowGroups(source, columns, 1, signal)) {
    const group = floatsOf(values);
    const bad = group.findIndex((v) => !Number.isFinite(v));
    if (bad >= 0) throw notFinite(source, start + bad);
    const firstRow = start / columns;
    for (let row = 0; row < group.length / columns; row++) {
      const at = row * columns;
      if (isTransposed) {
        const channel = firstRow + row - first;
        if (channel >= 0 && channel < channels) band.set(group.subarray(at, at + depth), channel * depth);
      } else {
        for (let c = 0; c < channels; c++) band[c * depth + firstRow + row] = group[at + first + c] as number;
      }
    }
  }
  return band;
}

function* partsOf(band: Float32Array, depth: number, first: number) {
  const size = JOB_CHANNELS * depth;
  for (let at = 0; at < band.length; at += size) {
    yield { channel: first + at / depth, values: band.subarray(at, at + size) };
  }
}
