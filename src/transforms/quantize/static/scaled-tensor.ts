/** A float32 weight whose channels along one axis are multiplied by a factor each, made while it streams by. */
import { elementCount, type TensorRef } from '../../../onnx/index.ts';
import type { ChannelLayout } from '../../kernels/range.ts';
import { originalOf, withOriginal } from '../../weights/original.ts';
import { elementChunks, floats, type WeightSource } from '../../weights/stream.ts';

/** One per index of the axis. */
export type Factors = (signal?: AbortSignal) => Promise<Float64Array>;

/** The channels that an axis has, as kernels walk them. */
export function channelsOf(dims: readonly number[], axis: number): ChannelLayout {
  return { channels: dims[axis] ?? 1, inner: elementCount(dims.slice(axis + 1)) };
}

export function scaledTensor(source: WeightSource, axis: number, factors: Factors): WeightSource {
  const { dims } = source.tensor;
  const { channels, inner } = channelsOf(dims, axis);
  async function* produce(signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const found = await factors(signal);
    for await (const { start, bytes } of elementChunks(source, 4, signal)) {
      const scaled = floats(bytes).slice();
      for (let i = 0; i < scaled.length; i++) {
        const channel = Math.floor((start + i) / inner) % channels;
        scaled[i] = (scaled[i] as number) * (found[channel] as number);
      }
      yield new Uint8Array(scaled.buffer);
    }
  }
  const location = { kind: 'computed', byteLength: 4 * elementCount(dims), produce } as const;
  const { name, dataType } = source.tensor;
  const tensor: TensorRef = { name, dataType, dims, location };
  const original = originalOf(source.tensor);
  if (original === source.tensor) return { ...source, tensor };
  const before = scaledTensor({ ...source, tensor: original }, axis, factors);
  return { ...source, tensor: withOriginal(tensor, before.tensor) };
}
