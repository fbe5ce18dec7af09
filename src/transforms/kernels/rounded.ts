/** The values that a chunk's integers stand for, in the chunk's own order. */
import { toBfloat16 } from './bfloat16.ts';
import { blockParts } from './block-rows.ts';
import type { BlockGrid } from './block-tiles.ts';
import { blocksPerChannel, type BlockValues } from './blocks.ts';
import { toFloat16 } from './float16.ts';
import { quantizeLinear, type LinearArgs } from './linear.ts';
import { forEachPart } from './range.ts';

/** How a chunk is rounded; the values apart. */
export type ChunkRounding =
  | ({ readonly kind: 'blocks' } & Omit<BlockValues, 'values' | 'start'>)
  | ({ readonly kind: 'linear' } & Omit<LinearArgs, 'values' | 'start'>)
  | { readonly kind: 'cast'; readonly to: 'float16' | 'bfloat16' };

export interface Rounded {
  readonly rounded: Float32Array;
  /** Index in the tensor of the first NaN or infinity; -1 where all are finite. */
  readonly badIndex: number;
}

/** The values of blocks must be whole rows, from one at which a block begins. */
export function roundedValues(values: Float32Array, start: number, rounding: ChunkRounding): Rounded {
  if (rounding.kind === 'cast') return { rounded: castValues(values, rounding.to), badIndex: -1 };
  return rounding.kind === 'blocks'
    ? roundedBlocks({ ...rounding, values, start })
    : { rounded: roundedLinear({ ...rounding, values, start }, values.length), badIndex: -1 };
}

function roundedBlocks(args: BlockValues): Rounded {
  const { form, isTransposed } = args;
  const { badIndex, depth, width, target } = blockParts(args);
  return { rounded: gridValues(target, { depth, width, form, isTransposed }), badIndex };
}

/** What the integers of blocks stand for, [depth, width], or [width, depth] where transposed. */
export function gridValues(
  { packed, scales, zeroPoints }: BlockGrid,
  { depth, width, form, isTransposed }: Pick<BlockValues, 'depth' | 'width' | 'form' | 'isTransposed'>,
): Float32Array {
  const { bits, blockSize } = form;
  const blocks = blocksPerChannel(depth, form);
  const mask = 2 ** bits - 1;
  const [kStride, nStride] = isTransposed ? [1, depth] : [width, 1];
  const rounded = new Float32Array(depth * width);
  for (let n = 0; n < width; n++) {
    for (let k = 0; k < depth; k++) {
      const block = n * blocks + Math.floor(k / blockSize);
      const bit = (n * blocks * blockSize + k) * bits;
      const q = ((packed[bit >>> 3] as number) >> (bit & 7)) & mask;
      rounded[k * kStride + n * nStride] = (q - (zeroPoints[block] as number)) * (scales[block] as number);
    }
  }
  return rounded;
}

function roundedLinear(args: LinearArgs, length: number): Float32Array {
  const { start, layout, scales, zeroPoints, low } = args;
  const bytes = quantizeLinear(args);
  const integers = low < 0 ? new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length) : bytes;
  const rounded = new Float32Array(length);
  const put = (i: number, channel: number): void => {
    const q = (integers[i] as number) - (zeroPoints[channel] as number);
    rounded[i] = q * (scales[channel] as number);
  };
  forEachPart(
    length,
    start,
    layout,
    (from, to, channel) => {
      for (let i = from; i < to; i++) put(i, channel);
    },
    (from, to, channel) => {
      for (let i = from; i < to; i++) put(i, channel + i - from);
    },
  );
  return rounded;
}

const EXPONENT = 0x7c00;

/** There and back: in both types each value is one of float32. */
function castValues(values: Float32Array, to: 'float16' | 'bfloat16'): Float32Array {
  const bytes = to === 'float16' ? toFloat16({ values }) : toBfloat16({ values });
  const bits = new Uint16Array(bytes.buffer, bytes.byteOffset, values.length);
  if (to === 'float16') return Float32Array.from(bits, floatOfHalf);
  const rounded = new Float32Array(values.length);
  const words = new Uint32Array(rounded.buffer);
  for (let i = 0; i < words.length; i++) words[i] = (bits[i] as number) << 16;
  return rounded;
}

function floatOfHalf(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits & EXPONENT) >> 10, bits & 0x3ff];
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}
