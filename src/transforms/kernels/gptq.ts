/**
 * Blocks by GPTQ (Frantar et al., 2022): weights are rounded one after the other along K, and what rounding leaves over
 * is taken off those that follow, as far as their activations go together. Each block's scale and zero point come from
 * its weights as they are when its turn comes.
 */
import { blobBytes, type BlockGrid } from './block-tiles.ts';
import { blockParameters, blocksPerChannel, quantizeBlock, type BlockForm } from './blocks.ts';

export interface GptqArgs {
  /** Whole output channels, [channels, depth]. */
  readonly values: Float32Array;
  readonly depth: number;
  readonly form: BlockForm;
  /** See gptq-factor.ts, [depth, depth]. */
  readonly factor: Float32Array;
}

export function gptqBlocks({ values, depth, form, factor }: GptqArgs): BlockGrid {
  const blocks = blocksPerChannel(depth, form);
  const channels = values.length / depth;
  const count = channels * blocks;
  const grid = {
    channels,
    blocks,
    packed: new Uint8Array(count * blobBytes(form)),
    scales: new Float32Array(count),
    zeroPoints: new Uint8Array(count),
  };
  const weights = Float32Array.from(values);
  // by block, so that the rows of the factor stay in the cache for all channels
  for (let block = 0; block < blocks; block++) {
    const from = block * form.blockSize;
    const to = Math.min(depth, from + form.blockSize);
    const errors = new Float32Array(to - from);
    for (let c = 0; c < channels; c++) {
      const row = c * depth;
      const parameters = rangeParameters(weights, row + from, row + to, form);
      const rounded = roundInTurn(weights, { row, from, to, depth }, factor, parameters, errors, form);
      const strided = { values: rounded, from: 0, stride: 1, count: to - from };
      quantizeBlock(strided, form, grid, c, block, parameters);
      for (let i = from; i < to; i++) {
        takeOff(weights, row, to, depth, errors[i - from] as number, factor, i * depth);
      }
    }
  }
  return grid;
}

type Parameters = ReturnType<typeof blockParameters>;

function rangeParameters(weights: Float32Array, from: number, to: number, form: BlockForm): Parameters {
  let [min, max] = [weights[from] as number, weights[from] as number];
  for (let i = from; i < to; i++) {
    const v = weights[i] as number;
    if (v < min) min = v;
    if (v > max) max = v;
  }
  return blockParameters(min, max, form);
}

interface Part {
  readonly row: number;
  readonly from: number;
  readonly to: number;
  readonly depth: number;
}

/** The block's values as rounded, and in `errors` what is to be taken off later weights. */
function roundInTurn(
  weights: Float32Array,
  { row, from, to, depth }: Part,
  factor: Float32Array,
  { scale, zeroPoint }: Parameters,
  errors: Float32Array,
  { bits }: BlockForm,
): Float32Array {
  const high = 2 ** bits - 1;
  const rounded = new Float32Array(to - from);
  for (let i = from; i < to; i++) {
    const v = weights[row + i] as number;
    const q = scale === 0 ? zeroPoint : Math.min(high, Math.max(0, Math.floor(v / scale + zeroPoint + 0.5)));
    const value = (q - zeroPoint) * scale;
    rounded[i - from] = value;
    const error = (v - value) / (factor[i * depth + i] as number);
    errors[i - from] = error;
    takeOff(weights, row, i + 1, to, error, factor, i * depth);
  }
  return rounded;
}

/** weights[from..to) of the row -= error · factor[from..to) of its row. */
function takeOff(
  weights: Float32Array,
  row: number,
  from: number,
  to: number,
  error: number,
  factor: Float32Array,
  factorRow: number,
): void {
  for (let j = from; j < to; j++) {
    weights[row + j] = (weights[row + j] as number) - error * (factor[factorRow + j] as number);
  }
}
