/** AttributeProto: one of fourteen kinds of value, named by a type that comes after it in the file. */
import type { Attribute, FileBytes, Graph, SparseTensorRef, TensorRef, TypeInfo } from '../model.ts';
import type { Cursor } from '../wire/cursor.ts';
import { FIELD_BYTES, fieldSet, fixed32, len, varint, type Step } from '../wire/keys.ts';
import { inWindow } from '../wire/drive.ts';
import { keepField, keepFieldInWindow, keepRange } from '../wire/kept.ts';
import type { ParsedRange } from '../pristine.ts';
import { trimmed } from '../bytes.ts';
import { ATTRIBUTE_KINDS, type AttributeKind } from '../attribute-kinds.ts';
import { isShared, mayBeShared } from './attribute-set.ts';
import { readGraph } from './graph.ts';
import { readSparseTensor, readTensorInSteps } from './tensor.ts';
import { readType } from './type.ts';

const NAME = len(1);
const FLOAT = fixed32(2);
const INT = varint(3);
const STRING = len(4);
const TENSOR = len(5);
const GRAPH = len(6);
const PACKED_FLOATS = len(7);
const FLOAT_OF_LIST = fixed32(7);
const PACKED_INTS = len(8);
const INT_OF_LIST = varint(8);
const STRINGS = len(9);
const TENSORS = len(10);
const GRAPHS = len(11);
const DOC_STRING = len(13);
const TYPE_PROTO = len(14);
const TYPE_PROTOS = len(15);
const TYPE = varint(20);
const REF_ATTR_NAME = len(21);
const SPARSE_TENSOR = len(22);
const SPARSE_TENSORS = len(23);
const TEXTS = fieldSet(1, 4, 9, 13, 21);

/** Values as they come in, by kind; and where their fields lie. */
interface Values {
  float?: number;
  int?: bigint;
  string?: Uint8Array;
  tensor?: TensorRef;
  graph?: Graph;
  sparseTensor?: SparseTensorRef;
  type?: TypeInfo;
  floats?: number[];
  ints?: bigint[];
  strings?: Uint8Array[];
  tensors?: TensorRef[];
  graphs?: Graph[];
  sparseTensors?: SparseTensorRef[];
  types?: TypeInfo[];
}

/** All of the attribute, which is one of a node, is in the window. See {@link isShared}. */
export function readAttribute(c: Cursor, field: string, index: number): Attribute {
  if (!mayBeShared(c.length)) return readInWindow(c, field, index);
  const key = c.contentKey();
  const known = c.attributes.get(key);
  if (known !== undefined) {
    c.skip();
    return known;
  }
  const attribute = readInWindow(c, field, index);
  if (isShared(attribute)) c.attributes.set(key, attribute);
  return attribute;
}

function readInWindow(c: Cursor, field: string, index: number): Attribute {
  const range = c.enter(field, index);
  const parts = new AttributeParts();
  while (c.hasField()) {
    const key = c.next();
    if (parts.take(c, key)) continue;
    const start = c.fieldStart;
    const kind = readSingle(c, key, parts.values) ?? inWindow(readValue(c, key, parts.values));
    if (kind === undefined) parts.unknownFields = keepFieldInWindow(c, parts.unknownFields);
    else parts.add(kind, start, c.offset);
  }
  return parts.finish(c, range);
}

export function* readAttributeInSteps(c: Cursor, field: string, index: number): Step<Attribute> {
  const range = c.enter(field, index);
  const parts = new AttributeParts();
  while (c.hasField()) {
    if (c.isShort) yield FIELD_BYTES;
    const key = c.next();
    if (c.lacksText(TEXTS)) yield c.length;
    if (parts.take(c, key)) continue;
    const start = c.fieldStart;
    const kind = readSingle(c, key, parts.values) ?? (yield* readValue(c, key, parts.values));
    if (kind === undefined) parts.unknownFields = yield* keepField(c, parts.unknownFields);
    else parts.add(kind, start, c.offset);
  }
  return parts.finish(c, range);
}

class AttributeParts {
  readonly values: Values = {};
  unknownFields: FileBytes[] | undefined;
  /** Fields of values; of those of a second kind, which hold no value by ONNX's rules, the bytes are kept. */
  private readonly places: { kind: AttributeKind; start: number; end: number }[] = [];
  private name = '';
  private refName = '';
  private attributeType = 0;
  private docString: string | undefined;

  /** Takes a field that tells of the attribute; false where it holds a value, or is unknown. */
  take(c: Cursor, key: number): boolean {
    switch (key) {
      case NAME:
        this.name = c.string();
        return true;
      case TYPE:
        this.attributeType = c.int32;
        return true;
      case DOC_STRING:
        this.docString = c.string();
        return true;
      case REF_ATTR_NAME:
        this.refName = c.string();
        return true;
      default:
        return false;
    }
  }

  /** A field of a value of this kind was read. */
  add(kind: AttributeKind, start: number, end: number): void {
    const last = this.places.at(-1);
    if (last?.kind === kind && last.end === start) last.end = end;
    else this.places.push({ kind, start, end });
  }

