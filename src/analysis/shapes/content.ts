/**
 * Known content of small tensors: read from the file, and computed element by element on formulas. This is how a
 * Reshape after Shape → Gather → Mul → Concat gets its dims.
 */
import { halfToNumber } from '../../onnx/half.ts';
import { DataType } from '../../onnx/model.ts';
import type { TensorRef } from '../../onnx/model.ts';
import type { KnownContent } from '../inference.ts';
import type { Dim } from '../types.ts';
import type { Dims } from './rule.ts';

/** Content is kept for at most so many elements: shapes, axes, sizes and scales are short. */
export const maxContent = 1024;

/** Number of elements where every dim is a number, else undefined. */
export function staticCount(dims: readonly Dim[] | undefined): number | undefined {
  if (dims === undefined) return undefined;
  let n = 1;
  for (const d of dims) {
    if (typeof d !== 'number') return undefined;
    n *= d;
  }
  return n;
}

type Reader = (v: DataView, i: number) => number;
const clamp = (b: bigint) => Number(b > 0n ? (b > maxSafe ? maxSafe : b) : b < -maxSafe ? -maxSafe : b);
const maxSafe = BigInt(Number.MAX_SAFE_INTEGER);

const readers: Readonly<Record<number, readonly [bytes: number, read: Reader]>> = {
  [DataType.float]: [4, (v, i) => v.getFloat32(i * 4, true)],
  [DataType.double]: [8, (v, i) => v.getFloat64(i * 8, true)],
  [DataType.uint8]: [1, (v, i) => v.getUint8(i)],
  [DataType.int8]: [1, (v, i) => v.getInt8(i)],
  [DataType.uint16]: [2, (v, i) => v.getUint16(i * 2, true)],
  [DataType.int16]: [2, (v, i) => v.getInt16(i * 2, true)],
  [DataType.uint32]: [4, (v, i) => v.getUint32(i * 4, true)],
  [DataType.int32]: [4, (v, i) => v.getInt32(i * 4, true)],
  [DataType.int64]: [8, (v, i) => clamp(v.getBigInt64(i * 8, true))],
  [DataType.uint64]: [8, (v, i) => clamp(v.getBigUint64(i * 8, true))],
  [DataType.bool]: [1, (v, i) => (v.getUint8(i) === 0 ? 0 : 1)],
  [DataType.bfloat16]: [2, (v, i) => bfloatToNumber(v, i * 2)],
  [DataType.float16]: [2, (v, i) => halfToNumber(v.getUint16(i * 2, true))],
};

/** Whether {@link readContent} would give the tensor's elements. */
export function hasReadableContent(t: TensorRef): boolean {
  const count = staticCount(t.dims);
  return (
    (t.smallData !== undefined || t.location.kind === 'inline') &&
    readers[t.dataType] !== undefined &&
    count !== undefined &&
    count <= maxContent
  );
}

/** The elements of a small tensor that was read when the model was opened. INT64_MAX and the like become ±(2^53 − 1). */
export function readContent(t: TensorRef): KnownContent | undefined {
  const reader = readers[t.dataType];
  const bytes = t.smallData ?? (t.location.kind === 'inline' ? t.location.bytes : undefined);
  const count = staticCount(t.dims);
  if (reader === undefined || bytes === undefined || count === undefined || count > maxContent)
    return undefined;
  const [size, read] = reader;
  if (bytes.byteLength < count * size) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: count }, (_, i) => read(view, i));
}

/** Type of a small tensor of the file. Its content is read when first asked for: most weights' never is. */
export class StoredTensor {
  readonly kind = 'tensor';
  readonly elemType: number;
  readonly shape: Dims;
  private readonly stored: TensorRef;
  private read: KnownContent | undefined;

  constructor(stored: TensorRef) {
    this.elemType = stored.dataType;
    this.shape = stored.dims;
    this.stored = stored;
  }

  get content(): KnownContent | undefined {
    return (this.read ??= readContent(this.stored));
  }
}

/** The upper half of a float32. */
function bfloatToNumber(v: DataView, at: number): number {
  const wide = new DataView(new ArrayBuffer(4));
  wide.setUint16(2, v.getUint16(at, true), true);
  return wide.getFloat32(0, true);
}

/** For each element of an output of `dims`, the index of the element of an input of `from` that broadcasts to it. */
export function broadcastIndices(from: readonly number[], dims: readonly number[]): number[] {
  const lead = dims.length - from.length;
  const strides = rowMajorStrides(from);
  const count = dims.reduce((n, d) => n * d, 1);
  const at = Array<number>(dims.length).fill(0);
  const indices: number[] = [];
  for (let i = 0; i < count; i++) {
    let index = 0;
    for (let k = 0; k < from.length; k++) if (from[k] !== 1) index += (at[k + lead] ?? 0) * (strides[k] ?? 0);
    indices.push(index);
    for (let k = dims.length - 1; k >= 0; k--) {
      at[k] = (at[k] ?? 0) + 1;
      if ((at[k] ?? 0) < (dims[k] ?? 0)) break;
      at[k] = 0;
    }
  }
  return indices;
}

export function rowMajorStrides(dims: readonly number[]): number[] {
  const strides = Array<number>(dims.length).fill(1);
  for (let k = dims.length - 2; k >= 0; k--) strides[k] = (strides[k + 1] ?? 1) * (dims[k + 1] ?? 1);
  return strides;
}

/** The dims as numbers where every one is a number and there are at most {@link maxContent} elements. */
export function smallStatic(dims: Dims | undefined): readonly number[] | undefined {
  const count = staticCount(dims);
  return count !== undefined && count <= maxContent ? (dims as readonly number[]) : undefined;
}

/** An output's content, where the content of all inputs is known: `f` of the elements that broadcast together. */
export function mapBroadcast(
  inputs: readonly { readonly dims: Dims | undefined; readonly content: KnownContent | undefined }[],
  outputDims: Dims,
  f: (elements: Dim[]) => Dim,
): KnownContent | undefined {
  const dims = smallStatic(outputDims);
  if (dims === undefined) return undefined;
  const parts: { content: KnownContent; indices: number[] }[] = [];
  for (const { dims: from, content } of inputs) {
    const small = smallStatic(from);
    if (small === undefined || content === undefined) return undefined;
    parts.push({ content, indices: broadcastIndices(small, dims) });
  }
  const count = staticCount(dims) ?? 0;
  const out: Dim[] = [];
  for (let i = 0; i < count; i++) {
    const elements: Dim[] = [];
    for (const p of parts) elements.push(p.content[p.indices[i] ?? 0] ?? 0);
    out.push(f(elements));
  }
  return out;
}

/** The content as plain numbers, where every element is one. */
export function asNumbers(content: KnownContent | undefined): readonly number[] | undefined {
  return content?.every((e) => typeof e === 'number') ? content : undefined;
}
