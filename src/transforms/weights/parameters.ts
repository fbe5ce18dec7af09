/** The first pass over a weight: its ranges, and from them scales and zero points. */
import { executor } from '../executor.ts';
import { linearParameters, type LinearSpread } from '../kernels/linear.ts';
import { emptyRanges, mergeRanges, type ChannelLayout, type Ranges } from '../kernels/range.ts';
import { mapOrdered, notFinite, valueChunks, type WeightSource } from './stream.ts';

/** One scale and one zero point per channel. */
export interface LinearParameters {
  readonly scales: Float32Array;
  readonly zeroPoints: Int32Array;
}

/** Streams a float32 weight once. @throws OnnxError where it holds NaN or an infinity, or its data end early. */
export async function readParameters(
  source: WeightSource,
  layout: ChannelLayout,
  type: LinearSpread,
  signal?: AbortSignal,
): Promise<LinearParameters> {
  const { min, max } = await readRanges(source, layout, signal);
  const scales = new Float32Array(layout.channels);
  const zeroPoints = new Int32Array(layout.channels);
  for (let c = 0; c < layout.channels; c++) {
    const { scale, zeroPoint } = linearParameters(min[c] as number, max[c] as number, type);
    scales[c] = scale;
    zeroPoints[c] = zeroPoint;
  }
  return { scales, zeroPoints };
}

/** Streams a float32 weight once. @throws OnnxError as above */
export async function readRanges(
  source: WeightSource,
  layout: ChannelLayout,
  signal: AbortSignal | undefined,
): Promise<Ranges> {
  const ranges = emptyRanges(layout.channels);
  const { parallel, run } = executor();
  const results = mapOrdered(valueChunks(source, signal), parallel, ({ start, values }) =>
    run('range', { values, start, layout }),
  );
  for await (const result of results) {
    if (result.badIndex >= 0) throw notFinite(source, result.badIndex);
    mergeRanges(ranges, result);
  }
  return ranges;
}
