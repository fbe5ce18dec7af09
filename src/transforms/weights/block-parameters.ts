/** Scales and zero points of blocks: as kernels make them, and as MatMulNBits takes them. */
import type { BlockBits, BlockForm, BlockTarget } from '../kernels/blocks.ts';

/** Of all channels. */
export interface BlockParameters {
  /** [channels, blocks per channel]. */
  readonly scales: Float32Array;
  /** [channels, bytes], packed. */
  readonly zeroPoints: Uint8Array;
}

/** Puts the parameters of some channels among those of all. */
export function keepParameters(
  target: Omit<BlockTarget, 'packed'>,
  all: BlockParameters,
  bits: BlockBits,
): void {
  const { firstChannel, channels, blocks, scales } = target;
  const rows = <T extends Float32Array | Uint8Array>(values: T, length: number): T =>
    values.subarray(firstChannel * length, (firstChannel + channels) * length) as T;
  rows(all.scales, blocks).set(scales);
  packZeroPoints(target, rows(all.zeroPoints, zeroPointBytes(blocks, { bits })), bits);
}

/** Bytes per channel. */
export function zeroPointBytes(blocks: number, { bits }: Pick<BlockForm, 'bits'>): number {
  return Math.ceil((blocks * bits) / 8);
}

export function scaleBytes(scales: Float32Array, factor: number): Uint8Array {
  return new Uint8Array((factor === 1 ? scales : scales.map((s) => s * factor)).buffer);
}

/** Low bits first; what is unused of a row's last byte holds the middle, as ONNX Runtime leaves it. */
function packZeroPoints(
  { channels, blocks, zeroPoints }: Omit<BlockTarget, 'packed'>,
  packed: Uint8Array,
  bits: BlockBits,
): void {
  const rowLength = (packed.length / channels) * (8 / bits);
  let values = rowLength === blocks ? zeroPoints : lengthened(zeroPoints, blocks, rowLength, 2 ** (bits - 1));
  for (let width: number = bits; width < 8; width *= 2) values = pairs(values, width);
  packed.set(values);
}

/** Two numbers of so many bits to a byte each. */
function pairs(values: Uint8Array, bits: number): Uint8Array {
  const made = new Uint8Array(values.length / 2);
  for (let i = 0; i < made.length; i++) {
    made[i] = (values[2 * i] as number) | ((values[2 * i + 1] as number) << bits);
  }
  return made;
}

/** The same rows, each with more of `filling` at its end. */
function lengthened(values: Uint8Array, from: number, to: number, filling: number): Uint8Array {
  const rows = values.length / from;
  const made = new Uint8Array(rows * to).fill(filling);
  for (let row = 0; row < rows; row++) made.set(values.subarray(row * from, (row + 1) * from), row * to);
  return made;
}