  finish(c: Cursor, range: ParsedRange): Attribute {
    const { name, refName, attributeType, docString, places } = this;
    const kind = refName === '' ? kindOf(attributeType, places[0]?.kind) : undefined;
    for (const place of places) {
      if (place.kind !== kind) this.unknownFields = keepRange(c, this.unknownFields, place.start, place.end);
    }
    const { unknownFields } = this;
    const attribute: Attribute =
      refName !== ''
        ? { name, docString, unknownFields, range, kind: 'ref', refName, attributeType }
        : kind === undefined
          ? { name, docString, unknownFields, range, kind: 'unknown', attributeType }
          : // one literal for all kinds: so all attributes have one form in memory
            ({
              name,
              docString,
              unknownFields,
              range,
              kind,
              value: valueOf(c, kind, this.values),
            } as Attribute);
    c.leave(range, attribute);
    return attribute;
  }
}

/** Before IR version 2 there was no type; the value's field tells it. */
function kindOf(attributeType: number, present: AttributeKind | undefined): AttributeKind | undefined {
  return attributeType === 0 ? present : ATTRIBUTE_KINDS[attributeType];
}

/** A value left out is the default of its field: 0, '' or an empty list; messages have none. */
function valueOf(c: Cursor, kind: AttributeKind, v: Values): unknown {
  switch (kind) {
    case 'float':
      return v.float ?? 0;
    case 'int':
      return v.int ?? 0n;
    case 'string':
      return v.string ?? new Uint8Array(0);
    case 'tensor':
    case 'graph':
    case 'sparseTensor':
    case 'type':
      return required(c, v[kind]);
    case 'floats':
      return trimmed(v.floats ?? []);
    case 'ints':
      return trimmed(v.ints ?? []);
    default:
      return v[kind] ?? [];
  }
}

function required<T>(c: Cursor, value: T | undefined): T {
  if (value === undefined) throw c.error('malformed', 'an attribute lacks the value that its type announces');
  return value;
}

/** What needs no further step: a number, or a string that is in the window. Undefined where the field is none. */
function readSingle(c: Cursor, key: number, values: Values): AttributeKind | undefined {
  switch (key) {
    case INT:
      values.int = c.bigint;
      return 'int';
    case INT_OF_LIST:
      c.countElement();
      (values.ints ??= []).push(c.bigint);
      return 'ints';
    case FLOAT:
      values.float = c.float32;
      return 'float';
    case STRING:
      values.string = c.bytes();
      return 'string';
    case STRINGS:
      c.countObject();
      (values.strings ??= []).push(c.bytes());
      return 'strings';
    default:
      return undefined;
  }
}

/** Reads the other fields of values into `values`; undefined where the field holds no value of an attribute. */
function* readValue(c: Cursor, key: number, values: Values): Step<AttributeKind | undefined> {
  switch (key) {
    case PACKED_INTS:
      yield* readInts(c, (values.ints ??= []));
      return 'ints';
    case PACKED_FLOATS:
    case FLOAT_OF_LIST:
      yield* readFloats(c, (values.floats ??= []));
      return 'floats';
    case TENSOR:
      refuseSecond(c, values.tensor);
      values.tensor = yield* readTensorInSteps(c, 't');
      return 'tensor';
    case GRAPH:
      refuseSecond(c, values.graph);
      values.graph = yield* readGraph(c, 'g');
      return 'graph';
    case TYPE_PROTO:
      values.type = yield* readType(c, 'tp');
      return 'type';
    case SPARSE_TENSOR:
      refuseSecond(c, values.sparseTensor);
      values.sparseTensor = yield* readSparseTensor(c, 'sparse_tensor');
      return 'sparseTensor';
    default:
      return yield* readAttributeList(c, key, values);
  }
}

function* readAttributeList(c: Cursor, key: number, values: Values): Step<AttributeKind | undefined> {
  switch (key) {
    case TENSORS:
      (values.tensors ??= []).push(yield* readTensorInSteps(c, 'tensors', values.tensors.length));
      return 'tensors';
    case GRAPHS:
      (values.graphs ??= []).push(yield* readGraph(c, 'graphs', values.graphs.length));
      return 'graphs';
    case TYPE_PROTOS:
      (values.types ??= []).push(yield* readType(c, 'type_protos', values.types.length));
      return 'types';
    case SPARSE_TENSORS:
      (values.sparseTensors ??= []).push(
        yield* readSparseTensor(c, 'sparse_tensors', values.sparseTensors.length),
      );
      return 'sparseTensors';
    default:
      return undefined;
  }
}

function* readFloats(c: Cursor, floats: number[]): Step<void> {
  const end = c.offset + c.length;
  while (c.offset < end) {
    if (c.isShort) yield FIELD_BYTES;
    c.countElement();
    floats.push(c.float32);
  }
  if (c.offset !== end) throw c.error('malformed', 'a list ends inside a number');
}

function* readInts(c: Cursor, ints: bigint[]): Step<void> {
  const end = c.offset + c.length;
  while (c.offset < end) {
    if (c.isShort) yield FIELD_BYTES;
    c.packedVarint();
    c.countElement();
    ints.push(c.bigint);
  }
  if (c.offset !== end) throw c.error('malformed', 'a list ends inside a number');
}

/** Protobuf would merge two messages in one place; no exporter writes such, and guessing what was meant helps nobody. */
function refuseSecond(c: Cursor, first: object | undefined): void {
  if (first !== undefined) throw c.error('unsupported', 'a value is given twice');
}
