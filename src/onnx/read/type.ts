/** ValueInfoProto and TypeProto. */
import { trimmed } from '../bytes.ts';
import { MAX_RANK, MAX_TYPE_BYTES } from '../limits.ts';
import type { DeclaredDim, FileBytes, StringEntry, TypeInfo, Value } from '../model.ts';
import type { Cursor } from '../wire/cursor.ts';
import { FIELD_BYTES, len, varint, type Step } from '../wire/keys.ts';
import { keepField, keepFieldInWindow } from '../wire/kept.ts';
import { readEntry } from './entry.ts';

export function* readValue(c: Cursor, field: string, index: number): Step<Value> {
  const range = c.enter(field, index);
  let name = '';
  let type: TypeInfo | undefined;
  let docString: string | undefined;
  let metadata: StringEntry[] | undefined;
  let unknownFields: FileBytes[] | undefined;
  while (c.hasField()) {
    if (c.isShort) yield FIELD_BYTES;
    switch (c.next()) {
      case len(1):
        if (c.lacks()) yield c.length;
        name = c.string();
        break;
      case len(2):
        type = yield* readType(c, 'type');
        break;
      case len(3):
        if (c.lacks()) yield c.length;
        docString = c.string();
        break;
      case len(4):
        (metadata ??= []).push(yield* readEntry(c, 'metadata_props', metadata.length));
        break;
      default:
        unknownFields = yield* keepField(c, unknownFields);
    }
  }
  const value: Value = { name, type, docString, metadata, unknownFields, range };
  c.leave(range, value);
  return value;
}

/** Longer ones are hardly ever the same. */
const LONGEST_SHARED_BYTES = 128;

/**
 * The whole type is small, and read without further steps once it is in the window. Of types that are the same, byte
 * for byte, all get the one object, as the values of a graph have few types: that halves what a value takes.
 */
export function* readType(c: Cursor, field: string, index?: number): Step<TypeInfo> {
  if (c.length > MAX_TYPE_BYTES) {
    throw c.error('limit', `a type of ${c.length} bytes is longer than ${MAX_TYPE_BYTES} bytes`);
  }
  if (c.lacks()) yield c.length;
  if (c.length > LONGEST_SHARED_BYTES) return readTypeInWindow(c, field, index);
  const key = c.contentKey();
  const known = c.types.get(key);
  if (known !== undefined) {
    c.skip();
    return known;
  }
  const type = readTypeInWindow(c, field, index);
  c.types.set(key, type);
  return type;
}

type Writable<T> = T extends T ? { -readonly [K in keyof T]: T[K] } : never;

/** Of a oneof that is given twice, the last one counts. */
function readTypeInWindow(c: Cursor, field: string, index?: number): TypeInfo {
  const range = c.enter(field, index);
  let type: Writable<TypeInfo> = { kind: 'other' };
  let unknownFields: FileBytes[] | undefined;
  while (c.hasField()) {
    switch (c.next()) {
      case len(1):
        type = readTensorType(c, 'tensor');
        break;
      case len(8):
        type = readTensorType(c, 'sparseTensor');
        break;
      case len(4):
        type = { kind: 'sequence', elem: readElementType(c, 'sequence_type') };
        break;
      case len(9):
        type = { kind: 'optional', elem: readElementType(c, 'optional_type') };
        break;
      case len(5):
        type = readMapType(c);
        break;
      default:
        unknownFields = keepFieldInWindow(c, unknownFields);
    }
  }
  type.unknownFields = unknownFields;
  type.range = range;
  c.leave(range, type);
  return type;
}

function readTensorType(c: Cursor, kind: 'tensor' | 'sparseTensor'): TypeInfo {
  const range = c.enter(kind === 'tensor' ? 'tensor_type' : 'sparse_tensor_type');
  let elemType = 0;
  let shape: readonly DeclaredDim[] | undefined;
  while (c.hasField()) {
    switch (c.next()) {
      case varint(1):
        elemType = c.int32;
        break;
      case len(2):
        shape = readShape(c);
        break;
      default:
        keepFieldInWindow(c, undefined);
    }
  }
  c.leave(range);
  return { kind, elemType, shape };
}

function readShape(c: Cursor): readonly DeclaredDim[] {
  const range = c.enter('shape');
  const dims: DeclaredDim[] = [];
  while (c.hasField()) {
    if (c.next() === len(1)) {
      if (dims.length >= MAX_RANK) throw c.error('limit', `a shape has more than ${MAX_RANK} dims`);
      dims.push(readDim(c, dims.length));
    } else keepFieldInWindow(c, undefined);
  }
  c.leave(range);
  return trimmed(dims);
}

/** Exporters write −1, and an empty symbol, for a dim that they do not know. */
function readDim(c: Cursor, index: number): DeclaredDim {
  const range = c.enter('dim', index);
  let size = -1;
  let symbol = '';
  let denotation: string | undefined;
  while (c.hasField()) {
    switch (c.next()) {
      case varint(1):
        size = c.int;
        symbol = '';
        break;
      case len(2):
        symbol = c.string();
        size = -1;
        break;
      case len(3):
        denotation = c.string();
        break;
      default:
        keepFieldInWindow(c, undefined);
    }
  }
  c.leave(range);
  const dim = size >= 0 ? sizeDim(size) : symbolDim(symbol);
  return denotation === undefined ? dim : { ...dim, denotation };
}

const NO_DIM: DeclaredDim = { kind: 'none' };
/** Dims repeat by the thousand; as nobody changes them, one object does for all. */
const SIZES = Array.from({ length: 8193 }, (_, size): DeclaredDim => ({ kind: 'size', size }));

function sizeDim(size: number): DeclaredDim {
  return SIZES[size] ?? { kind: 'size', size };
}

function symbolDim(symbol: string): DeclaredDim {
  return symbol === '' ? NO_DIM : { kind: 'symbol', symbol };
}

/** TypeProto.Sequence and TypeProto.Optional. */
function readElementType(c: Cursor, field: string): TypeInfo | undefined {
  const range = c.enter(field);
  let elem: TypeInfo | undefined;
  while (c.hasField()) {
    if (c.next() === len(1)) elem = readTypeInWindow(c, 'elem_type');
    else keepFieldInWindow(c, undefined);
  }
  c.leave(range);
  return elem;
}

function readMapType(c: Cursor): TypeInfo {
  const range = c.enter('map_type');
  let keyType = 0;
  let value: TypeInfo | undefined;
  while (c.hasField()) {
    switch (c.next()) {
      case varint(1):
        keyType = c.int32;
        break;
      case len(2):
        value = readTypeInWindow(c, 'value_type');
        break;
      default:
        keepFieldInWindow(c, undefined);
    }
  }
  c.leave(range);
  return { kind: 'map', keyType, value };
}
