/** TensorProto and SparseTensorProto. Large data are skipped: the window is filled anew behind them. */
import { trimmed } from '../bytes.ts';
import { denseByteLength } from '../datatype.ts';
import { MAX_RANK, SMALL_TENSOR_BYTES } from '../limits.ts';
import type { ParsedRange } from '../pristine.ts';
import type { FileBytes, SparseTensorRef, StringEntry, TensorRef } from '../model.ts';
import type { Cursor } from '../wire/cursor.ts';
import { FIELD_BYTES, fieldSet, fixed32, fixed64, len, varint, type Step } from '../wire/keys.ts';
import { inWindow } from '../wire/drive.ts';
import { keepField, keepFieldInWindow } from '../wire/kept.ts';
import { readEntry } from './entry.ts';
import { externalLocation } from './external.ts';
import { TensorData } from './tensor-data.ts';

const DIM = varint(1);
const DIMS = len(1);
const DATA_TYPE = varint(2);
const NAME = len(8);
const DOC_STRING = len(12);
const EXTERNAL_DATA = len(13);
const DATA_LOCATION = varint(14);
const METADATA = len(16);
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

/** All of the tensor is in the window. */
export function readTensor(c: Cursor, field: string, index?: number): TensorRef {
  const range = c.enter(field, index);
  const parts = new TensorParts(c);
  while (c.hasField()) {
    const key = c.next();
    if (parts.take(key)) continue;
    if (key === DIMS) inWindow(readDims(c, parts.dims));
    else if (key === EXTERNAL_DATA || key === METADATA) inWindow(parts.addEntry(key));
    else if (DATA_KEYS.has(key)) parts.data.add();
    else parts.unknownFields = keepFieldInWindow(c, parts.unknownFields);
  }
  return parts.finish(range);
}

/** Data that are worth reading are asked for, others skipped. */
export function* readTensorInSteps(c: Cursor, field: string, index?: number): Step<TensorRef> {
  if (c.hasContent) return readTensor(c, field, index);
  const range = c.enter(field, index);
  const parts = new TensorParts(c);
  while (c.hasField()) {
    if (c.isShort) yield FIELD_BYTES;
    const key = c.next();
    if (c.lacksText(TEXTS)) yield c.length;
    if (parts.take(key)) continue;
    if (key === DIMS) yield* readDims(c, parts.dims);
    else if (key === EXTERNAL_DATA || key === METADATA) yield* parts.addEntry(key);
    else if (DATA_KEYS.has(key)) {
      if (parts.data.isWorthReading && c.lacks()) yield c.length;
      parts.data.add();
    } else parts.unknownFields = yield* keepField(c, parts.unknownFields);
  }
  return parts.finish(range);
}

class TensorParts {
  readonly dims: number[] = [];
  readonly data: TensorData;
  unknownFields: FileBytes[] | undefined;
  private readonly c: Cursor;
  private name = '';
  private dataType = 0;
  private isExternal = false;
  private docString: string | undefined;
  private external: StringEntry[] | undefined;
  private metadata: StringEntry[] | undefined;

  constructor(c: Cursor) {
    this.c = c;
    this.data = new TensorData(c);
  }

  /** Takes a field that is a number or a string; false where it is another. */
  take(key: number): boolean {
    const { c } = this;
    switch (key) {
      case DIM:
        addDim(c, this.dims);
        return true;
      case DATA_TYPE:
        this.dataType = c.int32;
        return true;
      case NAME:
        this.name = c.string();
        return true;
      case DOC_STRING:
        this.docString = c.string();
        return true;
      case DATA_LOCATION:
        this.isExternal = c.int32 === EXTERNAL;
        return true;
      default:
        return false;
    }
  }

  *addEntry(key: number): Step<void> {
    const isExternal = key === EXTERNAL_DATA;
    const list = isExternal ? (this.external ??= []) : (this.metadata ??= []);
    list.push(yield* readEntry(this.c, isExternal ? 'external_data' : 'metadata_props', list.length));
  }

  finish(range: ParsedRange): TensorRef {
    const { c, name, dataType, dims, data, docString, metadata } = this;
    const byteLength = checkedByteLength(c, dataType, dims);
    const stored = data.resolve(this.isExternal ? undefined : dataType, this.unknownFields);
    const location = this.isExternal ? externalLocation(c, this.external ?? [], byteLength) : stored.location;
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
    if (tensor.smallData === undefined) c.unreadTensors.push(tensor);
    c.leave(range, tensor);
    return tensor;
  }
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
        values = yield* readTensorInSteps(c, 'values');
        break;
      case len(2):
        indices = yield* readTensorInSteps(c, 'indices');
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
