/**
 * Protobuf wire format over a sliding window of a file.
 *
 * Parsers are generators: they run synchronously as long as the window holds what they need and yield a number of
 * bytes when it does not; the driver (drive.ts) refills the window at the cursor's place and resumes them. So there is
 * one parser for every kind of source, and no promise per field. Nodes, attributes and tensors, of which there are many,
 * have a second, plain function for where all of the message is in the window ({@link Cursor.hasContent}): nothing in it
 * is yielded for.
 *
 * Worked example, a message with a string in field 2:
 *
 *     const range = c.enter('entry', 0);        // the field just read by next() is a message
 *     while (c.hasField()) {
 *       if (c.isShort) yield FIELD_BYTES;       // room for tag and length
 *       switch (c.next()) {
 *         case len(2): if (c.lacks()) yield c.length; name = c.string(); break;
 *         default: unknown = yield* keepField(c, unknown);
 *       }
 *     }
 *     c.leave(range, result);
 */
import { OnnxError, type OnnxErrorKind } from '../errors.ts';
import { MAX_ATTRIBUTE_ELEMENTS, MAX_MESSAGE_DEPTH, MAX_OBJECTS, MAX_STRING_BYTES } from '../limits.ts';
import type { Attribute, TensorRef, TypeInfo } from '../model.ts';
import { ParsedRange } from '../pristine.ts';
import { AttributeSet } from '../read/attribute-set.ts';
import type { ByteSource } from '../source.ts';
import { FIELD_BYTES, WIRE } from './keys.ts';
import { OpenMessages } from './open-messages.ts';
import { decodeText } from './text.ts';

const NO_BYTES = Buffer.alloc(0);
const SHORT_BYTES = 64;
const RECENT_STRINGS = 4096;
const RECENT_MASK = RECENT_STRINGS - 1;
const MAX_FIELD_NUMBER = 2 ** 29 - 1;
const TWO_32 = 2 ** 32;
/** Small bigints, shared: attributes repeat them by the ten thousand. */
const BIGINTS = Array.from({ length: 1025 }, (_, i) => BigInt(i));

/** Something that is odd but does not hinder: the kind of warning, and the name of what it is about. */
export interface Oddity {
  readonly kind: string;
  readonly name: string;
}

export class Cursor {
  readonly source: ByteSource;
  /** File offset that no read may pass; and the same as a place in the window, or beyond it. */
  private end: number;
  private limit: number;
  private buffer: Buffer = NO_BYTES;
  private view: DataView = new DataView(NO_BYTES.buffer);
  private latin1: string | undefined;
  /** File offset of the window's first byte. */
  private base = 0;
  private pos = 0;
  private readonly open = new OpenMessages();
  private objects = 0;
  private elements = 0;
  /**
   * Strings read lately: most names come twice or more, and close to each other. To look in a map of all would cost
   * more than it saves, as every look is a cache miss.
   */
  private readonly recent: (string | undefined)[] = new Array<string | undefined>(RECENT_STRINGS).fill(
    undefined,
  );

  /** Types by their bytes, see `readType`. */
  readonly types = new Map<string, TypeInfo>();
  /** Attributes by their bytes, and what sets of them nodes have, see `readAttribute`. */
  readonly attributes = new Map<string, Attribute>();
  readonly attributeSets = new AttributeSet();
  /** What the parsers saw that the model does not show, for its warnings. */
  readonly oddities: Oddity[] = [];
  /** Tensors whose elements were not read with the graph; all others were, and are as long as they should be. */
  readonly unreadTensors: TensorRef[] = [];

  /** Of the field read last by {@link next}. */
  fieldStart = 0;
  field = 0;
  wire = 0;
  /** Bytes of its content, if it is length-delimited. */
  length = 0;
  private low = 0;
  private high = 0;

  constructor(source: ByteSource) {
    this.source = source;
    this.end = source.sizeBytes;
    this.limit = this.end;
  }

  /** Absolute place in the file. */
  get offset(): number {
    return this.base + this.pos;
  }

  /** Whether the place is inside the window, so that the next refill continues it. */
  get isSequential(): boolean {
    return this.pos <= this.buffer.length;
  }

  /** The window lacks room for one more tag and value, and the message has more. */
  get isShort(): boolean {
    return this.limit > this.buffer.length && this.isOutside(FIELD_BYTES);
  }

  /** Whether the current field's content is in the window to its end. */
  get hasContent(): boolean {
    return this.pos + this.length <= this.buffer.length;
  }

