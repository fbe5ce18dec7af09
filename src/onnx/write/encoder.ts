/** Protobuf wire format for small messages made anew. */
import { encodeText } from '../wire/text.ts';

const EMPTY = Buffer.alloc(0);
const FIRST_BYTES = 128;

export class Encoder {
  private buffer = EMPTY;
  private used = 0;

  /** What was written; a view that later writes do not touch. */
  finish(): Uint8Array {
    const done = this.buffer.subarray(0, this.used);
    this.buffer = EMPTY;
    this.used = 0;
    return done;
  }

  get length(): number {
    return this.used;
  }

  /** An int32, int64, enum or bool field. */
  int(field: number, value: number | bigint): this {
    return this.tag(field, 0).varint(value);
  }

  float(field: number, value: number): this {
    this.tag(field, 5).room(4);
    this.used = this.buffer.writeFloatLE(value, this.used);
    return this;
  }

  string(field: number, value: string): this {
    return this.bytes(field, encodeText(value));
  }

  /** A string that is left out where it is empty or undefined. */
  optional(field: number, value: string | undefined): this {
    return value === undefined || value === '' ? this : this.string(field, value);
  }

  bytes(field: number, value: Uint8Array): this {
    return this.header(field, value.length).raw(value);
  }

  /** Tag and length of a field whose `length` bytes follow. */
  header(field: number, length: number): this {
    return this.tag(field, 2).varint(length);
  }

  raw(bytes: Uint8Array): this {
    this.room(bytes.length);
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
    return this;
  }

  /** Tag alone, for `wire` type. */
  tag(field: number, wire: number): this {
    return this.varint(field * 8 + wire);
  }

  varint(value: number | bigint): this {
    this.room(10);
    if (typeof value === 'bigint' || value < 0 || !Number.isSafeInteger(value))
      return this.wide(BigInt(value));
    let rest = value;
    while (rest >= 0x80) {
      this.buffer[this.used++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.buffer[this.used++] = rest;
    return this;
  }

  private wide(value: bigint): this {
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.buffer[this.used++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.buffer[this.used++] = Number(rest);
    return this;
  }

  private room(bytes: number): void {
    const needed = this.used + bytes;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2, FIRST_BYTES));
    larger.set(this.buffer.subarray(0, this.used));
    this.buffer = larger;
  }
}
