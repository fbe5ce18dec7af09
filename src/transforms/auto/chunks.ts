/** A weight in the chunks that its rounding can be found of, and how each of them is rounded. */
import type { Rounding, UnroundedWeight } from '../context.ts';
import type { ChunkRounding } from '../kernels/rounded.ts';
import { blockSizes } from '../weights/block-tensors.ts';
import { layoutOf, limits } from '../weights/linear-tensors.ts';
import { readParameters } from '../weights/parameters.ts';
import { rowGroups, valueChunks, type ValueChunk } from '../weights/stream.ts';

/** One that changes values. */
export type RealRounding = Exclude<Rounding, UnroundedWeight>;

export function chunksOf(rounding: RealRounding, signal?: AbortSignal): AsyncIterable<ValueChunk> {
  const { source } = rounding;
  if (rounding.kind !== 'blocks') return valueChunks(source, signal);
  const { depth, width } = blockSizes(source.tensor.dims, rounding.isTransposed, rounding.form);
  return rounding.isTransposed
    ? rowGroups(source, depth, 1, signal)
    : rowGroups(source, width, rounding.form.blockSize, signal);
}

/** Reads the weight once where scales depend on all of it. */
export async function chunkRounding(rounding: RealRounding, signal?: AbortSignal): Promise<ChunkRounding> {
  const { source } = rounding;
  const { dims } = source.tensor;
  if (rounding.kind === 'blocks') {
    const { form, isTransposed } = rounding;
    const { depth, width } = blockSizes(dims, isTransposed, form);
    return { kind: 'blocks', isTransposed, depth, width, form };
  }
  if (rounding.kind === 'cast') return { kind: 'cast', to: rounding.to };
  const { type, axis } = rounding;
  const layout = layoutOf(dims, axis);
  return { kind: 'linear', ...(await readParameters(source, layout, type, signal)), layout, ...limits(type) };
}
