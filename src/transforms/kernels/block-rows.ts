/**
 * Blocks in the order in which the weight lies: what a blocked DequantizeLinear takes. The integers are those of
 * kernels/blocks.ts.
 */
import {
  blocksPerChannel,
  quantizeBlocks,
  type BlockArgs,
  type BlockForm,
  type BlockTarget,
} from './blocks.ts';

export type BlockRowArgs = Omit<BlockArgs, 'target'>;

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
export function quantizeBlockRows(args: BlockRowArgs): BlockRows {
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
export function blockParts(args: BlockRowArgs): {
  readonly badIndex: number;
  readonly depth: number;
  readonly width: number;
  readonly target: BlockTarget;
} {
  const { values, start, isTransposed, form } = args;
  const depth = isTransposed ? args.depth : values.length / args.width;
  const width = isTransposed ? values.length / args.depth : args.width;
  const blocks = blocksPerChannel(depth, form);
  const target = {
    packed: new Uint8Array((width * blocks * form.blockSize * form.bits) / 8),
    firstChannel: 0,
    channels: width,
    scales: new Float32Array(width * blocks),
    zeroPoints: new Uint8Array(width * blocks),
  };
  const { badIndex } = quantizeBlocks({ ...args, start: 0, depth, width, target });
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

/** [rows, columns] → [columns, rows]. */
function turned<T extends Float32Array | Uint8Array>(from: T, to: T, rows: number, columns: number): T {
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < columns; c++) to[c * rows + row] = from[row * columns + c] as number;
  }
  return to;
}
