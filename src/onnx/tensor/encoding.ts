/** How TensorProto's typed fields hold elements, and what raw_data would hold instead. */
import { DataType, type TensorEncoding } from '../model.ts';

/** TensorProto's data fields. */
export const DATA_FIELDS: Readonly<Record<TensorEncoding, number>> = {
  float: 4,
  int32: 5,
  string: 6,
  int64: 7,
  raw: 9,
  double: 10,
  uint64: 11,
};

const TYPED: Readonly<Record<number, TensorEncoding>> = {
  [DataType.float]: 'float',
  [DataType.complex64]: 'float',
  [DataType.double]: 'double',
  [DataType.complex128]: 'double',
  [DataType.int64]: 'int64',
  [DataType.uint64]: 'uint64',
  [DataType.uint32]: 'uint64',
  [DataType.string]: 'string',
};

/** The typed field that holds elements of this type; int32_data for the small ones, and for types of the future. */
export function typedEncoding(dataType: number): TensorEncoding {
  return TYPED[dataType] ?? 'int32';
}

const WIDE_ENTRIES: Readonly<Record<number, number>> = {
  [DataType.int32]: 4,
  [DataType.int64]: 8,
  [DataType.uint64]: 8,
  [DataType.uint32]: 4,
  [DataType.int16]: 2,
  [DataType.uint16]: 2,
  [DataType.float16]: 2,
  [DataType.bfloat16]: 2,
};

/**
 * Bytes of raw_data that one varint of a typed field stands for: 2 for float16, whose bit pattern it is; 1 for int4,
 * of which it holds two elements.
 */
export function varintEntryBytes(dataType: number): number {
  return WIDE_ENTRIES[dataType] ?? 1;
}
