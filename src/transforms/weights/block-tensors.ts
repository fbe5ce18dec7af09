/**
 * The tensors of a MatMulNBits weight: packed integers, scales and zero points. One pass over the weight makes all
 * three, so the parameters that come with the integers (1/32 of the weight's bytes for blocks of 32) are kept until
 * they have been read, too: a writer that takes the three in order reads the weight once.
 */
import type { Gram } from '../../analysis/index.ts';
import { DataType, type TensorRef } from '../../onnx/model.ts';
import { executor } from '../executor.ts';
import { sharedMemory } from '../shared-memory.ts';
import { blobBytes } from '../kernels/block-tiles.ts';
import { blocksPerChannel, type BlockForm, type BlockTarget } from '../kernels/blocks.ts';
import type { Values } from '../kernels/values.ts';
import { gptqBands } from './gptq.ts';
import { CHUNK_BYTES, mapOrdered, notFinite, rowGroups, type WeightSource } from './stream.ts';

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
 * Packed bytes of a band. A matrix that has more is read once for each part of that size. Two bands are held at once:
 * one being written, and the next tensor's first one.
 */
const BAND_BYTES = 64 * 1024 * 1024;
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
        produce: (signal) => pass.packed(signal),
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
type Parameters = Pick<BlockTarget, Part>;
type Band = BlockTarget & { readonly packed: Uint8Array<SharedArrayBuffer> };

/** The one band of all columns, being filled, and the place of all bands' parameters. */
interface FilledAhead {
  readonly place: SharedArrayBuffer;
  readonly target: Band;
  readonly filled: Promise<void>;
}

/** The pass over one weight, and what it found that has not been read yet. */
class BlockPass {
  private readonly plan: BlockPlan;
  private readonly sizes: BlockSizes;
  private found: Parameters | undefined;
  private readonly unread = new Set<Part>();
  private ahead: FilledAhead | undefined;

  constructor(plan: BlockPlan, sizes: BlockSizes) {
    this.plan = plan;
    this.sizes = sizes;
  }

  /** Columns are filled while the tensor before is being written. */
  prepare(signal: AbortSignal | undefined): () => Promise<void> {
    const { isTransposed, gram } = this.plan;
    // a weight of several bands is large enough to keep all threads at work, and would take too much beside another
    const isOneBand = this.sizes.width <= this.bandChannels();
    const isOff = isTransposed || gram !== undefined || !isOneBand || executor().threads < 2;
    if (this.ahead !== undefined || isOff) {
      return () => Promise.resolve();
    }
    const place = this.parameterPlace();
    const target = this.band(0, this.sizes.width, this.parametersIn(place));
    const begun = { place, target, filled: this.fill(target, signal) };
    // a failure is met when the tensor is read
    begun.filled.catch(() => undefined);
    this.ahead = begun;
    return async () => {
      if (this.ahead !== begun) return;
      this.ahead = undefined;
      await begun.filled.catch(() => undefined);
      sharedMemory.give(target.packed.buffer);
      sharedMemory.give(place);
    };
  }

  async *packed(signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    const begun = this.ahead;
    this.ahead = undefined;
    const place = begun?.place ?? this.parameterPlace();
    try {
      const { scales, zeroPoints } = this.parametersIn(place);
      yield* this.passFor({ scales, zeroPoints }, begun, signal);
      this.found = { scales: scales.slice(), zeroPoints: zeroPoints.slice() };
    } finally {
      sharedMemory.give(place);
    }
    this.unread.add('scales');
    if (!this.plan.form.isSymmetric) this.unread.add('zeroPoints');
  }

  private parameterPlace(): SharedArrayBuffer {
    return sharedMemory.take(5 * this.sizes.width * this.sizes.blocks);
  }

  private parametersIn(place: SharedArrayBuffer): Parameters {
    const count = this.sizes.width * this.sizes.blocks;
    return { scales: new Float32Array(place, 0, count), zeroPoints: new Uint8Array(place, 4 * count, count) };
  }

  private async *passFor(
    parameters: Parameters,
    begun: FilledAhead | undefined,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { gram, isTransposed } = this.plan;
    if (gram !== undefined) yield* gptqBands(this.plan, await gram(), this.sizes, parameters, signal);
    else yield* isTransposed ? this.byRows(parameters, signal) : this.byColumns(parameters, begun, signal);
  }

  async *part(part: Part, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    const parameters = this.found ?? (await this.parameters(signal));
    this.unread.delete(part);
    if (this.unread.size === 0) this.found = undefined;
    yield part === 'scales'
      ? scaleBytes(parameters.scales, this.plan.factor)
      : packedZeroPoints(parameters.zeroPoints, this.sizes, this.plan.form);
  }

