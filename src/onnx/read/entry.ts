/**
 * StringStringEntryProto and OperatorSetIdProto: pairs so small that they are read in one piece, and kept as values,
 * not as ranges.
 */
import type { FileBytes, OpsetImport, StringEntry } from '../model.ts';
import type { ParsedRange } from '../pristine.ts';
import type { Cursor } from '../wire/cursor.ts';
import { len, varint, type Step } from '../wire/keys.ts';
import { keepFieldInWindow } from '../wire/kept.ts';
import { entryLength, opsetLength } from '../write/entry.ts';

export function* readEntry(c: Cursor, name: string, index: number): Step<StringEntry> {
  if (c.lacks()) yield c.length;
  const range = c.enter(name, index);
  let key = '';
  let value = '';
  let unknownFields: FileBytes[] | undefined;
  while (c.hasField()) {
    switch (c.next()) {
      case len(1):
        key = c.string();
        break;
      case len(2):
        value = c.string();
        break;
      default:
        unknownFields = keepFieldInWindow(c, unknownFields);
    }
  }
  const plain: StringEntry = { key, value };
  return finish(c, range, plain, { ...plain, unknownFields, range }, entryLength(plain));
}

export function* readOpsetImport(c: Cursor, index: number): Step<OpsetImport> {
  if (c.lacks()) yield c.length;
  const range = c.enter('opset_import', index);
  let domain = '';
  let version = 0;
  let unknownFields: FileBytes[] | undefined;
  while (c.hasField()) {
    switch (c.next()) {
      case len(1):
        domain = normalDomain(c.string());
        break;
      case varint(2):
        version = c.int;
        break;
      default:
        unknownFields = keepFieldInWindow(c, unknownFields);
    }
  }
  const plain: OpsetImport = { domain, version };
  return finish(c, range, plain, { ...plain, unknownFields, range }, opsetLength(plain));
}

/** 'ai.onnx' is the long name of ''. */
export function normalDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

/** The pair with its range only where writing it again would give other bytes. */
function finish<T extends object>(
  c: Cursor,
  range: ParsedRange,
  plain: T,
  ranged: T,
  canonicalLength: number,
): T {
  const isCanonical = range.length === canonicalLength;
  const result = isCanonical ? plain : ranged;
  c.leave(range, result);
  return result;
}
