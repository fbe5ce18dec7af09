/** NodeProto. */
import { trimmed } from '../bytes.ts';
import type { Attribute, FileBytes, Node, StringEntry } from '../model.ts';
import { FIELD_BYTES, fieldSet, len, type Cursor, type Step } from '../wire/cursor.ts';
import { keepField } from '../wire/kept.ts';
import { readAttribute } from './attribute.ts';
import { normalDomain, readEntry } from './entry.ts';

const TEXTS = fieldSet(1, 2, 3, 4, 6, 7, 8);
/** Most nodes have none, and an empty map takes as much memory as the rest of the node. */
const NO_ATTRIBUTES: ReadonlyMap<string, Attribute> = new Map();

export function* readNode(c: Cursor, index: number): Step<Node> {
  const range = c.enter('node', index);
  const inputs: string[] = [];
  const outputs: string[] = [];
  let attributes: Map<string, Attribute> | undefined;
  let name = '';
  let opType = '';
  let domain = '';
  let overload: string | undefined;
  let docString: string | undefined;
  let metadata: StringEntry[] | undefined;
  let unknownFields: FileBytes[] | undefined;
  let attributeCount = 0;
  while (c.hasField()) {
    if (c.isShort) yield FIELD_BYTES;
    const key = c.next();
    if (c.lacksText(TEXTS)) yield c.length;
    switch (key) {
      case len(5): {
        const attribute = yield* readAttribute(c, 'attribute', attributeCount++);
        attributes ??= new Map<string, Attribute>();
        if (attributes.has(attribute.name))
          c.oddities.push({ kind: 'duplicate-attribute', name: attribute.name });
        attributes.set(attribute.name, attribute);
        break;
      }
      case len(9):
        (metadata ??= []).push(yield* readEntry(c, 'metadata_props', metadata.length));
        break;
      case len(1):
      case len(2):
        c.countObject();
        (key === len(1) ? inputs : outputs).push(c.string());
        break;
      case len(3):
        name = c.string();
        break;
      case len(4):
        opType = c.string();
        break;
      case len(6):
        docString = c.string();
        break;
      case len(7):
        domain = normalDomain(c.string());
        break;
      case len(8):
        overload = c.string();
        break;
      default:
        unknownFields = yield* keepField(c, unknownFields);
    }
  }
  const node: Node = {
    name,
    opType,
    domain,
    overload,
    inputs: trimmed(inputs),
    outputs: trimmed(outputs),
    attributes: attributes ?? NO_ATTRIBUTES,
    docString,
    metadata,
    unknownFields,
    range,
  };
  c.leave(range, node);
  return node;
}
