/** TensorProto and SparseTensorProto. Large data are skipped: the window is filled anew behind them. */
import { trimmed } from '../bytes.ts';
import { denseByteLength } from '../datatype.ts';
import { MAX_RANK, SMALL_TENSOR_BYTES } from '../limits.ts';
import type { FileBytes, SparseTensorRef, StringEntry, TensorRef } from '../model.ts';
import {
  FIELD_BYTES,
  fieldSet,
  fixed32,
  fixed64,
  len,
  varint,
  type Cursor,
  type Step,
} from '../wire/cursor.ts';
import { keepField } from '../wire/kept.ts';
import { readEntry } from './entry.ts';
import { externalLocation } from './external.ts';
import { TensorData } from './tensor-data.ts';

const TEXTS = fieldSet(8, 12);
/** The data fields: packed, raw or strings; and single numbers, where they are not packed. */
const DATA_KEYS = new Set([
  ...[4, 5, 6, 7, 9, 10, 11].map(len),
  fixed32(4),
  varint(5),
  varint(7),
  fixed64(10),
  varint(11),
]);
/** TensorProto.DataLocation.EXTERNAL */
const EXTERNAL = 1;

export function* readTensorRef(c: Cursor, field: string, index?: number): Step<TensorRef> {
  const range = c.enter(field, index);
  const dims: number[] = [];
  const data = new TensorData(c);
  let name = '';
  let dataType = 0;
  let dataLocation = 0;
  let external: StringEntry[] | undefined;
  let docString: string | undefined;
  let metadata: StringEntry[] | undefined;
  let unknownFields: FileBytes[] | undefined;
  while (c.hasField()) {
    if (c.isShort) yield FIELD_BYTES;
    const key = c.next();
    if (c.lacksText(TEXTS)) yield c.length;
    switch (key) {
      case varint(1):
      case len(1):
        yield* readDims(c, dims);
        break;
      case varint(2):
        dataType = c.int32;
        break;
      case len(8):
        name = c.string();
        break;
      case len(12):
        docString = c.string();
        break;
      case len(13):
        (external ??= []).push(yield* readEntry(c, 'external_data', external.length));
        break;
      case varint(14):
        dataLocation = c.int32;
        break;
      case len(16):
        (metadata ??= []).push(yield* readEntry(c, 'metadata_props', metadata.length));
        break;
      default:
        if (DATA_KEYS.has(key)) {
          if (data.isWorthReading && c.lacks()) yield c.length;
          data.add();
        } else unknownFields = yield* keepField(c, unknownFields);
    }
  }
  const byteLength = checkedByteLength(c, dataType, dims);
  const isExternal = dataLocation === EXTERNAL;
  const stored = data.resolve(isExternal ? undefined : dataType, unknownFields);
  const location = isExternal ? externalLocation(c, external ?? [], byteLength) : stored.location;
  const isSmall = byteLength !== undefined && byteLength <= SMALL_TENSOR_BYTES;
  const tensor: TensorRef = {
    name,
    dataType,
    dims: trimmed(dims),
    location,
    smallData: isSmall ? data.decoded(location, dataType, byteLength) : undefined,
    docString,
    metadata,
    unknownFields: stored.unknownFields,
    range,
  };
  c.leave(range, tensor);
  return tensor;
}

export function* readSparseTensor(c: Cursor, field: string, index?: number): Step<SparseTensorRef> {
  const range = c.enter(field, index);
  const dims: number[] = [];
  let values: TensorRef | undefined;
  let indices: TensorRef | undefined;
  let unknownFields: FileBytes[] | undefined;
  while (c.hasField()) {
    if (c.isShort) yield FIELD_BYTES;
    switch (c.next()) {
      case len(1):
        values = yield* readTensorRef(c, 'values');
        break;
      case len(2):
        indices = yield* readTensorRef(c, 'indices');
        break;
      case varint(3):
      case len(3):
        yield* readDims(c, dims);
        break;
      default:
        unknownFields = yield* keepField(c, unknownFields);
    }
  }
  if (values === undefined || indices === undefined) {
    throw c.error('malformed', 'a sparse tensor needs values and indices');
  }
  const tensor: SparseTensorRef = { values, indices, dims, unknownFields, range };
  c.leave(range, tensor);
  return tensor;
}

/** The repeated int64 just read by `next()`: one varint, or a packed run. */
function* readDims(c: Cursor, dims: number[]): Step<void> {
  if (c.wire === 0) {
    addDim(c, dims);
    return;
  }
  const end = c.offset + c.length;
  while (c.offset < end) {
    if (c.isShort) yield FIELD_BYTES;
    c.packedVarint();
    addDim(c, dims);
  }
  if (c.offset !== end) throw c.error('malformed', 'the dims end inside a number');
}

function addDim(c: Cursor, dims: number[]): void {
  if (dims.length >= MAX_RANK) throw c.error('limit', `a tensor has more than ${MAX_RANK} dims`);
  dims.push(c.int);
}

function checkedByteLength(c: Cursor, dataType: number, dims: readonly number[]): number | undefined {
  return c.locate(() => denseByteLength(dataType, dims));
}
