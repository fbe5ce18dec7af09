/** The error that pruning and rounding make in a weight, by streaming it. */
import type { TensorRef } from '../../onnx/model.ts';
import type { Rounding } from '../context.ts';
import { executor } from '../executor.ts';
import type { Noise, Sums } from '../kernels/noise.ts';
import { originalOf } from '../weights/original.ts';
import { mapOrdered, notFinite, type ValueChunk, type WeightSource } from '../weights/stream.ts';
import { chunksOf, chunkRounding } from './chunks.ts';
import { floatChunks, FloatReader } from './float-reader.ts';
import { gptqSums } from './gptq-noise.ts';

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
    if (isOfLayer(rounding)) return roundingSums(rounding, signal);
    const ofTensor = this.known.get(source.tensor) ?? new Map<string, Sums>();
    this.known.set(source.tensor, ofTensor);
    const key = JSON.stringify(how);
    const sums = ofTensor.get(key) ?? (await roundingSums(rounding, signal));
    ofTensor.set(key, sums);
    return sums;
  }
}

/** Whether it depends on more than the weight. */
function isOfLayer(rounding: Rounding): boolean {
  if (rounding.kind === 'blocks') return rounding.gram !== undefined;
  return rounding.kind === 'linear' && rounding.unscaled !== undefined;
}

function isAsItWas({ kind, source: { tensor } }: Rounding): boolean {
  return kind === 'none' && originalOf(tensor) === tensor;
}

export function decibels({ signal, noise }: Sums): number {
  return noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
}

async function roundingSums(rounding: Rounding, signal: AbortSignal | undefined): Promise<Sums> {
  const { source } = rounding;
  if (rounding.kind === 'blocks' && rounding.gram !== undefined)
    return gptqSums({ ...rounding, factor: 1 }, await rounding.gram(), signal);
  const isRounded = rounding.kind !== 'none';
  const how = isRounded ? await chunkRounding(rounding, signal) : undefined;
  const chunks = isRounded ? chunksOf(rounding, signal) : floatChunks(source, signal);
  const unscaled = rounding.kind === 'linear' ? rounding.unscaled : undefined;
  const { parallel, run } = executor();
  const parts = mapOrdered<ChunkBefore, Noise>(
    withValuesBefore(chunks, source, unscaled, signal),
    parallel,
    (chunk) => run('weightNoise', { ...chunk, rounding: how }),
  );
  const sum = { signal: 0, noise: 0 };
  for await (const part of parts) {
    if (part.badIndex >= 0) throw notFinite(source, part.badIndex);
    sum.signal += part.signal;
    sum.noise += part.noise;
  }
  return sum;
}

interface ChunkBefore extends ValueChunk {
  readonly unscaled: Float32Array | undefined;
  readonly original: Float32Array | undefined;
}

/** Each chunk with what its values were, where that is something else. */
async function* withValuesBefore(
  chunks: AsyncIterable<ValueChunk>,
  source: WeightSource,
  unscaled: WeightSource | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<ChunkBefore, void, undefined> {
  const { tensor } = unscaled ?? source;
  const original = originalOf(tensor);
  const readers = {
    unscaled: unscaled && new FloatReader(unscaled, signal),
    original: original === tensor ? undefined : new FloatReader({ ...source, tensor: original }, signal),
  };
  try {
    for await (const chunk of chunks) {
      const { length } = chunk.values;
      const before = await readers.unscaled?.take(length);
      yield { ...chunk, unscaled: before, original: await readers.original?.take(length) };
    }
  } finally {
    await readers.unscaled?.close();
    await readers.original?.close();
  }
}
