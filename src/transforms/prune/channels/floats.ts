/** Numbers of any float type, to and from their bytes. */
import { DataType } from '../../../onnx/model.ts';

export function decodeFloats(bytes: Uint8Array, dataType: number): Float32Array | Float64Array {
  const { buffer, byteOffset, byteLength } = bytes;
  switch (dataType) {
    case DataType.float:
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case DataType.double:
      return new Float64Array(buffer, byteOffset, byteLength / 8);
    case DataType.float16:
      return Float32Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2), halfToFloat);
    case DataType.bfloat16: {
      const halves = new Uint16Array(buffer, byteOffset, byteLength / 2);
      return new Float32Array(Uint32Array.from(halves, (h) => h << 16).buffer);
    }
    default:
      throw new RangeError(`element type ${dataType} is no float`);
  }
}

/** IEEE 754 binary16. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
