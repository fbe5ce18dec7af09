/** NodeProto. */
import { appended, settled } from '../bytes.ts';
import type { Attribute, FileBytes, Node, StringEntry } from '../model.ts';
import type { ParsedRange } from '../pristine.ts';
import type { Cursor } from '../wire/cursor.ts';
import { FIELD_BYTES, fieldSet, len, type Step } from '../wire/keys.ts';
import { inWindow } from '../wire/drive.ts';
import { keepField, keepFieldInWindow } from '../wire/kept.ts';
import { isShared, mayBeShared, type AttributeSet } from './attribute-set.ts';
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
/** A node that is no longer is put into the window as a whole; others hold weights or graphs. */
const READ_WHOLE_BYTES = 16 * 1024;
const NO_NAMES: readonly string[] = [];
/** Most nodes have none, and an empty map takes as much memory as the rest of the node. */
const NO_ATTRIBUTES: ReadonlyMap<string, Attribute> = new Map();

/** All of the node is in the window. In variables, not in parts: a model has ten thousand nodes. */
export function readNode(c: Cursor, index: number): Node {
  const range = c.enter('node', index);
  let [inputs, outputs] = [NO_NAMES, NO_NAMES];
  let [name, opType, domain] = ['', '', ''];
  let attributes: NodeAttributes | undefined;
  let overload: string | undefined;
  let docString: string | undefined;
  let metadata: StringEntry[] | undefined;
  let unknownFields: FileBytes[] | undefined;
  while (c.hasField()) {
    switch (c.next()) {
      case INPUT:
        c.countObject();
        inputs = appended(inputs, c.string());
        break;
      case OUTPUT:
        c.countObject();
        outputs = appended(outputs, c.string());
        break;
      case NAME:
        name = c.string();
        break;
      case OP_TYPE:
        opType = c.string();
        break;
      case ATTRIBUTE:
        attributes ??= new NodeAttributes();
        attributes.add(c, readAttribute(c, 'attribute', attributes.count));
        break;
      case DOC_STRING:
        docString = c.string();
        break;
      case DOMAIN:
        domain = normalDomain(c.string());
        break;
      case OVERLOAD:
        overload = c.string();
        break;
      case METADATA:
        (metadata ??= []).push(inWindow(readEntry(c, 'metadata_props', metadata.length)));
        break;
      default:
        unknownFields = keepFieldInWindow(c, unknownFields);
    }
  }
  const node: Node = {
    name,
    opType,
    domain,
    overload,
    inputs: settled(inputs),
    outputs: settled(outputs),
    attributes: attributes?.map ?? NO_ATTRIBUTES,
    docString,
    metadata,
    unknownFields,
    range,
  };
  c.leave(range, node);
  return node;
}

class NodeAttributes {
  count = 0;
  private shared: AttributeSet | undefined;
  /** In place of `shared`, where one of them is not. */
  private own: Map<string, Attribute> | undefined;

  get map(): ReadonlyMap<string, Attribute> | undefined {
    return this.own ?? this.shared?.map;
  }

  add(c: Cursor, attribute: Attribute): void {
    const { name } = attribute;
    const { map } = this;
    this.count++;
    if (map?.has(name) === true) c.oddities.push({ kind: 'duplicate-attribute', name });
    if (this.own === undefined && isShared(attribute))
      this.shared = (this.shared ?? c.attributeSets).with(attribute);
    else (this.own ??= new Map(map)).set(name, attribute);
  }
}

export function* readNodeInSteps(c: Cursor, index: number): Step<Node> {
  if (c.length <= READ_WHOLE_BYTES) {
    if (c.lacks()) yield c.length;
    return readNode(c, index);
  }
  const range = c.enter('node', index);
  const parts = new NodeParts();
  while (c.hasField()) {
    if (c.isShort) yield FIELD_BYTES;
    const key = c.next();
    if (c.lacksText(TEXTS)) yield c.length;
    if (parts.take(c, key)) continue;
    if (key === ATTRIBUTE) {
      if (mayBeShared(c.length) && c.lacks()) yield c.length;
      const { count } = parts.attributes;
      parts.attributes.add(
        c,
        c.hasContent
          ? readAttribute(c, 'attribute', count)
          : yield* readAttributeInSteps(c, 'attribute', count),
      );
    } else if (key === METADATA)
      (parts.metadata ??= []).push(yield* readEntry(c, 'metadata_props', parts.metadata.length));
    else parts.unknownFields = yield* keepField(c, parts.unknownFields);
  }
  return parts.finish(c, range);
}

class NodeParts {
  metadata: StringEntry[] | undefined;
  unknownFields: FileBytes[] | undefined;
  readonly attributes = new NodeAttributes();
  private inputs = NO_NAMES;
  private outputs = NO_NAMES;
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

  finish(c: Cursor, range: ParsedRange): Node {
    const node: Node = {
      name: this.name,
      opType: this.opType,
      domain: this.domain,
      overload: this.overload,
      inputs: settled(this.inputs),
      outputs: settled(this.outputs),
      attributes: this.attributes.map ?? NO_ATTRIBUTES,
      docString: this.docString,
      metadata: this.metadata,
      unknownFields: this.unknownFields,
      range,
    };
    c.leave(range, node);
    return node;
  }
}
