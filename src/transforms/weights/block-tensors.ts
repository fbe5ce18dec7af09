/**
 * The tensors of a MatMulNBits weight: packed integers, scales and zero points. One pass over the weight makes all
 * three, so the parameters that come with the integers (1/32 of the weight's bytes for blocks of 32) are kept until
 * they have been read, too: a writer that takes the three in order reads the weight once.
 */
import type { Gram } from '../../analysis/index.ts';
import { DataType, type TensorRef } from '../../onnx/model.ts';
import { executor } from '../executor.ts';
import { blobBytes, SCRATCH_BYTES } from '../kernels/block-tiles.ts';
import { blocksPerChannel, type BlockForm, type BlockTarget } from '../kernels/blocks.ts';
import type { Values } from '../kernels/values.ts';
import { sharedMemory, type Place } from '../shared-memory.ts';
import { keepParameters, scaleBytes, zeroPointBytes, type BlockParameters } from './block-parameters.ts';
import { gptqBands } from './gptq.ts';
import { mapOrdered, notFinite, rowGroups, type WeightSource } from './stream.ts';

export interface BlockPlan {
  /** A matrix [K, N], or [N, K] where `isTransposed`. */
  readonly source: WeightSource;
  readonly isTransposed: boolean;
  readonly form: BlockForm;
  /** The scales are multiplied by it (Gemm's alpha). */
  readonly factor: number;
  /** Rows of packed integers without a dim for blocks: [N, K · bits / 8], as GatherBlockQuantized wants them. */
  readonly isFlat?: boolean | undefined;
  /** For GPTQ: the second moments of what the weight is multiplied by. */
  readonly gram?: (() => Promise<Gram>) | undefined;
}

export interface BlockTensors {
  /** uint8 [N, blocks, blockSize · bits / 8]. */
  readonly packed: TensorRef;
  /** float32 [N, blocks]. */
  readonly scales: TensorRef;
  /** uint8 [N, ceil(blocks · bits / 8)]; undefined where symmetric. */
  readonly zeroPoints: TensorRef | undefined;
}

/**
 * Packed bytes of a band of output channels. Of a matrix [K, N], one band is filled while the one before is being
 * written, and the next matrix's first one with the last.
 */
const BAND_BYTES = 16 * 1024 * 1024;
/** As much is written at once. */
const PIECE_BYTES = 4 * 1024 * 1024;
/** The last of a band that is used again: it is copied. */
const LAST_PIECE_BYTES = 64 * 1024;
/** Most bytes that a thread reads for a job, in parts: the fewer jobs, the less this thread has to do. */
const FILE_CHUNK_BYTES = 16 * 1024 * 1024;
/** Bytes of float rows in work at once, beyond which fewer chunks are. */
const IN_FLIGHT_BYTES = 64 * 1024 * 1024;

export interface BlockSizes {
  /** K: weights per output channel. */
  readonly depth: number;
  /** N: output channels. */
  readonly width: number;
  readonly blocks: number;
  /** Bytes of the three tensors. */
  readonly bytes: number;
}

export function blockSizes(dims: readonly number[], isTransposed: boolean, form: BlockForm): BlockSizes {
  const [rows = 0, columns = 0] = dims;
  const [depth, width] = isTransposed ? [columns, rows] : [rows, columns];
  const blocks = blocksPerChannel(depth, form);
  const zeroPoints = form.isSymmetric ? 0 : zeroPointBytes(blocks, form);
  return { depth, width, blocks, bytes: width * (blocks * blobBytes(form) + 4 * blocks + zeroPoints) };
}