  private async parameters(signal: AbortSignal | undefined): Promise<Parameters> {
    const packed = this.packed(signal);
    while ((await packed.next()).done !== true);
    if (this.found === undefined) throw new RangeError('the pass over the weight ended without parameters');
    return this.found;
  }

  /** [N, K]: rows are output channels, and come in the order in which they are written. */
  private async *byRows(
    parameters: Parameters,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { depth } = this.sizes;
    const groups = rowGroups(this.plan.source, depth, 1, signal);
    yield* mapOrdered(groups, parallel(depth), async ({ start, values }) => {
      const target = this.band(start / depth, values.length / depth, parameters);
      try {
        await this.run(start, values, target);
        return target.packed.slice();
      } finally {
        sharedMemory.give(target.packed.buffer);
      }
    });
  }

  /** [K, N]: columns are output channels; as many as a band holds are gathered while the rows go by. */
  private async *byColumns(
    parameters: Parameters,
    begun: FilledAhead | undefined,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { width } = this.sizes;
    const channels = this.bandChannels();
    for (let first = 0; first < width; first += channels) {
      const ready = first === 0 ? begun : undefined;
      const target = ready?.target ?? this.band(first, Math.min(channels, width - first), parameters);
      try {
        await (ready?.filled ?? this.fill(target, signal));
        for (let at = 0; at < target.packed.length; at += CHUNK_BYTES) {
          yield target.packed.slice(at, at + CHUNK_BYTES);
        }
      } finally {
        sharedMemory.give(target.packed.buffer);
      }
    }
  }

  /** Output channels of a band. */
  private bandChannels(): number {
    return Math.max(1, Math.floor(BAND_BYTES / (this.sizes.blocks * blobBytes(this.plan.form))));
  }

  private async fill(target: BlockTarget, signal: AbortSignal | undefined): Promise<void> {
    const { width } = this.sizes;
    const { blockSize } = this.plan.form;
    const groups = rowGroups(this.plan.source, width, blockSize, signal);
    const done = mapOrdered(groups, parallel(width * blockSize), ({ start, values }) =>
      this.run(start, values, target),
    );
    while ((await done.next()).done !== true);
  }

  private band(firstChannel: number, channels: number, parameters: Parameters): Band {
    const bytes = channels * this.sizes.blocks * blobBytes(this.plan.form);
    const packed = new Uint8Array(sharedMemory.take(bytes), 0, bytes);
    return { packed, firstChannel, channels, ...parameters };
  }

  private async run(start: number, values: Values, target: BlockTarget): Promise<void> {
    const { source, form, isTransposed } = this.plan;
    const { depth, width } = this.sizes;
    const args = { values, start, isTransposed, depth, width, form, target };
    const { badIndex } = await executor().run('quantizeBlocks', args);
    if (badIndex >= 0) throw notFinite(source, badIndex);
  }
}

/** Chunks in work at once, where one has `unit` elements or, if that is less, a chunk's worth. */
function parallel(unit: number): number {
  return Math.max(1, Math.min(executor().parallel, Math.floor(IN_FLIGHT_BYTES / (4 * unit))));
}

function zeroPointBytes(blocks: number, { bits }: BlockForm): number {
  return Math.ceil((blocks * bits) / 8);
}

function scaleBytes(scales: Float32Array, factor: number): Uint8Array {
  return new Uint8Array((factor === 1 ? scales : scales.map((s) => s * factor)).buffer);
}

/** Low bits first; what is unused of a row's last byte holds the middle, as ONNX Runtime leaves it. */
function packedZeroPoints(
  zeroPoints: Uint8Array,
  { width, blocks }: BlockSizes,
  { bits }: BlockForm,
): Uint8Array {
  if (bits === 8) return zeroPoints;
  const [perByte, middle] = [8 / bits, 2 ** (bits - 1)];
  const rowBytes = Math.ceil(blocks / perByte);
  const packed = new Uint8Array(width * rowBytes);
  for (let at = 0; at < packed.length; at++) {
    const [row, first] = [Math.floor(at / rowBytes), (at % rowBytes) * perByte];
    let byte = 0;
    for (let i = 0; i < perByte; i++) {
      const zero = first + i < blocks ? (zeroPoints[row * blocks + first + i] ?? 0) : middle;
      byte |= zero << (i * bits);
    }
    packed[at] = byte;
  }
  return packed;
}
