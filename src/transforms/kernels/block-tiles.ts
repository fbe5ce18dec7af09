/**
 * Blocks by WebAssembly SIMD, sixteen output channels at a time, from values and to places in the module's memory; see
 * wasm/blocks.wat.ts for the arithmetic.
 */
import { sharedMemory } from '../shared-memory.ts';
import { blocksWat, TILE_BYTES } from '../wasm/blocks.wat.ts';
import { Instance } from '../wasm/instance.ts';
import type { BlockBits, BlockForm } from './blocks.ts';
import { loadRows, type Part, type Values } from './values.ts';

export const TILE_CHANNELS = 16;

/** Where values lie in the scratch memory, behind a tile. */
const VALUES_AT = Math.ceil(TILE_BYTES / 64) * 64;
/** Most values that are loaded at once: they stay in the cache while they are worked on. */
const MOST_VALUES = 256 * 1024;
/** So many weights along K of each channel are among them: more, and rows of 8192 values would be read in parts. */
const DEEP = 32;
export const SCRATCH_BYTES = VALUES_AT + 4 * MOST_VALUES;

/** Blocks of some channels. */
export interface BlockGrid {
  readonly channels: number;
  /** Per channel. */
  readonly blocks: number;
  /** [channels, blocks, blockSize · bits / 8], low bits first; zero beyond K. */
  readonly packed: Uint8Array;
  /** [channels, blocks]. */
  readonly scales: Float32Array;
  /** [channels, blocks], a byte each. */
  readonly zeroPoints: Uint8Array;
}

type Module = Instance<'quantizeColumns' | 'quantizeRows'>;

const own = new Map<BlockBits, Module>();
const shared = new Map<BlockBits, Module>();

/** The module in memory of its own. */
export function ownModule(bits: BlockBits): Module {
  return once(own, bits, () => new Instance(blocksWat(bits)));
}

/** The module in the memory that threads share. */
export function sharedModule(bits: BlockBits): Module {
  return once(shared, bits, () => new Instance(blocksWat(bits), sharedMemory.memory));
}

function once<K, V>(made: Map<K, V>, key: K, make: () => V): V {
  const value = made.get(key) ?? make();
  made.set(key, value);
  return value;
}

/** Whole tiles among the values loaded. */
export interface TileRun {
  /** Values from one row to the next. */
  readonly pitch: number;
  /** Place among the channels and blocks of the grid. */
  readonly channel: number;
  readonly block: number;
  /** How many tiles of channels, and how many blocks of each. */
  readonly tiles: number;
  readonly blocks: number;
}

export class BlockTiles {
  private readonly functions: Module['functions'];
  private readonly scratch: Uint8Array;
  private readonly grid: BlockGrid;
  private readonly form: BlockForm;
  private readonly isTransposed: boolean;

  /** @param scratch of SCRATCH_BYTES; it and the grid lie in the memory of the module */
  constructor(
    { functions }: Module,
    scratch: Uint8Array,
    grid: BlockGrid,
    { form, isTransposed }: { readonly form: BlockForm; readonly isTransposed: boolean },
  ) {
    this.functions = functions;
    this.scratch = scratch;
    this.grid = grid;
    this.form = form;
    this.isTransposed = isTransposed;
  }

  /** The rows and columns that are loaded at once, in whole tiles, of a matrix with so many columns. */
  partSize(columns: number): { readonly rows: number; readonly columns: number } {
    const { blockSize } = this.form;
    const [rowUnit, columnUnit] = this.isTransposed ? [TILE_CHANNELS, blockSize] : [blockSize, TILE_CHANNELS];
    const height = this.isTransposed ? rowUnit : Math.max(rowUnit, DEEP);
    const most = Math.floor(MOST_VALUES / height / columnUnit) * columnUnit;
    const parts = Math.ceil(columns / most);
    // of about the same size
    const wide = parts === 1 ? columns : Math.ceil(columns / parts / columnUnit) * columnUnit;
    return { rows: rowUnit * Math.floor(MOST_VALUES / (rowUnit * wide)), columns: wide };
  }

  /** Takes the place of what was loaded before. */
  load(values: Values, rowLength: number, part: Part): Float32Array {
    const { buffer, byteOffset } = this.scratch;
    return loadRows(values, rowLength, part, buffer, byteOffset + VALUES_AT);
  }

  /** @returns false unless all values are finite; also where they are too large to be added up */
  quantize({ pitch, channel, block, tiles, blocks }: TileRun): boolean {
    const { grid, isTransposed } = this;
    const { blockSize, isSymmetric } = this.form;
    const [blob, parameters] = [blobBytes(this.form), channel * grid.blocks + block];
    const [tileAt, stride] = [this.scratch.byteOffset, grid.blocks * blob];
    const steps = isTransposed ? [TILE_CHANNELS * pitch, blockSize] : [TILE_CHANNELS, blockSize * pitch];
    const { quantizeRows, quantizeColumns } = this.functions;
    const bad = (isTransposed ? quantizeRows : quantizeColumns)(
      ...[tileAt + VALUES_AT, 4 * pitch, ...steps.map((values) => 4 * values)],
      ...[tiles, blocks, blockSize, isSymmetric ? 1 : 0, tileAt],
      ...[grid.packed.byteOffset + channel * stride + block * blob, stride, blob],
      ...[grid.scales.byteOffset + 4 * parameters, grid.zeroPoints.byteOffset + parameters, grid.blocks],
    );
    return bad === 0;
  }
}

/** Bytes of a block's integers. */
export function blobBytes({ bits, blockSize }: BlockForm): number {
  return (bits * blockSize) / 8;
}
