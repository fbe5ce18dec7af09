/** FunctionProto. */
import type { Attribute, FileBytes, LocalFunction, Node, OpsetImport, StringEntry, Value } from '../model.ts';
import type { Cursor } from '../wire/cursor.ts';
import { FIELD_BYTES, fieldSet, len, type Step } from '../wire/keys.ts';
import { keepField } from '../wire/kept.ts';
import { readAttributeInSteps } from './attribute.ts';
import { normalDomain, readEntry, readOpsetImport } from './entry.ts';
import { readNodeInSteps } from './node.ts';
import { readValue } from './type.ts';

const TEXTS = fieldSet(1, 4, 5, 6, 8, 10, 13);

export function* readFunction(c: Cursor, index: number): Step<LocalFunction> {
  const range = c.enter('functions', index);
  const text = { name: '', domain: '', overload: '', docString: undefined as string | undefined };
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: string[] = [];
  const attributeDefaults: Attribute[] = [];
  const nodes: Node[] = [];
  const opsetImports: OpsetImport[] = [];
  const valueInfo = new Map<string, Value>();
  let metadata: StringEntry[] | undefined;
  let unknownFields: FileBytes[] | undefined;
  while (c.hasField()) {
    if (c.isShort) yield FIELD_BYTES;
    const key = c.next();
    if (c.lacksText(TEXTS)) yield c.length;
    switch (key) {
      case len(4):
      case len(5):
      case len(6):
        c.countObject();
        (key === len(4) ? inputs : key === len(5) ? outputs : attributes).push(c.string());
        break;
      case len(7):
        nodes.push(yield* readNodeInSteps(c, nodes.length));
        break;
      case len(9):
        opsetImports.push(yield* readOpsetImport(c, opsetImports.length));
        break;
      case len(11):
        attributeDefaults.push(yield* readAttributeInSteps(c, 'attribute_proto', attributeDefaults.length));
        break;
      case len(12): {
        const value = yield* readValue(c, 'value_info', valueInfo.size);
        valueInfo.set(value.name, value);
        break;
      }
      case len(14):
        (metadata ??= []).push(yield* readEntry(c, 'metadata_props', metadata.length));
        break;
      case len(1):
      case len(8):
      case len(10):
      case len(13):
        setText(text, key, c.string());
        break;
      default:
        unknownFields = yield* keepField(c, unknownFields);
    }
  }
  const result: LocalFunction = {
    ...text,
    inputs,
    outputs,
    attributes,
    attributeDefaults,
    nodes,
    opsetImports,
    valueInfo,
    metadata,
    unknownFields,
    range,
  };
  c.leave(range, result);
  return result;
}

function setText(
  text: { name: string; domain: string; overload: string; docString: string | undefined },
  key: number,
  value: string,
): void {
  if (key === len(1)) text.name = value;
  else if (key === len(8)) text.docString = value;
  else if (key === len(10)) text.domain = normalDomain(value);
  else text.overload = value;
}