export function blockTensors(
  plan: BlockPlan,
  names: { readonly packed: string; readonly scales: string; readonly zeroPoints: string },
): BlockTensors {
  const { form } = plan;
  const sizes = blockSizes(plan.source.tensor.dims, plan.isTransposed, form);
  const { width, blocks } = sizes;
  const pass = new BlockPass(plan, sizes);
  const zeroBytes = zeroPointBytes(blocks, form);
  return {
    packed: {
      name: names.packed,
      dataType: DataType.uint8,
      dims: plan.isFlat === true ? [width, blocks * blobBytes(form)] : [width, blocks, blobBytes(form)],
      location: {
        kind: 'computed',
        byteLength: width * blocks * blobBytes(form),
        produce: (signal, reuseBuffers) => pass.packed(signal, reuseBuffers),
        prepare: (signal) => pass.prepare(signal),
      },
    },
    scales: {
      name: names.scales,
      dataType: DataType.float,
      dims: [width, blocks],
      location: {
        kind: 'computed',
        byteLength: 4 * width * blocks,
        produce: (signal) => pass.part('scales', signal),
      },
    },
    zeroPoints: form.isSymmetric
      ? undefined
      : {
          name: names.zeroPoints,
          dataType: DataType.uint8,
          dims: [width, zeroBytes],
          location: {
            kind: 'computed',
            byteLength: width * zeroBytes,
            produce: (signal) => pass.part('zeroPoints', signal),
          },
        },
  };
}

type Part = 'scales' | 'zeroPoints';

interface Band extends BlockTarget {
  /** All of it. */
  readonly place: Place;
  readonly filled: Promise<void>;
}

/** The pass over one weight, and what it found that has not been read yet. */
class BlockPass {
  private readonly plan: BlockPlan;
  private readonly sizes: BlockSizes;
  private found: BlockParameters | undefined;
  private readonly unread = new Set<Part>();
  private ahead: Band | undefined;

  constructor(plan: BlockPlan, sizes: BlockSizes) {
    this.plan = plan;
    this.sizes = sizes;
  }

  /** The first columns are filled while the tensor before is being written. */
  prepare(signal: AbortSignal | undefined): () => Promise<void> {
    const { isTransposed, gram } = this.plan;
    if (this.ahead !== undefined || isTransposed || gram !== undefined || executor().threads < 2) {
      return () => Promise.resolve();
    }
    const begun = this.beginBand(0, signal);
    this.ahead = begun;
    return async () => {
      if (this.ahead !== begun) return;
      this.ahead = undefined;
      await free(begun);
    };
  }

  async *packed(
    signal: AbortSignal | undefined,
    reuseBuffers = false,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { gram, isTransposed } = this.plan;
    const { width, blocks } = this.sizes;
    const found = {
      scales: new Float32Array(width * blocks),
      zeroPoints: new Uint8Array(width * zeroPointBytes(blocks, this.plan.form)),
    };
    if (gram !== undefined) yield* gptqBands(this.plan, await gram(), this.sizes, found, signal);
    else if (isTransposed) yield* this.byRows(found, signal);
    else yield* this.byColumns(found, signal, reuseBuffers);
    this.found = found;
    this.unread.add('scales');
    if (!this.plan.form.isSymmetric) this.unread.add('zeroPoints');
  }

  async *part(part: Part, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    const parameters = this.found ?? (await this.parameters(signal));
    this.unread.delete(part);
    if (this.unread.size === 0) this.found = undefined;
    yield part === 'scales' ? scaleBytes(parameters.scales, this.plan.factor) : parameters.zeroPoints;
  }

  private async parameters(signal: AbortSignal | undefined): Promise<BlockParameters> {
    const packed = this.packed(signal);
    while ((await packed.next()).done !== true);
    if (this.found === undefined) throw new RangeError('the pass over the weight ended without parameters');
    return this.found;
  }

  /** [N, K]: rows are output channels, and come in the order in which they are written. */
  private async *byRows(
    found: BlockParameters,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { depth } = this.sizes;
    const groups = rowGroups(this.plan.source, depth, 1, signal);
    yield* mapOrdered(groups, parallel(depth), async ({ start, values }) => {
      const target = this.takeBand(start / depth, values.length / depth);
      try {
        await this.run(start, values, target);
        keepParameters(target, found, this.plan.form.bits);
        return target.packed.slice();
      } finally {
        sharedMemory.give(target.place);
      }
    });
  }