  /** Whether the current field is one of `texts` (see {@link fieldSet}), and its content has to be yielded for. */
  lacksText(texts: number): boolean {
    return this.wire === WIRE.len && this.field < 32 && ((texts >>> this.field) & 1) === 1 && this.lacks();
  }

  /**
   * Whether the current field's content is not in the window, and the parser has to yield its length.
   * @throws OnnxError kind 'limit' where it is too long to be held in memory
   */
  lacks(): boolean {
    if (this.length > MAX_STRING_BYTES) {
      throw this.error('limit', `a field of ${this.length} bytes is longer than ${MAX_STRING_BYTES} bytes`);
    }
    return this.isOutside(this.length);
  }

  /** Puts new bytes, read at {@link offset}, into the window. */
  refill(bytes: Uint8Array): void {
    this.base += this.pos;
    this.pos = 0;
    this.limit = this.end - this.base;
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.latin1 = undefined;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Begins the message that is the content of the current field; `source` itself where there is no field yet. */
  enter(name: string, index?: number): ParsedRange {
    const { depth } = this.open;
    if (depth >= MAX_MESSAGE_DEPTH) {
      throw this.error('limit', `messages are nested more than ${MAX_MESSAGE_DEPTH} deep`);
    }
    this.countObject();
    const isRoot = depth === 0;
    const length = isRoot ? this.source.sizeBytes : this.length;
    const range = new ParsedRange(
      this.source,
      isRoot ? 0 : this.field,
      isRoot ? 0 : this.fieldStart,
      this.offset,
      length,
    );
    this.open.push(this.end, name, index);
    this.end = range.offset + length;
    this.limit = this.pos + length;
    return range;
  }

  hasField(): boolean {
    return this.pos < this.limit;
  }

  /** Ends the message and makes `result` the owner of its range. */
  leave(range: ParsedRange, result?: object): void {
    if (this.pos !== this.limit) throw this.error('malformed', 'a field runs past the end of its message');
    this.end = this.open.pop() ?? this.end;
    this.limit = this.end - this.base;
    if (result !== undefined) ParsedRange.claim(range, result);
  }

  /**
   * Reads the next field's tag, and its value (varint) or length. The end of a group is an error outside one.
   * @returns `field × 8 + wire type`
   */
  next(isInGroup = false): number {
    const { buffer, pos } = this;
    this.fieldStart = this.base + pos;
    const tag = buffer[pos] ?? 0;
    const length = buffer[pos + 1] ?? 0x80;
    // nearly every field: one of the first fifteen, with fewer than 128 bytes of content
    if ((tag & 0x87) === WIRE.len && tag > WIRE.len && length < 0x80 && pos + 2 + length <= this.limit) {
      this.wire = WIRE.len;
      this.field = tag >>> 3;
      this.length = length;
      this.pos = pos + 2;
      return tag;
    }
    return this.longNext(isInGroup);
  }

  private longNext(isInGroup: boolean): number {
    this.varint();
    const key = this.low;
    this.wire = key & 7;
    this.field = key >>> 3;
    if (this.high !== 0 || this.field === 0 || this.field > MAX_FIELD_NUMBER) {
      throw this.error('malformed', 'this is no field of a protobuf message');
    }
    switch (this.wire) {
      case WIRE.varint:
        this.varint();
        break;
      case WIRE.len:
        this.varint();
        this.length = this.high * TWO_32 + this.low;
        this.checkLength(this.length);
        break;
      case WIRE.fixed32:
        this.length = 4;
        this.checkLength(4);
        break;
      case WIRE.fixed64:
        this.length = 8;
        this.checkLength(8);
        break;
      case WIRE.startGroup:
        break;
      case WIRE.endGroup:
        if (isInGroup) break;
        throw this.error('malformed', 'a group ends that never began');
      default:
        throw this.error('malformed', `wire type ${this.wire} has no meaning here`);
    }
    return key;
  }

  /** The varint as a number; of 64-bit values beyond 2^53 the nearest. Negative where the top bit is set. */
  get int(): number {
    const high = this.high | 0;
    return high * TWO_32 + this.low;
  }

  get int32(): number {
    return this.low | 0;
  }

  get bigint(): bigint {
    if (this.high === 0) return BIGINTS[this.low] ?? BigInt(this.low);
    return (BigInt(this.high | 0) << 32n) | BigInt(this.low);
  }

  get float32(): number {
    const value = this.view.getFloat32(this.pos, true);
    this.pos += 4;
    return value;
  }

  /** The current field's content as text. The caller has made sure that it is in the window. */
  string(): string {
    const { buffer, pos: start, length } = this;
    const end = start + length;
    this.pos = end;
    if (length === 0) return '';
    // where it would be: the last bytes differ most, as names end in numbers
    const tail = (buffer[end - 1] ?? 0) + 31 * (buffer[end - 2] ?? 0) + 961 * (buffer[end - 3] ?? 0);
    const slot = (tail + 127 * length) & RECENT_MASK;
    const recent = this.recent[slot];
    // of text that is no ASCII these are other characters, and it is decoded each time
    if (recent !== undefined && recent === this.text.substring(start, end)) return recent;
    this.countObject();
    const text = decodeText(buffer, start, end);
    this.recent[slot] = text;
    return text;
  }

  /** The window, each byte a character: to compare a piece of it with a string is faster than to decode it. */
  private get text(): string {
    return (this.latin1 ??= this.buffer.toString('latin1'));
  }

  /** The current field's content, which is in the window, as a key for maps; the place stays. */
  contentKey(): string {
    return this.buffer.toString('latin1', this.pos, this.pos + this.length);
  }

  /** The current field's content, copied. The caller has made sure that it is in the window. */
  bytes(): Uint8Array {
    const { buffer, pos, length } = this;
    this.pos += length;
    const copy = new Uint8Array(length);
    if (length > SHORT_BYTES) copy.set(buffer.subarray(pos, this.pos));
    // faster for a few bytes than making a view of the buffer
    else for (let i = 0; i < length; i++) copy[i] = buffer[pos + i] ?? 0;
    return copy;
  }

  /** One varint of a packed list. */
  packedVarint(): void {
    this.varint();
  }

  skip(): void {
    if (this.wire === WIRE.len || this.wire === WIRE.fixed32 || this.wire === WIRE.fixed64) {
      this.pos += this.length;
    }
  }

  countObject(): void {
    if (++this.objects > MAX_OBJECTS) {
      throw this.error('limit', `the graph has more than ${MAX_OBJECTS} messages and strings`);
    }
  }

  /** Counts elements of list attributes, which are held as numbers. */
  countElement(): void {
    if (++this.elements > MAX_ATTRIBUTE_ELEMENTS) {
      throw this.error('limit', `the attributes have more than ${MAX_ATTRIBUTE_ELEMENTS} elements`);
    }
  }

  /** What `compute` gives; an error it throws gets the file, the place and the field. */
  locate<T>(compute: () => T): T {
    try {
      return compute();
    } catch (cause) {
      if (cause instanceof OnnxError) throw this.error(cause.kind, cause.message, cause);
      throw cause;
    }
  }

  error(kind: OnnxErrorKind, message: string, cause?: unknown): OnnxError {
    const field = this.open.path();
    return new OnnxError(kind, message, {
      file: this.source.name,
      offset: Math.min(this.offset, this.source.sizeBytes),
      field: field === '' ? undefined : field,
      cause,
    });
  }

  /** The next `bytes` bytes reach beyond the window, and the file has more. */
  private isOutside(bytes: number): boolean {
    const inWindow = this.buffer.length - this.pos;
    return inWindow < bytes && this.base + this.buffer.length < this.source.sizeBytes;
  }

  private checkLength(length: number): void {
    if (this.pos + length <= this.limit) return;
    // inside a message that is there as a whole, it is not the file that is too short
    if (this.open.depth === 1) {
      const missing = this.offset + length - this.source.sizeBytes;
      throw this.error('truncated', `the file ends ${missing} bytes too early: it was not copied completely`);
    }
    throw this.error('malformed', `a field of ${length} bytes runs past the end of its message`);
  }

  private endInsideNumber(): OnnxError {
    return this.open.depth === 1
      ? this.error('truncated', 'the file ends inside a number')
      : this.error('malformed', 'a number runs past the end of its message');
  }

  /** Reads a varint into `low` and `high` (unsigned 32 bits each). */
  private varint(): void {
    const { buffer } = this;
    const first = buffer[this.pos] ?? 0x80;
    if (first < 0x80) {
      this.pos++;
      this.low = first;
      this.high = 0;
      return;
    }
    this.longVarint();
  }

  private longVarint(): void {
    const { buffer } = this;
    let { pos } = this;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = buffer[pos++];
      if (byte === undefined) throw this.endInsideNumber();
      if (shift < 28) low |= (byte & 0x7f) << shift;
      else if (shift === 28) {
        low |= (byte & 0x0f) << 28;
        high = (byte & 0x7f) >> 4;
      } else high |= (byte & 0x7f) << (shift - 32);
      if (byte < 0x80) {
        this.pos = pos;
        this.low = low >>> 0;
        this.high = high >>> 0;
        return;
      }
    }
    throw this.error('malformed', 'a number is longer than 10 bytes');
  }
}
