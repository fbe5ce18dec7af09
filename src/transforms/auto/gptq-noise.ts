/** The error that GPTQ makes in a weight: its integers are worked out as when they are written. */
import type { Gram } from '../../analysis/index.ts';
import { executor } from '../executor.ts';
import type { Sums } from '../kernels/noise.ts';
import { zeroPointBytes } from '../weights/block-parameters.ts';
import { blockSizes, type BlockPlan } from '../weights/block-tensors.ts';
import { gptqParts, readChannels } from '../weights/gptq.ts';
import { originalOf } from '../weights/original.ts';

/** @throws OnnxError where calibration data have not run, or the weight holds NaN or an infinity */
export async function gptqSums(plan: BlockPlan, gram: Gram, signal: AbortSignal | undefined): Promise<Sums> {
  const { source, form, isTransposed } = plan;
  const sizes = blockSizes(source.tensor.dims, isTransposed, form);
  const { depth, width, blocks } = sizes;
  const parameters = {
    scales: new Float32Array(width * blocks),
    zeroPoints: new Uint8Array(width * zeroPointBytes(blocks, form)),
  };
  const before = originalOf(source.tensor);
  const original = before === source.tensor ? undefined : { ...plan, source: { ...source, tensor: before } };
  const sum = { signal: 0, noise: 0 };
  let band = -1;
  let originals: Float32Array | undefined;
  for await (const { channel, band: readWith, values, grid } of gptqParts(
    plan,
    gram,
    sizes,
    parameters,
    signal,
  )) {
    if (original !== undefined && readWith.first !== band)
      originals = await readChannels(original, readWith.first, readWith.channels, depth, width, signal);
    band = readWith.first;
    const from = (channel - readWith.first) * depth;
    // a copy: a message would take all of the band along
    const own = (originals?.subarray(from, from + values.length) ?? values).slice();
    const sums = await executor().run('gridNoise', { grid, depth, form, original: own });
    sum.signal += sums.signal;
    sum.noise += sums.noise;
  }
  return sum;
}
