/** Turns the contents of typed tensor fields into the bytes that raw_data would hold, chunk by chunk. */
import { joined, unfilled } from '../bytes.ts';
import { OnnxError } from '../errors.ts';
import { MAX_VARINT_BYTES } from '../limits.ts';
import type { TensorEncoding } from '../model.ts';
import { varintEntryBytes } from './encoding.ts';

/** Takes the stored bytes in pieces of any size; what it gives is little-endian, and its own. */
export interface Decoder {
  push(stored: Uint8Array): Uint8Array;
  /** @throws OnnxError kind 'malformed' where the stored bytes end inside an element */
  end(): void;
}

export function decoderFor(encoding: TensorEncoding, dataType: number, tagged = false): Decoder {
  const width = varintEntryBytes(dataType);
  if (tagged) return new TaggedDecoder(encoding, width);
  switch (encoding) {
    case 'int32':
    case 'int64':
    case 'uint64':
      return new VarintDecoder(width);
    default:
      return VERBATIM;
  }
}

/** All of it at once. */
export function decodeAll(decoder: Decoder, pieces: readonly Uint8Array[]): Uint8Array {
  const decoded = pieces.map((piece) => decoder.push(piece));
  decoder.end();
  return joined(decoded);
}

const VERBATIM: Decoder = { push: (stored) => stored, end: () => undefined };

/** Packed varints, each cut to `width` bytes: a negative int32 is stored as ten bytes of a 64-bit number. */
class VarintDecoder implements Decoder {
  private readonly width: number;
  private low = 0;
  private high = 0;
  private shift = 0;

  constructor(width: number) {
    this.width = width;
  }

  push(stored: Uint8Array): Uint8Array {
    const { width } = this;
    const out = unfilled(countEnds(stored) * width);
    const view = new DataView(out.buffer);
    let { low, high, shift } = this;
    let at = 0;
    for (const byte of stored) {
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >> 4;
      } else high |= bits << (shift - 32);
      shift += 7;
      if (byte >= 0x80) {
        if (shift >= MAX_VARINT_BYTES * 7) throw tooLong();
        continue;
      }
      writeEntry(view, at, width, low, high);
      at += width;
      low = high = shift = 0;
    }
    this.low = low;
    this.high = high;
    this.shift = shift;
    return out;
  }

  end(): void {
    if (this.shift > 0) throw new OnnxError('malformed', 'the data end inside a number');
  }
}

/**
 * Runs of whole fields: `tag value tag value …`, each value packed or not. Rare (writers that do not know ONNX's
 * `[packed = true]`), so it goes byte by byte.
 */
class TaggedDecoder implements Decoder {
  private readonly fixedBytes: number;
  private readonly varints: VarintDecoder;
  private state: 'tag' | 'length' | 'value' = 'tag';
  private value = 0;
  private scale = 1;
  /** Bytes of the value that are still to come; −1 for a single varint. */
  private pending = 0;

  constructor(encoding: TensorEncoding, width: number) {
    this.fixedBytes = encoding === 'float' ? 4 : encoding === 'double' ? 8 : 0;
    this.varints = new VarintDecoder(width);
  }

  push(stored: Uint8Array): Uint8Array {
    const content: number[] = [];
    for (const byte of stored) {
      if (this.state === 'value') {
        content.push(byte);
        if (this.pending === -1 ? byte < 0x80 : --this.pending === 0) this.state = 'tag';
      } else if (this.header(byte)) {
        this.begin();
      }
    }
    return this.fixedBytes > 0 ? Uint8Array.from(content) : this.varints.push(Uint8Array.from(content));
  }

  end(): void {
    if (this.state !== 'tag') throw new OnnxError('malformed', 'the data end inside a field');
    this.varints.end();
  }

  /** Adds a byte to the tag or length; true where it is complete. */
  private header(byte: number): boolean {
    this.value += (byte & 0x7f) * this.scale;
    this.scale *= 128;
    return byte < 0x80;
  }

  private begin(): void {
    const { value, state } = this;
    this.value = 0;
    this.scale = 1;
    if (state === 'length') {
      this.pending = value;
      this.state = value === 0 ? 'tag' : 'value';
    } else if ((value & 7) === 2) this.state = 'length';
    else {
      this.pending = this.fixedBytes > 0 ? this.fixedBytes : -1;
      this.state = 'value';
    }
  }
}

function countEnds(stored: Uint8Array): number {
  let count = 0;
  for (const byte of stored) if (byte < 0x80) count++;
  return count;
}

function writeEntry(out: DataView, at: number, width: number, low: number, high: number): void {
  switch (width) {
    case 1:
      out.setUint8(at, low & 0xff);
      return;
    case 2:
      out.setUint16(at, low & 0xffff, true);
      return;
    default:
      out.setInt32(at, low, true);
      if (width === 8) out.setInt32(at + 4, high, true);
  }
}

function tooLong(): OnnxError {
  return new OnnxError('malformed', 'a number is longer than 10 bytes');
}
