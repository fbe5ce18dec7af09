/** Sizes and names of ONNX element types. */
import { OnnxError } from './errors.ts';
import { DataType, type TensorRef } from './model.ts';

/** Bits of one element by data type; types without a fixed size (string, undefined) are missing. */
const BITS: Readonly<Record<number, number>> = {
  [DataType.float]: 32,
  [DataType.uint8]: 8,
  [DataType.int8]: 8,
  [DataType.uint16]: 16,
  [DataType.int16]: 16,
  [DataType.int32]: 32,
  [DataType.int64]: 64,
  [DataType.bool]: 8,
  [DataType.float16]: 16,
  [DataType.double]: 64,
  [DataType.uint32]: 32,
  [DataType.uint64]: 64,
  [DataType.complex64]: 64,
  [DataType.complex128]: 128,
  [DataType.bfloat16]: 16,
  [DataType.float8e4m3fn]: 8,
  [DataType.float8e4m3fnuz]: 8,
  [DataType.float8e5m2]: 8,
  [DataType.float8e5m2fnuz]: 8,
  [DataType.uint4]: 4,
  [DataType.int4]: 4,
  [DataType.float4e2m1]: 4,
  [DataType.float8e8m0]: 8,
  [DataType.uint2]: 2,
  [DataType.int2]: 2,
};

/** The names ONNX's text format and error messages use. */
const NAMES: Readonly<Record<number, string>> = {
  ...Object.fromEntries(Object.entries(DataType).map(([name, value]) => [value, name])),
  [DataType.float]: 'float32',
  [DataType.double]: 'float64',
};

/** 'float32', 'int8', 'float8e4m3fn', …; `type 99` for a number this reader does not know. */
export function dataTypeName(dataType: number): string {
  return NAMES[dataType] ?? `type ${dataType}`;
}

/** Bits of one element: 4 for int4; undefined for strings and for types this reader does not know. */
export function elementBits(dataType: number): number | undefined {
  return BITS[dataType];
}

/**
 * Product of the dims; 1 for a scalar, 0 where any dim is 0.
 * @throws OnnxError kind 'malformed' for a negative dim, 'limit' beyond 2^53 − 1 elements
 */
export function elementCount(dims: readonly number[]): number {
  let count = 1;
  let hasZero = false;
  for (const dim of dims) {
    if (dim < 0) throw new OnnxError('malformed', `dims [${dims.join(', ')}] hold a negative one`);
    if (dim === 0) hasZero = true;
    else count *= dim;
    if (count > Number.MAX_SAFE_INTEGER && !dims.includes(0)) {
      throw new OnnxError('limit', `dims [${dims.join(', ')}] have more than 2^53 elements`);
    }
  }
  return hasZero ? 0 : count;
}

/**
 * Bytes of the tensor as raw_data holds it: elements × bits, rounded up to whole bytes. Where the element size is
 * not known (strings, unknown types): the bytes that are stored for it.
 */
export function tensorByteLength(tensor: Pick<TensorRef, 'dataType' | 'dims' | 'location'>): number {
  return denseByteLength(tensor.dataType, tensor.dims) ?? storedByteLength(tensor);
}

/** Bytes that a tensor of this type and shape takes as raw_data; undefined where the element size is not known. */
export function denseByteLength(dataType: number, dims: readonly number[]): number | undefined {
  const bits = elementBits(dataType);
  if (bits === undefined) return undefined;
  const count = elementCount(dims);
  // in two steps, as count × bits may pass 2^53
  return Math.floor(count / 8) * bits + Math.ceil(((count % 8) * bits) / 8);
}

/** Bytes that are stored for the tensor: of the field's content in the file, of the external range, of the stream. */
export function storedByteLength({ location }: Pick<TensorRef, 'location'>): number {
  switch (location.kind) {
    case 'inline':
      return location.bytes.length;
    case 'file':
      return location.ranges.reduce((sum, r) => sum + r.length, 0);
    case 'external':
      return location.length;
    case 'computed':
      return location.byteLength;
  }
}
