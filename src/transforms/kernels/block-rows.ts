/**
 * Blocks in the order in which the weight lies: what a blocked DequantizeLinear takes. The integers are those of
 * kernels/blocks.ts.
 */
import { turned } from './transpose.ts';
import { ownModule, SCRATCH_BYTES } from './block-tiles.ts';
import {
  blocksPerChannel,
  quantizeInto,
  type BlockForm,
  type BlockTarget,
  type BlockValues,
} from './blocks.ts';

export interface BlockRows {
  /** Index in the tensor of the first NaN or infinity; -1 where all are finite. */
  readonly badIndex: number;
  /** As the weight lies, low bits first. Symmetric: signed, about 0. */
  readonly integers: Uint8Array;
  /** Not transposed: [blocks, N]; transposed: [N, blocks]. */
  readonly scales: Float32Array;
  /** A byte each, in the order of the scales. */
  readonly zeroPoints: Uint8Array;
}

/** The values must be whole rows, and begin and end at a byte of the integers. */
export function quantizeBlockRows(args: BlockValues): BlockRows {
  const { isTransposed, form } = args;
  const { badIndex, depth, width, target } = blockParts(args);
  const { packed, scales, zeroPoints } = target;
  const blocks = blocksPerChannel(depth, form);
  return {
    badIndex,
    integers: inOrder(packed, { depth, width, isTransposed }, form),
    scales: isTransposed ? scales : turned(scales, new Float32Array(scales.length), width, blocks),
    zeroPoints: isTransposed
      ? zeroPoints
      : turned(zeroPoints, new Uint8Array(zeroPoints.length), width, blocks),
  };
}

/** The chunk's blocks as those of a weight of its own, with its depth and width. */
export function blockParts(args: BlockValues): {
  readonly badIndex: number;
  readonly depth: number;
  readonly width: number;
  readonly target: BlockTarget;
} {
  const { values, start, isTransposed, form } = args;
  const depth = isTransposed ? args.depth : values.length / args.width;
  const width = isTransposed ? values.length / args.depth : args.width;
  const blocks = blocksPerChannel(depth, form);
  const count = width * blocks;
  const packedBytes = (count * form.blockSize * form.bits) / 8;
  const module = ownModule(form.bits);
  const memory = module.reserve(SCRATCH_BYTES + packedBytes + 5 * count);
  const made = {
    firstChannel: 0,
    channels: width,
    blocks,
    packed: new Uint8Array(memory, SCRATCH_BYTES, packedBytes),
    scales: new Float32Array(memory, SCRATCH_BYTES + packedBytes, count),
    zeroPoints: new Uint8Array(memory, SCRATCH_BYTES + packedBytes + 4 * count, count),
  };
  const whole = { ...args, start: 0, depth, width };
  const badIndex = quantizeInto(module, new Uint8Array(memory, 0, SCRATCH_BYTES), whole, made);
  // the next call writes there
  const { packed, scales, zeroPoints } = made;
  const target = { ...made, packed: packed.slice(), scales: scales.slice(), zeroPoints: zeroPoints.slice() };
  return { badIndex: badIndex < 0 ? -1 : start + badIndex, depth, width, target };
}

interface Lie {
  readonly depth: number;
  readonly width: number;
  readonly isTransposed: boolean;
}

/** From channel by channel, padded to blocks, to the order of the weight. */
function inOrder(packed: Uint8Array, { depth, width, isTransposed }: Lie, form: BlockForm): Uint8Array {
  const { bits, blockSize, isSymmetric } = form;
  const channelBits = blocksPerChannel(depth, form) * blockSize * bits;
  const made = new Uint8Array(Math.ceil((depth * width * bits) / 8));
  const mask = 2 ** bits - 1;
  const middle = isSymmetric ? 2 ** (bits - 1) : 0;
  const [rows, columns] = isTransposed ? [width, depth] : [depth, width];
  const [rowStep, columnStep] = isTransposed ? [channelBits, bits] : [bits, channelBits];
  let to = 0;
  for (let row = 0; row < rows; row++) {
    let from = row * rowStep;
    for (let column = 0; column < columns; column++, from += columnStep, to += bits) {
      const q = (((packed[from >> 3] as number) >> (from & 7)) - middle) & mask;
      made[to >> 3] = (made[to >> 3] as number) | (q << (to & 7));
    }
  }
  return made;
}
