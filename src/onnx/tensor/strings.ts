/** String tensors: string_data, the one kind of elements without a binary form. */
import { OnnxError } from '../errors.ts';
import { MAX_TENSOR_IN_MEMORY_BYTES } from '../limits.ts';
import { DataType, type Model, type TensorRef } from '../model.ts';
import { Encoder } from '../write/encoder.ts';
import { DATA_FIELDS } from './encoding.ts';
import { storedByteLength } from '../datatype.ts';

/** What an inline location of a string tensor holds: TensorProto's string_data fields, tags included. */
export function packStrings(strings: readonly (string | Uint8Array)[]): Uint8Array {
  const encoder = new Encoder();
  for (const s of strings) {
    if (typeof s === 'string') encoder.string(DATA_FIELDS.string, s);
    else encoder.bytes(DATA_FIELDS.string, s);
  }
  return encoder.finish();
}

/**
 * The elements of a string tensor, in UTF-8 by convention.
 * @throws OnnxError kind 'unsupported' for other types, 'malformed' where the fields are broken
 */
export async function readStrings(model: Model, tensor: TensorRef): Promise<Uint8Array[]> {
  const { location, dataType } = tensor;
  const file = model.source.file.name;
  if (dataType !== DataType.string || location.kind === 'external' || location.kind === 'computed') {
    throw new OnnxError('unsupported', `tensor "${tensor.name}" has no strings in the model`, { file });
  }
  if (storedByteLength(tensor) > MAX_TENSOR_IN_MEMORY_BYTES) {
    throw new OnnxError('limit', `tensor "${tensor.name}" is too large for memory`, { file });
  }
  if (location.kind === 'inline') return unpack(location.bytes, file);
  const source = location.source ?? model.source.file;
  const strings: Uint8Array[] = [];
  for (const { offset, length } of location.ranges) {
    for (const s of unpack(await source.read(offset, length), file)) strings.push(s);
  }
  return strings;
}

function unpack(fields: Uint8Array, file: string): Uint8Array[] {
  const strings: Uint8Array[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = fields[at++];
      if (byte === undefined) throw new OnnxError('malformed', 'string_data end inside a number', { file });
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < fields.length) {
    varint(); // the tag
    const length = varint();
    if (at + length > fields.length) throw new OnnxError('malformed', 'string_data end too early', { file });
    strings.push(fields.subarray(at, (at += length)));
  }
  return strings;
}
