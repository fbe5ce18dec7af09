/** Numbers of any float type, to and from their bytes. */
import { halfToNumber, numberToHalf } from '../../../onnx/half.ts';
import { DataType } from '../../../onnx/model.ts';

export function decodeFloats(bytes: Uint8Array, dataType: number): Float32Array | Float64Array {
  const { buffer, byteOffset, byteLength } = bytes;
  switch (dataType) {
    case DataType.float:
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case DataType.double:
      return new Float64Array(buffer, byteOffset, byteLength / 8);
    case DataType.float16:
      return Float32Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2), halfToNumber);
    case DataType.bfloat16: {
      const halves = new Uint16Array(buffer, byteOffset, byteLength / 2);
      return new Float32Array(Uint32Array.from(halves, (h) => h << 16).buffer);
    }
    default:
      throw new RangeError(`element type ${dataType} is no float`);
  }
}

/** @param values finite */
export function encodeFloats(values: Float32Array | Float64Array, dataType: number): Uint8Array {
  switch (dataType) {
    case DataType.float:
      return bytesOf(Float32Array.from(values));
    case DataType.double:
      return bytesOf(Float64Array.from(values));
    case DataType.float16:
      return bytesOf(Uint16Array.from(values, numberToHalf));
    case DataType.bfloat16: {
      const bits = new Uint32Array(Float32Array.from(values).buffer);
      // to the nearest, ties to even
      return bytesOf(Uint16Array.from(bits, (b) => (b + 0x7fff + ((b >>> 16) & 1)) >>> 16));
    }
    default:
      throw new RangeError(`element type ${dataType} is no float`);
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
