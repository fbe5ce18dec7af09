/**
 * Weight-only quantization in blocks, bit for bit as ONNX Runtime's own (`MlasQuantizeBlockwise`, mlas/lib/q4_dq.cpp,
 * 1.32): one scale and one zero point for each `blockSize` weights along K of one output channel, every step rounded
 * to float32, halves away from zero.
 */
import { blobBytes, BlockTiles, sharedModule, TILE_CHANNELS, type BlockGrid } from './block-tiles.ts';
import { searchedParameters } from './hqq.ts';
import type { Values } from './values.ts';

export type BlockBits = 2 | 4 | 8;

export interface BlockForm {
  readonly bits: BlockBits;
  readonly blockSize: number;
  /** The range is ±max|w| and the zero point 2^(bits - 1); else the range is [min(w, 0), max(w, 0)]. */
  readonly isSymmetric: boolean;
  /** Scales and zero points are searched (see hqq.ts); else they follow from the range. */
  readonly isSearched?: boolean | undefined;
}

/** Where results go: in shared memory, where threads write side by side. */
export interface BlockTarget extends BlockGrid {
  /** The first output channel that it holds. */
  readonly firstChannel: number;
}

/** What is to be cut into blocks. */
export interface BlockValues {
  /** Whole rows of the weight. Not transposed: [K, N], from a row at which a block begins. Transposed: [N, K]. */
  readonly values: Values;
  readonly start: number;
  readonly isTransposed: boolean;
  /** K: weights per output channel. */
  readonly depth: number;
  /** N: output channels. */
  readonly width: number;
  readonly form: BlockForm;
}

export interface BlockArgs extends BlockValues {
  readonly target: BlockTarget;
  /** SCRATCH_BYTES of shared memory for this call. */
  readonly scratch: Uint8Array;
}

export interface BlockResult {
  /** Index in the tensor of a NaN or infinity; -1 where all that the target holds are finite. */
  readonly badIndex: number;
}

export function blocksPerChannel(depth: number, { blockSize }: BlockForm): number {
  return Math.ceil(depth / blockSize);
}

export function quantizeBlocks(args: BlockArgs): BlockResult {
  return { badIndex: quantizeInto(sharedModule(args.form.bits), args.scratch, args, args.target) };
}

/** @returns index of a value that is not finite, or -1 */
export function quantizeInto(
  module: ReturnType<typeof sharedModule>,
  scratch: Uint8Array,
  weight: BlockValues,
  target: BlockTarget,
): number {
  const { values, start, isTransposed, depth, width, form } = weight;
  const tiles = new BlockTiles(module, scratch, target, weight);
  const rowLength = isTransposed ? depth : width;
  const firstRow = start / rowLength;
  // columns of no channel of the target are not read
  const [from, end] = isTransposed
    ? [0, depth]
    : [target.firstChannel, target.firstChannel + target.channels];
  const size = tiles.partSize(end - from);
  for (let row = 0; row < values.length / rowLength; row += size.rows) {
    const rows = Math.min(size.rows, values.length / rowLength - row);
    for (let column = from; column < end; column += size.columns) {
      const columns = Math.min(size.columns, end - column);
      const loaded = tiles.load(values, rowLength, { row, rows, column, columns });
      const placed = isTransposed
        ? { k: column, depth: columns, channel: firstRow + row, channels: rows }
        : { k: firstRow + row, depth: rows, channel: column, channels: columns };
      const part = { ...placed, channel: placed.channel - target.firstChannel, values: loaded, isTransposed };
      if (quantizePart(tiles, part, target, form)) continue;
      const bad = loaded.findIndex((v) => !Number.isFinite(v));
      if (bad < 0) continue;
      return start + (row + Math.floor(bad / columns)) * rowLength + column + (bad % columns);
    }
  }
  return -1;
}

interface LoadedPart {
  readonly values: Float32Array;
  readonly isTransposed: boolean;
  /** Of the first value of a channel: where a block begins. */
  readonly k: number;
  readonly depth: number;
  /** The first channel, as numbered in the grid. */
  readonly channel: number;
  readonly channels: number;
}

