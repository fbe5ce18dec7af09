/** AttributeProto: one of fourteen kinds of value, named by a type that comes after it in the file. */
import type { Attribute, FileBytes, Graph, SparseTensorRef, TensorRef, TypeInfo } from '../model.ts';
import { FIELD_BYTES, fixed32, len, varint, type Cursor, type Step } from '../wire/cursor.ts';
import { keepField, keepRange } from '../wire/kept.ts';
import { trimmed } from '../bytes.ts';
import { ATTRIBUTE_KINDS, type AttributeKind } from '../attribute-kinds.ts';
import { readGraph } from './graph.ts';
import { readSparseTensor, readTensorRef } from './tensor.ts';
import { readType } from './type.ts';

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

export function* readAttribute(c: Cursor, field: string, index: number): Step<Attribute> {
  const range = c.enter(field, index);
  const values: Values = {};
  /** Fields of a second kind: they hold no value by ONNX's rules, but are kept. */
  const places: { kind: AttributeKind; start: number; end: number }[] = [];
  let name = '';
  let refName = '';
  let attributeType = 0;
  let docString: string | undefined;
  let unknownFields: FileBytes[] | undefined;
  while (c.hasField()) {
    if (c.isShort) yield FIELD_BYTES;
    const key = c.next();
    switch (key) {
      case len(1):
        if (c.lacks()) yield c.length;
        name = c.string();
        break;
      case len(13):
        if (c.lacks()) yield c.length;
        docString = c.string();
        break;
      case varint(20):
        attributeType = c.int32;
        break;
      case len(21):
        if (c.lacks()) yield c.length;
        refName = c.string();
        break;
      default: {
        const start = c.fieldStart;
        const kind = yield* readAttributeValue(c, key, values);
        if (kind === undefined) unknownFields = yield* keepField(c, unknownFields);
        else {
          const last = places.at(-1);
          if (last?.kind === kind && last.end === start) last.end = c.offset;
          else places.push({ kind, start, end: c.offset });
        }
      }
    }
  }
  const kind = refName === '' ? kindOf(attributeType, places[0]?.kind) : undefined;
  for (const place of places) {
    if (place.kind !== kind) unknownFields = keepRange(c, unknownFields, place.start, place.end);
  }
  const base = { name, docString, unknownFields, range };
  const attribute: Attribute =
    refName !== ''
      ? { ...base, kind: 'ref', refName, attributeType }
      : content(c, base, kind, values, attributeType);
  c.leave(range, attribute);
  return attribute;
}

/** Before IR version 2 there was no type; the value's field tells it. */
function kindOf(attributeType: number, present: AttributeKind | undefined): AttributeKind | undefined {
  return attributeType === 0 ? present : ATTRIBUTE_KINDS[attributeType];
}

type Base = Pick<Attribute, 'name' | 'docString' | 'unknownFields' | 'range'>;

/** A value left out is the default of its field: 0, '' or an empty list; messages have none. */
function content(
  c: Cursor,
  base: Base,
  kind: AttributeKind | undefined,
  v: Values,
  attributeType: number,
): Attribute {
  switch (kind) {
    case 'float':
      return { ...base, kind, value: v.float ?? 0 };
    case 'int':
      return { ...base, kind, value: v.int ?? 0n };
    case 'string':
      return { ...base, kind, value: v.string ?? new Uint8Array(0) };
    case 'tensor':
      return { ...base, kind, value: required(c, v.tensor) };
    case 'graph':
      return { ...base, kind, value: required(c, v.graph) };
    case 'sparseTensor':
      return { ...base, kind, value: required(c, v.sparseTensor) };
    case 'type':
      return { ...base, kind, value: required(c, v.type) };
    case 'floats':
      return { ...base, kind, value: trimmed(v.floats ?? []) };
    case 'ints':
      return { ...base, kind, value: trimmed(v.ints ?? []) };
    case 'strings':
      return { ...base, kind, value: v.strings ?? [] };
    case 'tensors':
      return { ...base, kind, value: v.tensors ?? [] };
    case 'graphs':
      return { ...base, kind, value: v.graphs ?? [] };
    case 'sparseTensors':
      return { ...base, kind, value: v.sparseTensors ?? [] };
    case 'types':
      return { ...base, kind, value: v.types ?? [] };
    case undefined:
      return { ...base, kind: 'unknown', attributeType };
  }
}

function required<T>(c: Cursor, value: T | undefined): T {
  if (value === undefined) throw c.error('malformed', 'an attribute lacks the value that its type announces');
  return value;
}

/** Reads the field just read by `next()` into `values`; undefined where it holds no value of an attribute. */
function* readAttributeValue(c: Cursor, key: number, values: Values): Step<AttributeKind | undefined> {
  switch (key) {
    case fixed32(2):
      values.float = c.float32;
      return 'float';
    case varint(3):
      values.int = c.bigint;
      return 'int';
    case len(4):
      if (c.lacks()) yield c.length;
      values.string = c.bytes();
      return 'string';
    case len(5):
      refuseSecond(c, values.tensor);
      values.tensor = yield* readTensorRef(c, 't');
      return 'tensor';
    case len(6):
      refuseSecond(c, values.graph);
      values.graph = yield* readGraph(c, 'g');
      return 'graph';
    case len(14):
      values.type = yield* readType(c, 'tp');
      return 'type';
    case len(22):
      refuseSecond(c, values.sparseTensor);
      values.sparseTensor = yield* readSparseTensor(c, 'sparse_tensor');
      return 'sparseTensor';
    default:
      return yield* readAttributeList(c, key, values);
  }
}

function* readAttributeList(c: Cursor, key: number, values: Values): Step<AttributeKind | undefined> {
  switch (key) {
    case len(7):
    case fixed32(7):
      yield* readFloats(c, (values.floats ??= []));
      return 'floats';
    case len(8):
    case varint(8):
      yield* readInts(c, (values.ints ??= []));
      return 'ints';
    case len(9):
      if (c.lacks()) yield c.length;
      c.countObject();
      (values.strings ??= []).push(c.bytes());
      return 'strings';
    case len(10):
      (values.tensors ??= []).push(yield* readTensorRef(c, 'tensors', values.tensors.length));
      return 'tensors';
    case len(11):
      (values.graphs ??= []).push(yield* readGraph(c, 'graphs', values.graphs.length));
      return 'graphs';
    case len(15):
      (values.types ??= []).push(yield* readType(c, 'type_protos', values.types.length));
      return 'types';
    case len(23):
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
  if (c.wire === 0) {
    c.countElement();
    ints.push(c.bigint);
    return;
  }
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
