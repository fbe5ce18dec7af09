/** The error that pruning and rounding make in a weight, by streaming it. */
import type { TensorRef } from '../../onnx/model.ts';
import type { Rounding } from '../context.ts';
import { executor } from '../executor.ts';
import type { Noise } from '../kernels/noise.ts';
import { originalOf } from '../weights/original.ts';
import { mapOrdered, notFinite, type ValueChunk, type WeightSource } from '../weights/stream.ts';
import { chunksOf, chunkRounding } from './chunks.ts';
import { floatChunks, FloatReader } from './float-reader.ts';

/** The ratios found so far: nodes may share a weight and round it in the same way. */
export class RoundingSqnrs {
  private readonly known = new Map<TensorRef, Map<string, Sums>>();

  /** Signal-to-noise ratio of all together: 10 · log10(Σ w² / Σ (w - ŵ)²) in dB. Infinity where nothing is lost. */
  async of(roundings: readonly Rounding[], signal?: AbortSignal): Promise<number> {
    // nothing has to be read where only channels are gone
    if (roundings.every(isAsItWas)) return Infinity;
    const sum = { signal: 0, noise: 0 };
    for (const rounding of roundings) {
      const sums = await this.sums(rounding, signal);
      sum.signal += sums.signal;
      sum.noise += sums.noise;
    }
    return decibels(sum);
  }

  private async sums(rounding: Rounding, signal: AbortSignal | undefined): Promise<Sums> {
    const { source, ...how } = rounding;
    const ofTensor = this.known.get(source.tensor) ?? new Map<string, Sums>();
    this.known.set(source.tensor, ofTensor);
    const key = JSON.stringify(how);
    const sums = ofTensor.get(key) ?? (await roundingSums(rounding, signal));
    ofTensor.set(key, sums);
    return sums;
  }
}

/** Of the squares of the values, and of their errors. */
export interface Sums {
  readonly signal: number;
  readonly noise: number;
}

function isAsItWas({ kind, source: { tensor } }: Rounding): boolean {
  return kind === 'none' && originalOf(tensor) === tensor;
}

export function decibels({ signal, noise }: Sums): number {
  return noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
}

async function roundingSums(rounding: Rounding, signal: AbortSignal | undefined): Promise<Sums> {
  const { source } = rounding;
  const before = originalOf(source.tensor);
  const isRounded = rounding.kind !== 'none';
  const how = isRounded ? await chunkRounding(rounding, signal) : undefined;
  const chunks = isRounded ? chunksOf(rounding, signal) : floatChunks(source, signal);
  const changed =
    before === source.tensor ? chunks : withOriginals(chunks, { ...source, tensor: before }, signal);
  const { parallel, run } = executor();
  const parts = mapOrdered<ChunkPair, Noise>(changed, parallel, ({ start, values, original }) =>
    run('weightNoise', { values, start, rounding: how, original }),
  );
  const sum = { signal: 0, noise: 0 };
  for await (const part of parts) {
    if (part.badIndex >= 0) throw notFinite(rounding.source, part.badIndex);
    sum.signal += part.signal;
    sum.noise += part.noise;
  }
  return sum;
}

type ChunkPair = ValueChunk & { readonly original?: Float32Array };

/** Each chunk with what its values were. */
async function* withOriginals(
  chunks: AsyncIterable<ValueChunk>,
  source: WeightSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<ChunkPair, void, undefined> {
  const reader = new FloatReader(source, signal);
  try {
    for await (const chunk of chunks) yield { ...chunk, original: await reader.take(chunk.values.length) };
  } finally {
    await reader.close();
  }
}
