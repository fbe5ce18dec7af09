/** TensorProto.external_data: key and value strings that say which bytes of which file. */
import type { StringEntry, TensorLocation } from '../model.ts';
import type { Cursor } from '../wire/cursor.ts';

/** @param byteLength what type and shape need, if known: the length where the file gives none */
export function externalLocation(
  c: Cursor,
  entries: readonly StringEntry[],
  byteLength: number | undefined,
): TensorLocation {
  const values = new Map(entries.map((e) => [e.key, e.value]));
  const path = values.get('location');
  if (path === undefined) throw c.error('malformed', 'external data without a location');
  const length = decimal(c, 'length', values.get('length')) ?? byteLength;
  if (length === undefined) throw c.error('malformed', 'external data without a length');
  const offset = decimal(c, 'offset', values.get('offset')) ?? 0;
  return { kind: 'external', path, offset, length, checksum: values.get('checksum') };
}

function decimal(c: Cursor, key: string, text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw c.error(
      'malformed',
      `the ${key} of external data is "${text.slice(0, 40)}", not a number of bytes`,
    );
  }
  return value;
}
