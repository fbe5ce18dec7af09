/**
 * Weight-only quantization in blocks, bit for bit as ONNX Runtime's own (`MlasQuantizeBlockwise`, mlas/lib/q4_dq.cpp,
 * 1.32): one scale and one zero point for each `blockSize` weights along K of one output channel, every step rounded
 * to float32, halves away from zero.
 */
import { blobBytes, blockTiles, TILE_CHANNELS, type BlockGrid, type BlockTiles } from './block-tiles.ts';
import { searchedParameters } from './hqq.ts';
import { sliceValues, type Values } from './values.ts';

export type BlockBits = 2 | 4 | 8;

export interface BlockForm {
  readonly bits: BlockBits;
  readonly blockSize: number;
  /** The range is ±max|w| and the zero point 2^(bits - 1); else the range is [min(w, 0), max(w, 0)]. */
  readonly isSymmetric: boolean;
  /** Scales and zero points are searched (see hqq.ts); else they follow from the range. */
  readonly isSearched?: boolean | undefined;
}

/** Where results go; in shared memory, so that threads write side by side. */
export interface BlockTarget {
  /** [channels, blocks per channel, blockSize · bits / 8], low bits first; zero beyond K. */
  readonly packed: Uint8Array;
  /** The first output channel that `packed` holds, and how many it holds. */
  readonly firstChannel: number;
  readonly channels: number;
  /** [all channels, blocks per channel]. */
  readonly scales: Float32Array;
  /** [all channels, blocks per channel], a byte each. */
  readonly zeroPoints: Uint8Array;
}

export interface BlockArgs {
  /** Whole rows of the weight. Not transposed: [K, N], from a row at which a block begins. Transposed: [N, K]. */
  readonly values: Values;
  readonly start: number;
  readonly isTransposed: boolean;
  /** K: weights per output channel. */
  readonly depth: number;
  /** N: output channels. */
  readonly width: number;
  readonly form: BlockForm;
  readonly target: BlockTarget;
}

export interface BlockResult {
  /** Index in the tensor of the first NaN or infinity; -1 where all are finite. */
  readonly badIndex: number;
}

export function blocksPerChannel(depth: number, { blockSize }: BlockForm): number {
  return Math.ceil(depth / blockSize);
}

/** The part of the weight that values hold, and how it lies: element (k, n) at (k - firstK) · kStride + (n - firstN) · nStride. */
interface Extent {
  readonly firstK: number;
  readonly endK: number;
  readonly kStride: number;
  readonly firstN: number;
  readonly nStride: number;
  /** Output channels to quantize: those of the values that the target holds. */
  readonly fromN: number;
  readonly endN: number;
}

function extentOf(args: BlockArgs, start: number, length: number): Extent {
  const { isTransposed, depth, width, target } = args;
  if (isTransposed) {
    const firstN = start / depth;
    return {
      firstK: 0,
      endK: depth,
      kStride: 1,
      firstN,
      nStride: depth,
      fromN: firstN,
      endN: firstN + length / depth,
    };
  }
  const firstK = start / width;
  const { firstChannel: fromN, channels } = target;
  const endN = fromN + channels;
  return { firstK, endK: firstK + length / width, kStride: width, firstN: 0, nStride: 1, fromN, endN };
}

/** Bytes of values loaded at once: they stay in the cache while they are worked on. */
const LOAD_BYTES = 256 * 1024;

export function quantizeBlocks(args: BlockArgs): BlockResult {
  const { values, start, isTransposed, depth, width, form } = args;
  const extent = extentOf(args, start, values.length);
  const { firstK, endK, fromN, endN } = extent;
  // what whole tiles need
  const strip = isTransposed ? TILE_CHANNELS * depth : form.blockSize * width;
  const step = strip * Math.max(1, Math.floor(LOAD_BYTES / (4 * strip)));
  const blocks = Math.ceil((endK - firstK) / form.blockSize);
  const tiles = blockTiles(args, endN - fromN, blocks, Math.min(step, values.length));
  let badIndex = -1;
  for (let from = 0; from < values.length && badIndex < 0; from += step) {
    const to = Math.min(values.length, from + step);
    const loaded = tiles.load(sliceValues(values, from, to));
    const isFinite = quantizeLoaded(tiles, loaded, extentOf(args, start + from, to - from), extent, form);
    if (!isFinite) badIndex = start + from + loaded.findIndex((v) => !Number.isFinite(v));
  }
  handOver(tiles.grid, args, extent);
  return { badIndex };
}

