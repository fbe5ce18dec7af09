/** A weight with exactly k of its elements set to zero, chosen in a stream: 256 KiB of memory whatever its size. */
import { elementCount } from '../../onnx/index.ts';
import { DataType, type TensorRef } from '../../onnx/model.ts';
import { executor } from '../executor.ts';
import {
  BFLOAT16_BITS,
  binOfRank,
  FLOAT16_BITS,
  FLOAT32_BITS,
  hashText,
  type FloatBits,
  type KeyKind,
} from '../kernels/select.ts';
import { withOriginal } from '../weights/original.ts';
import { elementChunks, lazy, mapOrdered, notFinite, type WeightSource } from '../weights/stream.ts';

/** Element types that can be pruned. */
export const PRUNABLE: ReadonlyMap<number, FloatBits> = new Map([
  [DataType.float, FLOAT32_BITS],
  [DataType.float16, FLOAT16_BITS],
  [DataType.bfloat16, BFLOAT16_BITS],
]);

export interface ZeroPlan {
  readonly source: WeightSource;
  readonly method: 'magnitude' | 'random';
  /** How many elements become zero. */
  readonly count: number;
  readonly seed: number;
}

/** Elements that become zero: the nearest whole number to ratio · n. */
export function zeroCount(dims: readonly number[], ratio: number): number {
  return Math.round(ratio * elementCount(dims));
}

/** The pruned tensor under `name`; its data are made when they are read. */
export function zeroedTensor(plan: ZeroPlan, name: string): TensorRef {
  const { tensor } = plan.source;
  const type = PRUNABLE.get(tensor.dataType) ?? FLOAT32_BITS;
  const keys = {
    type,
    kind: (plan.method === 'random' ? 'hash' : 'magnitude') satisfies KeyKind,
    // layers of one shape must not lose the same elements
    seed: hashText(plan.source.name, plan.seed),
  } as const;
  const selection = lazy((signal) => selectElements(plan, keys, signal));
  return zeroedBy(plan, keys, selection, name);
}

/** The weight without what `selection` says, once it is asked for. */
export function zeroedBy(
  plan: Pick<ZeroPlan, 'source'>,
  keys: Keys,
  selection: (signal?: AbortSignal) => Promise<Selection>,
  name: string,
): TensorRef {
  const { tensor } = plan.source;
  const { type } = keys;
  const made: TensorRef = {
    name,
    dataType: tensor.dataType,
    dims: tensor.dims,
    location: {
      kind: 'computed',
      byteLength: elementCount(tensor.dims) * type.elementBytes,
      produce: (signal) => zeroed(plan, keys, selection, signal),
    },
  };
  return withOriginal(made, tensor);
}

export interface Keys {
  readonly type: FloatBits;
  readonly kind: KeyKind;
  readonly seed: number;
}

/** Keys below `threshold` go, and the first `ties` of those equal to it. */
export interface Selection {
  readonly threshold: number;
  readonly ties: number;
}

async function selectElements(plan: ZeroPlan, keys: Keys, signal?: AbortSignal): Promise<Selection> {
  const { count, source } = plan;
  if (count === 0) return { threshold: 0, ties: 0 };
  const upper = binOfRank(await histogram(source, keys, undefined, signal), count);
  // 16-bit magnitudes have nothing in the lower half
  const lower = binOfRank(await histogram(source, keys, upper.bin, signal), count - upper.below);
  const threshold = upper.bin * 65536 + lower.bin;
  return { threshold, ties: count - upper.below - lower.below };
}

export async function histogram(
  source: WeightSource,
  keys: Keys,
  upper: number | undefined,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const { parallel, run } = executor();
  const sum = new Float64Array(65536);
  const chunks = elementChunks(source, keys.type.elementBytes, signal);
  const counts = mapOrdered(chunks, parallel, (chunk) => run('keyHistogram', { ...chunk, ...keys, upper }));
  for await (const c of counts) c.forEach((n, bin) => (sum[bin] = (sum[bin] as number) + n));
  return sum;
}

async function* zeroed(
  plan: Pick<ZeroPlan, 'source'>,
  keys: Keys,
  selection: (signal?: AbortSignal) => Promise<Selection>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { threshold, ties } = await selection(signal);
  const { run } = executor();
  let left = ties;
  // one after the other: how many ties are left is known only when the chunk before is done
  for await (const chunk of elementChunks(plan.source, keys.type.elementBytes, signal)) {
    const done = await run('zeroSelected', { ...chunk, ...keys, threshold, ties: left });
    if (done.badIndex >= 0) throw notFinite(plan.source, done.badIndex);
    left = Math.max(0, left - done.tiesMet);
    yield done.bytes;
  }
}