/** Whole tiles by vectors, what is left at the edges one block at a time. Gives true only where all values are finite. */
function quantizePart(tiles: BlockTiles, part: LoadedPart, grid: BlockGrid, form: BlockForm): boolean {
  const { values, isTransposed, k, depth, channel, channels } = part;
  const { blockSize, isSearched } = form;
  const [kStride, nStride, pitch] = isTransposed ? [1, depth, depth] : [channels, 1, channels];
  const firstBlock = k / blockSize;
  const wholeBlocks = isSearched === true ? 0 : Math.floor(depth / blockSize);
  const tiled = isSearched === true ? 0 : channels - (channels % TILE_CHANNELS);
  const run = { pitch, channel, block: firstBlock, tiles: tiled / TILE_CHANNELS, blocks: wholeBlocks };
  let isFinite = tiled === 0 || wholeBlocks === 0 || tiles.quantize(run);
  for (let b = 0; b * blockSize < depth; b++) {
    const count = Math.min(blockSize, depth - b * blockSize);
    for (let n = b < wholeBlocks ? tiled : 0; n < channels; n++) {
      const strided = { values, from: b * blockSize * kStride + n * nStride, stride: kStride, count };
      isFinite = quantizeBlock(strided, form, grid, channel + n, firstBlock + b) && isFinite;
    }
  }
  return isFinite;
}

export interface Strided {
  readonly values: Float32Array;
  readonly from: number;
  readonly stride: number;
  readonly count: number;
}

/**
 * Makes a block of one channel of the grid.
 * @param given scale and zero point where they are known already
 * @returns whether all values are finite
 */
export function quantizeBlock(
  block: Strided,
  form: BlockForm,
  grid: BlockGrid,
  channel: number,
  index: number,
  given?: BlockParameters,
): boolean {
  const { values, from, stride, count } = block;
  const { min, max, isFinite } = rangeOf(block);
  const { scale, zeroPoint } = given ?? parametersOf(block, form, blockParameters(min, max, form), isFinite);
  grid.scales[channel * grid.blocks + index] = scale;
  grid.zeroPoints[channel * grid.blocks + index] = zeroPoint;
  const factor = scale === 0 ? 0 : Math.fround(1 / scale);
  const { bits } = form;
  const out = (channel * grid.blocks + index) * blobBytes(form);
  grid.packed.fill(0, out, out + blobBytes(form));
  const high = 2 ** bits - 1;
  for (let i = 0; i < count; i++) {
    const x = Math.fround(Math.fround((values[from + i * stride] as number) * factor) + zeroPoint);
    const q = x >= high ? high : x > 0 ? Math.floor(x + 0.5) : 0;
    const byte = out + ((i * bits) >> 3);
    grid.packed[byte] = (grid.packed[byte] as number) | (q << ((i * bits) & 7));
  }
  return isFinite;
}

function rangeOf({ values, from, stride, count }: Strided) {
  let min = values[from] as number;
  let max = min;
  let isFinite = true;
  for (let i = 0; i < count; i++) {
    const v = values[from + i * stride] as number;
    if (v < min) min = v;
    if (v > max) max = v;
    isFinite = isFinite && Number.isFinite(v);
  }
  return { min, max, isFinite };
}

function parametersOf(
  block: Strided,
  form: BlockForm,
  fromRange: BlockParameters,
  isFinite: boolean,
): BlockParameters {
  return form.isSearched === true && isFinite ? searchedParameters(block, form, fromRange) : fromRange;
}

export interface BlockParameters {
  readonly scale: number;
  readonly zeroPoint: number;
}

export function blockParameters(min: number, max: number, { bits, isSymmetric }: BlockForm): BlockParameters {
  const middle = 2 ** (bits - 1);
  const high = 2 ** bits - 1;
  if (isSymmetric) {
    const bound = Math.abs(max) > Math.abs(min) ? max : min;
    return { scale: Math.fround(bound / -middle), zeroPoint: middle };
  }
  const low = Math.min(min, 0);
  const scale = Math.fround(Math.fround(Math.max(max, 0) - low) / high);
  const zero = scale === 0 ? low : Math.fround(0 - Math.fround(low / scale));
  return { scale, zeroPoint: Math.min(high, Math.max(0, Math.floor(zero + 0.5))) };
}