/** Whole tiles by vectors, what is left at the edges one block at a time. Tells whether all values are finite. */
function quantizeLoaded(
  tiles: BlockTiles,
  values: Float32Array,
  part: Extent,
  whole: Extent,
  form: BlockForm,
): boolean {
  const { firstK, endK, kStride, firstN, nStride, fromN, endN } = part;
  const { blockSize } = form;
  const { grid } = tiles;
  let isFinite = true;
  for (let k = firstK; k < endK; k += blockSize) {
    const count = Math.min(blockSize, endK - k);
    const block = (k - whole.firstK) / blockSize;
    for (let n = fromN; n < endN; n += TILE_CHANNELS) {
      const channels = Math.min(TILE_CHANNELS, endN - n);
      const from = (k - firstK) * kStride + (n - firstN) * nStride;
      const channel = n - whole.fromN;
      if (count === blockSize && channels === TILE_CHANNELS && form.isSearched !== true) {
        isFinite = tiles.quantize(from, channel, block) && isFinite;
        continue;
      }
      for (let c = 0; c < channels; c++) {
        const strided = { values, from: from + c * nStride, stride: kStride, count };
        isFinite = quantizeBlock(strided, form, grid, (channel + c) * grid.blocks + block) && isFinite;
      }
    }
  }
  return isFinite;
}

/** Copies a chunk's blocks to their place among all. */
function handOver(grid: BlockGrid, { target, depth, form }: BlockArgs, { firstK, fromN }: Extent): void {
  const blocks = blocksPerChannel(depth, form);
  // blobs are whole words, and so are scales
  const words = blobBytes(form) / 4;
  const isWhole = grid.blocks === blocks;
  const [rows, length] = isWhole ? [1, grid.channels * blocks] : [grid.channels, grid.blocks];
  const [packed, packedTarget] = [wordsOf(grid.packed), wordsOf(target.packed)];
  const [scales, scalesTarget] = [wordsOf(grid.scales), wordsOf(target.scales)];
  for (let row = 0; row < rows; row++) {
    const from = row * length;
    const to = (fromN + row) * blocks + firstK / form.blockSize;
    const packedTo = (to - target.firstChannel * blocks) * words;
    copyWords(packed, from * words, packedTarget, packedTo, length * words);
    copyWords(scales, from, scalesTarget, to, length);
    for (let i = 0; i < length; i++) target.zeroPoints[to + i] = grid.zeroPoints[from + i] as number;
  }
}

function wordsOf({ buffer, byteOffset, byteLength }: Uint8Array | Float32Array): Int32Array {
  return new Int32Array(buffer, byteOffset, byteLength / 4);
}

/** Fewer words are copied by a loop sooner than by `set`. */
const MANY_WORDS = 48;

function copyWords(source: Int32Array, from: number, target: Int32Array, to: number, length: number): void {
  if (length >= MANY_WORDS) target.set(source.subarray(from, from + length), to);
  else for (let i = 0; i < length; i++) target[to + i] = source[from + i] as number;
}

export interface Strided {
  readonly values: Float32Array;
  readonly from: number;
  readonly stride: number;
  readonly count: number;
}

/**
 * Makes block number `at` of the grid.
 * @param given scale and zero point where they are known already
 * @returns whether all values are finite
 */
export function quantizeBlock(
  block: Strided,
  form: BlockForm,
  grid: BlockGrid,
  at: number,
  given?: BlockParameters,
): boolean {
  const { values, from, stride, count } = block;
  const { min, max, isFinite } = rangeOf(block);
  const { scale, zeroPoint } = given ?? parametersOf(block, form, blockParameters(min, max, form), isFinite);
  grid.scales[at] = scale;
  grid.zeroPoints[at] = zeroPoint;
  const factor = scale === 0 ? 0 : Math.fround(1 / scale);
  const { bits } = form;
  const out = at * blobBytes(form);
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
