/** Scales and zero points of blocks: as kernels make them, and as MatMulNBits takes them. */
import type { BlockBits, BlockForm, BlockTarget } from '../kernels/blocks.ts';
import { SIDE, turned } from '../kernels/transpose.ts';

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
  turned(scales, rows(all.scales, blocks), blocks, channels);
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
  const [perByte, middle] = [8 / bits, 2 ** (bits - 1)];
  const rowBytes = packed.length / channels;
  for (let first = 0; first < channels; first += SIDE) {
    const end = Math.min(channels, first + SIDE);
    for (let byte = 0; byte < rowBytes; byte++) {
      for (let c = first; c < end; c++) {
        let value = 0;
        for (let i = 0; i < perByte; i++) {
          const block = byte * perByte + i;
          const zero = block < blocks ? (zeroPoints[block * channels + c] as number) : middle;
          value |= zero << (i * bits);
        }
        packed[c * rowBytes + byte] = value;
      }
    }
  }
}