  /** [K, N]: columns are output channels; those of a band are gathered while the rows go by. */
  private async *byColumns(
    found: BlockParameters,
    signal: AbortSignal | undefined,
    reuseBuffers: boolean,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    let next = this.ahead ?? this.beginBand(0, signal);
    this.ahead = undefined;
    try {
      for (let isLast = false; !isLast;) {
        const band = next;
        await band.filled;
        const end = band.firstChannel + band.channels;
        isLast = end === this.sizes.width;
        if (!isLast) next = this.beginBand(end, signal);
        keepParameters(band, found, this.plan.form.bits);
        try {
          yield* pieces(band.packed, reuseBuffers);
        } finally {
          if (!isLast) sharedMemory.give(band.place);
        }
      }
    } finally {
      await free(next);
    }
  }

  private beginBand(firstChannel: number, signal: AbortSignal | undefined): Band {
    const most = Math.max(1, Math.floor(BAND_BYTES / (this.sizes.blocks * blobBytes(this.plan.form))));
    const target = this.takeBand(firstChannel, Math.min(most, this.sizes.width - firstChannel));
    const filled = this.fill(target, signal);
    // a failure is met when the band is read
    filled.catch(() => undefined);
    return { ...target, filled };
  }

  private async fill(target: BlockTarget, signal: AbortSignal | undefined): Promise<void> {
    const { width } = this.sizes;
    const { blockSize } = this.plan.form;
    const inFile = { columns: target.channels, mostBytes: FILE_CHUNK_BYTES };
    const groups = rowGroups(this.plan.source, width, blockSize, signal, inFile);
    const done = mapOrdered(groups, parallel(width * blockSize), ({ start, values }) =>
      this.run(start, values, target),
    );
    while ((await done.next()).done !== true);
  }

  private takeBand(firstChannel: number, channels: number): Omit<Band, 'filled'> {
    const count = channels * this.sizes.blocks;
    const packedBytes = count * blobBytes(this.plan.form);
    const place = sharedMemory.take(packedBytes + 5 * count);
    const scalesAt = place.byteOffset + packedBytes;
    return {
      firstChannel,
      channels,
      blocks: this.sizes.blocks,
      packed: place.subarray(0, packedBytes),
      scales: new Float32Array(place.buffer, scalesAt, count),
      zeroPoints: new Uint8Array(place.buffer, scalesAt + 4 * count, count),
      place,
    };
  }

  private async run(start: number, values: Values, target: BlockTarget): Promise<void> {
    const { source, form, isTransposed } = this.plan;
    const { depth, width } = this.sizes;
    const { firstChannel, channels, blocks, packed, scales, zeroPoints } = target;
    const scratch = sharedMemory.take(SCRATCH_BYTES);
    try {
      const { badIndex } = await executor().run('quantizeBlocks', {
        ...{ values, start, isTransposed, depth, width, form, scratch },
        target: { firstChannel, channels, blocks, packed, scales, zeroPoints },
      });
      if (badIndex >= 0) throw notFinite(source, badIndex);
    } finally {
      sharedMemory.give(scratch);
    }
  }
}

/** When nothing works on it any more. */
async function free({ filled, place }: Band): Promise<void> {
  await filled.catch(() => undefined);
  sharedMemory.give(place);
}

/** @param reuseBuffers the bytes may change when the piece after the next one is asked for */
function* pieces(bytes: Uint8Array, reuseBuffers: boolean): Generator<Uint8Array, void, undefined> {
  const last = reuseBuffers ? Math.max(0, bytes.length - LAST_PIECE_BYTES) : 0;
  for (let at = 0; at < last; at += PIECE_BYTES) yield bytes.subarray(at, Math.min(at + PIECE_BYTES, last));
  // these may still be in use when the place of all is taken again
  for (let at = last; at < bytes.length; at += PIECE_BYTES) yield bytes.slice(at, at + PIECE_BYTES);
}

/** Chunks in work at once, where one has `unit` elements or, if that is less, a chunk's worth. */
function parallel(unit: number): number {
  return Math.max(1, Math.min(executor().parallel, Math.floor(IN_FLIGHT_BYTES / (4 * unit))));
}
