/** The error that rounding makes in a weight, by streaming it. */
import type { TensorRef } from '../../onnx/model.ts';
import type { Rounding } from '../context.ts';
import { executor } from '../executor.ts';
import { mapOrdered, notFinite } from '../weights/stream.ts';
import { chunksOf, chunkRounding } from './chunks.ts';

/** The ratios found so far: nodes may share a weight and round it in the same way. */
export class RoundingSqnrs {
  private readonly known = new Map<TensorRef, Map<string, number>>();

  /** Signal-to-noise ratio: 10 · log10(Σ w² / Σ (w - ŵ)²) in dB. Infinity where nothing is lost. */
  async of(rounding: Rounding, signal?: AbortSignal): Promise<number> {
    const { source, ...how } = rounding;
    const ofTensor = this.known.get(source.tensor) ?? new Map<string, number>();
    this.known.set(source.tensor, ofTensor);
    const key = JSON.stringify(how);
    const sqnrDb = ofTensor.get(key) ?? (await roundingSqnr(rounding, signal));
    ofTensor.set(key, sqnrDb);
    return sqnrDb;
  }
}

async function roundingSqnr(rounding: Rounding, signal: AbortSignal | undefined): Promise<number> {
  const how = await chunkRounding(rounding, signal);
  const { parallel, run } = executor();
  const parts = mapOrdered(chunksOf(rounding, signal), parallel, ({ start, values }) =>
    run('roundingNoise', { values, start, rounding: how }),
  );
  const sum = { signal: 0, noise: 0 };
  for await (const part of parts) {
    if (part.badIndex >= 0) throw notFinite(rounding.source, part.badIndex);
    sum.signal += part.signal;
    sum.noise += part.noise;
  }
  return sum.noise === 0 ? Infinity : 10 * Math.log10(sum.signal / sum.noise);
}
