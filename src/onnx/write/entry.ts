/** The pairs of `read/entry.ts`, encoded. */
import type { OpsetImport, StringEntry } from '../model.ts';
import type { MessageWriter } from './message.ts';

export function writeEntry(w: MessageWriter, entry: StringEntry): void {
  w.encode.string(1, entry.key).string(2, entry.value);
  w.kept(entry);
}

/** The domain is written even where it is empty, as every exporter does. */
export function writeOpsetImport(w: MessageWriter, opset: OpsetImport): void {
  w.encode.string(1, opset.domain).int(2, opset.version);
  w.kept(opset);
}

/** Bytes of the message that {@link writeEntry} writes. */
export function entryLength({ key, value }: Pick<StringEntry, 'key' | 'value'>): number {
  return stringLength(key) + stringLength(value);
}

/** Bytes of the message that {@link writeOpsetImport} writes. */
export function opsetLength({ domain, version }: Pick<OpsetImport, 'domain' | 'version'>): number {
  return stringLength(domain) + 1 + varintLength(version);
}

/** Bytes of a string field: a tag of one byte, the length, and the text. */
function stringLength(text: string): number {
  const bytes = Buffer.byteLength(text);
  return 1 + varintLength(bytes) + bytes;
}

function varintLength(value: number): number {
  if (value < 0) return 10;
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}
