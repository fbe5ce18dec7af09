/** NodeProto and AttributeProto made anew. */
import type { Attribute, Node } from '../model.ts';
import { ATTRIBUTE_TYPES } from '../attribute-kinds.ts';
import { writeEntry } from './entry.ts';
import { writeGraph } from './graph.ts';
import type { MessageWriter } from './message.ts';
import { writeSparseTensor, writeTensor } from './tensor.ts';
import { writeType } from './type.ts';

export function writeNode(w: MessageWriter, node: Node): void {
  for (const input of node.inputs) w.encode.string(1, input);
  for (const output of node.outputs) w.encode.string(2, output);
  w.encode.optional(3, node.name);
  w.encode.string(4, node.opType);
  for (const attribute of node.attributes.values()) w.message(5, attribute, writeAttribute);
  w.encode.optional(6, node.docString);
  w.encode.optional(7, node.domain);
  w.encode.optional(8, node.overload);
  for (const entry of node.metadata ?? []) w.message(9, entry, writeEntry);
  w.kept(node);
}

/** The value is written even where it is its field's default: readers look for the field. */
export function writeAttribute(w: MessageWriter, attribute: Attribute): void {
  w.encode.string(1, attribute.name);
  writeContent(w, attribute);
  w.encode.optional(13, attribute.docString);
  if (attribute.kind === 'ref') {
    w.encode.int(20, attribute.attributeType).string(21, attribute.refName);
  } else {
    const { kind } = attribute;
    w.encode.int(20, kind === 'unknown' ? attribute.attributeType : ATTRIBUTE_TYPES[kind]);
  }
  w.kept(attribute);
}

function writeContent(w: MessageWriter, a: Attribute): void {
  switch (a.kind) {
    case 'float':
      w.encode.float(2, a.value);
      return;
    case 'int':
      w.encode.int(3, a.value);
      return;
    case 'string':
      w.encode.bytes(4, a.value);
      return;
    case 'tensor':
      w.message(5, a.value, writeTensor);
      return;
    case 'graph':
      w.message(6, a.value, writeGraph);
      return;
    case 'type':
      w.message(14, a.value, writeType);
      return;
    case 'sparseTensor':
      w.message(22, a.value, writeSparseTensor);
      return;
    case 'ref':
    case 'unknown':
      return;
    default:
      writeList(w, a);
  }
}

type ListAttribute = Extract<Attribute, { readonly value: readonly unknown[] }>;

/** Unpacked, as AttributeProto declares its lists. */
function writeList(w: MessageWriter, a: ListAttribute): void {
  switch (a.kind) {
    case 'floats':
      for (const value of a.value) w.encode.float(7, value);
      return;
    case 'ints':
      for (const value of a.value) w.encode.int(8, value);
      return;
    case 'strings':
      for (const value of a.value) w.encode.bytes(9, value);
      return;
    case 'tensors':
      for (const value of a.value) w.message(10, value, writeTensor);
      return;
    case 'graphs':
      for (const value of a.value) w.message(11, value, writeGraph);
      return;
    case 'types':
      for (const value of a.value) w.message(15, value, writeType);
      return;
    case 'sparseTensors':
      for (const value of a.value) w.message(23, value, writeSparseTensor);
  }
}
