/** ValueInfoProto and TypeProto made anew. */
import type { DeclaredDim, TypeInfo, Value } from '../model.ts';
import { writeEntry } from './entry.ts';
import type { MessageWriter } from './message.ts';

export function writeValue(w: MessageWriter, value: Value): void {
  w.encode.string(1, value.name);
  if (value.type !== undefined) w.message(2, value.type, writeType);
  w.encode.optional(3, value.docString);
  for (const entry of value.metadata ?? []) w.message(4, entry, writeEntry);
  w.kept(value);
}

export function writeType(w: MessageWriter, type: TypeInfo): void {
  switch (type.kind) {
    case 'tensor':
      w.nested(1, (t) => writeTensorType(t, type));
      break;
    case 'sparseTensor':
      w.nested(8, (t) => writeTensorType(t, type));
      break;
    case 'sequence':
      w.nested(4, (t) => writeElement(t, 1, type.elem));
      break;
    case 'optional':
      w.nested(9, (t) => writeElement(t, 1, type.elem));
      break;
    case 'map':
      w.nested(5, (t) => {
        t.encode.int(1, type.keyType);
        writeElement(t, 2, type.value);
      });
      break;
    case 'other':
      break;
  }
  w.kept(type);
}

function writeTensorType(
  w: MessageWriter,
  { elemType, shape }: { readonly elemType: number; readonly shape?: readonly DeclaredDim[] | undefined },
): void {
  w.encode.int(1, elemType);
  if (shape === undefined) return;
  w.nested(2, (s) => {
    for (const dim of shape) s.nested(1, (d) => writeDim(d, dim));
  });
}

function writeDim(w: MessageWriter, dim: DeclaredDim): void {
  if (dim.kind === 'size') w.encode.int(1, dim.size);
  else if (dim.kind === 'symbol') w.encode.string(2, dim.symbol);
  w.encode.optional(3, dim.denotation);
}

function writeElement(w: MessageWriter, field: number, type: TypeInfo | undefined): void {
  if (type !== undefined) w.message(field, type, writeType);
}
