/** TensorProto and SparseTensorProto made anew; the data are copied or streamed when the file is written. */
import { DataType, type SparseTensorRef, type TensorLocation, type TensorRef } from '../model.ts';
import { DATA_FIELDS } from '../tensor/encoding.ts';
import type { MessageWriter } from './message.ts';
import { writeEntry } from './entry.ts';

const EXTERNAL = 1;

/** In the order of field numbers, as protobuf's own writers do. */
export function writeTensor(w: MessageWriter, tensor: TensorRef): void {
  for (const dim of tensor.dims) w.encode.int(1, dim);
  w.encode.int(2, tensor.dataType);
  w.encode.optional(8, tensor.name);
  w.encode.optional(12, tensor.docString);
  writeData(w, tensor);
  for (const entry of tensor.metadata ?? []) w.message(16, entry, writeEntry);
  w.kept(tensor);
}

function writeExternal(w: MessageWriter, location: TensorLocation & { kind: 'external' }): void {
  const entries = [
    { key: 'location', value: location.path },
    { key: 'offset', value: String(location.offset) },
    { key: 'length', value: String(location.length) },
    ...(location.checksum === undefined ? [] : [{ key: 'checksum', value: location.checksum }]),
  ];
  for (const entry of entries) w.message(13, entry, writeEntry);
  w.encode.int(14, EXTERNAL);
}

function writeData(w: MessageWriter, tensor: TensorRef): void {
  const { location } = tensor;
  switch (location.kind) {
    case 'inline':
      if (tensor.dataType === DataType.string) w.encode.raw(location.bytes);
      else if (tensor.dataType !== DataType.undefined || location.bytes.length > 0) {
        w.encode.bytes(DATA_FIELDS.raw, location.bytes);
      }
      return;
    case 'file':
      for (const { offset, length } of location.ranges) {
        if (location.tagged !== true) w.encode.header(DATA_FIELDS[location.encoding], length);
        w.copy({ source: location.source ?? w.source, offset, length });
      }
      return;
    case 'computed':
      w.encode.header(DATA_FIELDS.raw, location.byteLength);
      w.data((rope) => rope.tensor(tensor, location.byteLength));
      return;
    case 'external':
      writeExternal(w, location);
  }
}

export function writeSparseTensor(w: MessageWriter, tensor: SparseTensorRef): void {
  w.message(1, tensor.values, writeTensor);
  w.message(2, tensor.indices, writeTensor);
  for (const dim of tensor.dims) w.encode.int(3, dim);
  w.kept(tensor);
}
