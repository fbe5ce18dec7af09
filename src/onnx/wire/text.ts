/**
 * Names and other strings of a file, without loss. Protobuf strings are UTF-8, but older exporters write whatever the
 * locale gave them. A byte that is no UTF-8 becomes the lone surrogate U+DC80 to U+DCFF and, on writing, a byte again;
 * so two names stay different, and an edited node still refers to the value it did before.
 */
const REPLACEMENT = '\ufffd';
const ESCAPE_BASE = 0xdc00;
const LONE_SURROGATE = /\p{Surrogate}/u;
const utf8 = new TextEncoder();

export function decodeText(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  return text.includes(REPLACEMENT) ? decodeEscaped(bytes.subarray(start, end)) : text;
}

export function encodeText(text: string): Uint8Array {
  return LONE_SURROGATE.test(text) ? encodeEscaped(text) : utf8.encode(text);
}

function decodeEscaped(bytes: Buffer): string {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let text = '';
  for (let i = 0; i < bytes.length;) {
    const length = sequenceLength(bytes[i] ?? 0);
    try {
      text += strict.decode(bytes.subarray(i, i + length));
      i += length;
    } catch {
      text += String.fromCharCode(ESCAPE_BASE + (bytes[i] ?? 0));
      i++;
    }
  }
  return text;
}

function sequenceLength(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

function encodeEscaped(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const char of text) {
    const unit = char.charCodeAt(0);
    const isEscape = char.length === 1 && unit >= ESCAPE_BASE + 0x80 && unit <= ESCAPE_BASE + 0xff;
    if (isEscape) bytes.push(unit - ESCAPE_BASE);
    else bytes.push(...utf8.encode(char));
  }
  return Uint8Array.from(bytes);
}
