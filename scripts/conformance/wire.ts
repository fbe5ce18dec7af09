/** Reads protobuf messages field by field: enough for the TensorProto files that ONNX's node tests store. */

export type WireValue = bigint | Uint8Array;

/** All values of each field, in order; varints as unsigned bigint, everything else as its bytes. */
export function readFields(bytes: Uint8Array): Map<number, WireValue[]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields = new Map<number, WireValue[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = view.getUint8(at++);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): Uint8Array => {
    if (at + length > bytes.length) throw new RangeError('protobuf message is cut off');
    return bytes.subarray(at, (at += length));
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const value = readValue(tag & 7, varint, take);
    const list = fields.get(tag >> 3);
    if (list) list.push(value);
    else fields.set(tag >> 3, [value]);
  }
  return fields;
}

function readValue(wireType: number, varint: () => bigint, take: (n: number) => Uint8Array): WireValue {
  switch (wireType) {
    case 0:
      return varint();
    case 1:
      return take(8);
    case 2:
      return take(Number(varint()));
    case 5:
      return take(4);
    default:
      throw new RangeError(`protobuf wire type ${wireType}`);
  }
}

/** The messages or strings of a field. */
export function bytesOf(fields: ReadonlyMap<number, readonly WireValue[]>, field: number): Uint8Array[] {
  return (fields.get(field) ?? []).filter((v) => typeof v !== 'bigint');
}

/** The integers of a repeated field, packed or not, signed. */
export function intsOf(fields: ReadonlyMap<number, readonly WireValue[]>, field: number): bigint[] {
  return (fields.get(field) ?? []).flatMap((v) =>
    typeof v === 'bigint' ? [BigInt.asIntN(64, v)] : unpack(v),
  );
}

function unpack(packed: Uint8Array): bigint[] {
  const values: bigint[] = [];
  let [value, shift] = [0n, 0n];
  for (const byte of packed) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte >= 128) continue;
    values.push(BigInt.asIntN(64, value));
    [value, shift] = [0n, 0n];
  }
  return values;
}

export function intOf(fields: ReadonlyMap<number, readonly WireValue[]>, field: number): number {
  return Number(intsOf(fields, field)[0] ?? 0n);
}

export function textOf(fields: ReadonlyMap<number, readonly WireValue[]>, field: number): string {
  const [bytes] = bytesOf(fields, field);
  return bytes ? new TextDecoder().decode(bytes) : '';
}
