/**
 * The blocks of a chunk, sixteen output channels at a time by WebAssembly SIMD; see wasm/blocks.wat.ts for the
 * arithmetic. They are gathered in the module's memory: threads that write to the same lines of shared memory all the
 * time wait for each other.
 */
import { BLOCKS_WAT } from '../wasm/blocks.wat.ts';
import { Instance } from '../wasm/instance.ts';
import type { BlockArgs, BlockBits, BlockForm } from './blocks.ts';
import { loadValues, type Values } from './values.ts';

export const TILE_CHANNELS = 16;

/** Largest block; larger ones would not fit the places below. */
const MAX_BLOCK_SIZE = 256;
/** Where things lie in the module's memory. */
const TILE_AT = 0;
const RANGES_AT = TILE_AT + 4 * TILE_CHANNELS * MAX_BLOCK_SIZE;
const GRID_AT = RANGES_AT + 8 * TILE_CHANNELS;

/** Blocks of some channels: `channels` times `blocks` of them, channel by channel. */
export interface BlockGrid {
  readonly channels: number;
  readonly blocks: number;
  readonly packed: Uint8Array;
  readonly scales: Float32Array;
  readonly zeroPoints: Uint8Array;
}

export interface BlockTiles {
  /** In the module's memory; `packed` begins with zeros. */
  readonly grid: BlockGrid;
  /** Takes the place of what was loaded before. */
  readonly load: (values: Values) => Float32Array;
  /**
   * Quantizes block `block` of the channels [channel, channel + 16) of the grid.
   * @param from index, among the values loaded, of the first value of the first channel
   * @returns whether all values are finite
   */
  readonly quantize: (from: number, channel: number, block: number) => boolean;
}

type Names = 'tileOfColumns' | 'tileOfRows' | `quantizeTile${BlockBits}`;

let instance: Instance<Names> | undefined;

/** @param length most values to be loaded at once */
export function blockTiles(args: BlockArgs, channels: number, blocks: number, length: number): BlockTiles {
  const { isTransposed, depth, width, form } = args;
  const wasm = (instance ??= new Instance<Names>(BLOCKS_WAT));
  const { tileOfColumns, tileOfRows } = wasm.functions;
  const { quantizeTile2, quantizeTile4, quantizeTile8 } = wasm.functions;
  const quantizeTile = { 2: quantizeTile2, 4: quantizeTile4, 8: quantizeTile8 }[form.bits];
  const { blockSize } = form;
  const symmetric = form.isSymmetric ? 1 : 0;
  const [blob, rowBytes] = [blobBytes(form), blocks * blobBytes(form)];
  const scalesAt = GRID_AT + channels * rowBytes;
  const zerosAt = scalesAt + 4 * channels * blocks;
  const valuesAt = Math.ceil((zerosAt + channels * blocks) / 64) * 64;
  const memory = wasm.reserve(valuesAt + 4 * length);
  return {
    grid: {
      channels,
      blocks,
      packed: new Uint8Array(memory, GRID_AT, channels * rowBytes).fill(0),
      scales: new Float32Array(memory, scalesAt, channels * blocks),
      zeroPoints: new Uint8Array(memory, zerosAt, channels * blocks),
    },
    load: (values) => loadValues(values, memory, valuesAt),
    quantize: (from, channel, block) => {
      const at = valuesAt + 4 * from;
      if (isTransposed) tileOfRows(at, 4 * depth, blockSize, TILE_AT);
      const [columns, stride] = isTransposed ? [TILE_AT, 4 * TILE_CHANNELS] : [at, 4 * width];
      const bad = tileOfColumns(columns, stride, blockSize, TILE_AT, RANGES_AT);
      const place = channel * blocks + block;
      const [out, scales, zeros] = [GRID_AT + place * blob, scalesAt + 4 * place, zerosAt + place];
      quantizeTile(TILE_AT, blockSize, symmetric, RANGES_AT, out, scales, zeros, rowBytes, blocks);
      return bad === 0;
    },
  };
}

/** Bytes of a block's integers. */
export function blobBytes({ bits, blockSize }: BlockForm): number {
  return (bits * blockSize) / 8;
}
