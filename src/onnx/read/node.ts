/** NodeProto. */
import { appended, settled } from '../bytes.ts';
import type { Attribute, FileBytes, Node, StringEntry } from '../model.ts';
import type { ParsedRange } from '../pristine.ts';
import type { Cursor } from '../wire/cursor.ts';
import { FIELD_BYTES, fieldSet, len, type Step } from '../wire/keys.ts';
import { inWindow } from '../wire/drive.ts';
import { keepField, keepFieldInWindow } from '../wire/kept.ts';
import { readAttribute, readAttributeInSteps } from './attribute.ts';
import { normalDomain, readEntry } from './entry.ts';

const INPUT = len(1);
const OUTPUT = len(2);
const NAME = len(3);
const OP_TYPE = len(4);
const ATTRIBUTE = len(5);
const DOC_STRING = len(6);
const DOMAIN = len(7);
const OVERLOAD = len(8);
const METADATA = len(9);
const TEXTS = fieldSet(1, 2, 3, 4, 6, 7, 8);
const NO_NAMES: readonly string[] = [];
/** Most nodes have none, and an empty map takes as much memory as the rest of the node. */
const NO_ATTRIBUTES: ReadonlyMap<string, Attribute> = new Map();

/** All of the node is in the window. */
export function readNode(c: Cursor, index: number): Node {
  const range = c.enter('node', index);
  const parts = new NodeParts();
  while (c.hasField()) {
    const key = c.next();
    if (parts.take(c, key)) continue;
    if (key === ATTRIBUTE) parts.add(c, readAttribute(c, 'attribute', parts.attributeCount));
    else if (key === METADATA) (parts.metadata ??= []).push(inWindow(parts.entry(c)));
    else parts.unknownFields = keepFieldInWindow(c, parts.unknownFields);
  }
  return parts.finish(c, range);
}

export function* readNodeInSteps(c: Cursor, index: number): Step<Node> {
  const range = c.enter('node', index);
  const parts = new NodeParts();
  while (c.hasField()) {
    if (c.isShort) yield FIELD_BYTES;
    const key = c.next();
    if (c.lacksText(TEXTS)) yield c.length;
    if (parts.take(c, key)) continue;
    if (key === ATTRIBUTE) parts.add(c, yield* readAttributeInSteps(c, 'attribute', parts.attributeCount));
    else if (key === METADATA) (parts.metadata ??= []).push(yield* parts.entry(c));
    else parts.unknownFields = yield* keepField(c, parts.unknownFields);
  }
  return parts.finish(c, range);
}

class NodeParts {
  metadata: StringEntry[] | undefined;
  unknownFields: FileBytes[] | undefined;
  attributeCount = 0;
  private inputs = NO_NAMES;
  private outputs = NO_NAMES;
  private attributes: Map<string, Attribute> | undefined;
  private name = '';
  private opType = '';
  private domain = '';
  private overload: string | undefined;
  private docString: string | undefined;

  /** Takes a field that is a string; false where it is another. */
  take(c: Cursor, key: number): boolean {
    switch (key) {
      case INPUT:
        c.countObject();
        this.inputs = appended(this.inputs, c.string());
        return true;
      case OUTPUT:
        c.countObject();
        this.outputs = appended(this.outputs, c.string());
        return true;
      case NAME:
        this.name = c.string();
        return true;
      case OP_TYPE:
        this.opType = c.string();
        return true;
      case DOC_STRING:
        this.docString = c.string();
        return true;
      case DOMAIN:
        this.domain = normalDomain(c.string());
        return true;
      case OVERLOAD:
        this.overload = c.string();
        return true;
      default:
        return false;
    }
  }

  add(c: Cursor, attribute: Attribute): void {
    const { name } = attribute;
    this.attributeCount++;
    this.attributes ??= new Map<string, Attribute>();
    if (this.attributes.has(name)) c.oddities.push({ kind: 'duplicate-attribute', name });
    this.attributes.set(name, attribute);
  }

  entry(c: Cursor): Step<StringEntry> {
    return readEntry(c, 'metadata_props', this.metadata?.length ?? 0);
  }

  finish(c: Cursor, range: ParsedRange): Node {
    const node: Node = {
      name: this.name,
      opType: this.opType,
      domain: this.domain,
      overload: this.overload,
      inputs: settled(this.inputs),
      outputs: settled(this.outputs),
      attributes: this.attributes ?? NO_ATTRIBUTES,
      docString: this.docString,
      metadata: this.metadata,
      unknownFields: this.unknownFields,
      range,
    };
    c.leave(range, node);
    return node;
  }
}
