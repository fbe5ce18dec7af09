/**
 * The tensors of a blocked DequantizeLinear: integers as the weight lies, scales and zero points. As in block-tensors,
 * one pass over the weight makes all three where they are read in that order.
 */
import { elementCount } from '../../onnx/index.ts';
import { DataType, type TensorRef } from '../../onnx/model.ts';
import { executor } from '../executor.ts';
import type { BlockForm } from '../kernels/blocks.ts';
import { blockSizes, type BlockPlan } from './block-tensors.ts';
import { lazy, mapOrdered, notFinite, rowGroups } from './stream.ts';

export interface BlockRowTensors {
  /** (u)int4 or (u)int8, of the weight's dims. */
  readonly integers: TensorRef;
  /** float32, of the weight's dims, but for one per block. */
  readonly scales: TensorRef;
  /** As the integers; undefined where symmetric. */
  readonly zeroPoints: TensorRef | undefined;
}

interface Parameters {
  readonly scales: Float32Array;
  /** Packed. */
  readonly zeroPoints: Uint8Array;
}

/** Bytes of the three tensors. */
export function blockRowBytes(dims: readonly number[], isTransposed: boolean, form: BlockForm): number {
  const { width, blocks } = blockSizes(dims, isTransposed, form);
  const zeroBytes = form.isSymmetric ? 0 : bytesFor(width * blocks, form);
  return bytesFor(elementCount(dims), form) + 4 * width * blocks + zeroBytes;
}

export function blockRowTensors(
  plan: BlockPlan,
  names: { readonly integers: string; readonly scales: string; readonly zeroPoints: string },
): BlockRowTensors {
  const { form, isTransposed } = plan;
  const { dims } = plan.source.tensor;
  const { width, blocks } = blockSizes(dims, isTransposed, form);
  const perBlock = isTransposed ? [width, blocks] : [blocks, width];
  const pass = new RowPass(plan);
  const part = (key: keyof Parameters, byteLength: number): TensorRef['location'] => ({
    kind: 'computed',
    byteLength,
    produce: async function* (signal) {
      const { buffer, byteOffset, byteLength: length } = (await pass.parameters(signal))[key];
      yield new Uint8Array(buffer, byteOffset, length);
    },
  });
  const dataType = typeOf(form);
  const integers = { kind: 'computed' as const, byteLength: bytesFor(elementCount(dims), form) };
  return {
    integers: {
      name: names.integers,
      dataType,
      dims,
      location: { ...integers, produce: (signal) => pass.integers(signal) },
    },
    scales: {
      name: names.scales,
      dataType: DataType.float,
      dims: perBlock,
      location: part('scales', 4 * width * blocks),
    },
    zeroPoints: form.isSymmetric
      ? undefined
      : {
          name: names.zeroPoints,
          dataType,
          dims: perBlock,
          location: part('zeroPoints', bytesFor(width * blocks, form)),
        },
  };
}

class RowPass {
  /** Of the last pass that came to its end, else of one made for them. */
  readonly parameters: (signal?: AbortSignal) => Promise<Parameters>;
  private readonly plan: BlockPlan;
  private found: Parameters | undefined;

  constructor(plan: BlockPlan) {
    this.plan = plan;
    const pass = lazy(async (signal) => {
      const integers = this.integers(signal);
      while ((await integers.next()).done !== true);
    });
    this.parameters = async (signal) => {
      if (this.found === undefined) await pass(signal);
      if (this.found === undefined) throw new RangeError('the pass over the weight ended without parameters');
      return this.found;
    };
  }

  async *integers(signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    const { source, isTransposed, form } = this.plan;
    const { depth, width, blocks } = blockSizes(source.tensor.dims, isTransposed, form);
    const scales = new Float32Array(width * blocks);
    const zeroPoints = new Uint8Array(width * blocks);
    // two rows end at a whole byte whatever their length
    const groups = isTransposed
      ? rowGroups(source, depth, 2, signal)
      : rowGroups(source, width, form.blockSize, signal);
    const { parallel, run } = executor();
    const made = mapOrdered(groups, parallel, ({ start, values }) =>
      run('quantizeBlockRows', { values, start, isTransposed, depth, width, form }),
    );
    let at = 0;
    for await (const rows of made) {
      if (rows.badIndex >= 0) throw notFinite(source, rows.badIndex);
      scales.set(rows.scales, at);
      zeroPoints.set(rows.zeroPoints, at);
      at += rows.scales.length;
      yield rows.integers;
    }
    this.found = { scales, zeroPoints: packed(zeroPoints, form) };
  }
}

function packed(values: Uint8Array, form: BlockForm): Uint8Array {
  const { bits } = form;
  if (bits === 8) return values;
  const made = new Uint8Array(bytesFor(values.length, form));
  values.forEach((v, i) => {
    made[(i * bits) >> 3] = (made[(i * bits) >> 3] as number) | (v << ((i * bits) & 7));
  });
  return made;
}

function bytesFor(count: number, { bits }: BlockForm): number {
  return Math.ceil((count * bits) / 8);
}

const TYPES = {
  2: [DataType.uint2, DataType.int2],
  4: [DataType.uint4, DataType.int4],
  8: [DataType.uint8, DataType.int8],
} as const;

function typeOf({ bits, isSymmetric }: BlockForm): number {
  return TYPES[bits][isSymmetric ? 1 : 0];
}
