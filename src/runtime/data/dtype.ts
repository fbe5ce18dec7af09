/**
 * Element types as ONNX Runtime's JavaScript names them, their typed arrays, and their names in NumPy's `.npy`.
 * Only types that ONNX Runtime for Node.js can take as input are here.
 */
import { halfToNumber, numberToHalf } from '../../onnx/index.ts';

export type TypedArray =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>;

export type ElementType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool';

interface TypeFacts {
  readonly bytes: number;
  readonly kind: 'float' | 'int' | 'bool';
  /** Inclusive range of integers. */
  readonly min: number;
  readonly max: number;
  readonly view: (buffer: ArrayBuffer, byteOffset: number, length: number) => TypedArray;
}

const float = (bytes: number, view: TypeFacts['view']): TypeFacts => ({
  bytes,
  kind: 'float',
  min: -Infinity,
  max: Infinity,
  view,
});
const int = (bytes: number, min: number, max: number, view: TypeFacts['view']): TypeFacts => ({
  bytes,
  kind: 'int',
  min,
  max,
  view,
});

const facts: Readonly<Record<ElementType, TypeFacts>> = {
  float32: float(4, (b, o, n) => new Float32Array(b, o, n)),
  float64: float(8, (b, o, n) => new Float64Array(b, o, n)),
  // by bit pattern
  float16: float(2, (b, o, n) => new Uint16Array(b, o, n)),
  int8: int(1, -(2 ** 7), 2 ** 7 - 1, (b, o, n) => new Int8Array(b, o, n)),
  uint8: int(1, 0, 2 ** 8 - 1, (b, o, n) => new Uint8Array(b, o, n)),
  int16: int(2, -(2 ** 15), 2 ** 15 - 1, (b, o, n) => new Int16Array(b, o, n)),
  uint16: int(2, 0, 2 ** 16 - 1, (b, o, n) => new Uint16Array(b, o, n)),
  int32: int(4, -(2 ** 31), 2 ** 31 - 1, (b, o, n) => new Int32Array(b, o, n)),
  uint32: int(4, 0, 2 ** 32 - 1, (b, o, n) => new Uint32Array(b, o, n)),
  int64: int(8, -(2 ** 63), 2 ** 63, (b, o, n) => new BigInt64Array(b, o, n)),
  uint64: int(8, 0, 2 ** 64, (b, o, n) => new BigUint64Array(b, o, n)),
  bool: { bytes: 1, kind: 'bool', min: 0, max: 1, view: (b, o, n) => new Uint8Array(b, o, n) },
};

export function isElementType(type: string): type is ElementType {
  return Object.hasOwn(facts, type);
}

export function elementBytes(type: ElementType): number {
  return facts[type].bytes;
}

export function elementKind(type: ElementType): TypeFacts['kind'] {
  return facts[type].kind;
}

/** `bytes` (little-endian, a whole number of elements) seen as elements; copied where not aligned. float16 stays bits. */
export function viewAs(type: ElementType, bytes: Uint8Array<ArrayBuffer>): TypedArray {
  const { bytes: size, view } = facts[type];
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return view(aligned.buffer, aligned.byteOffset, Math.floor(aligned.byteLength / size));
}

/** A zeroed array of `length` elements. */
export function allocate(type: ElementType, length: number): TypedArray {
  return facts[type].view(new ArrayBuffer(length * facts[type].bytes), 0, length);
}

export function bytesOf(data: TypedArray): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** `'<f4'`, `'|u1'`, … (NumPy's `descr`) as an element type; undefined where there is none, or big-endian. */
export function fromNumpyDescr(descr: string): ElementType | undefined {
  const match = /^([<|=>])([a-zA-Z])(\d+)$/.exec(descr);
  if (match === null) return undefined;
  const [, order, kind, size] = match;
  if (order === '>' && size !== '1') return undefined;
  return numpyTypes[`${kind ?? ''}${size ?? ''}`];
}

const numpyTypes: Readonly<Record<string, ElementType>> = {
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  b1: 'bool',
};

/**
 * `from` can stand in for `to`: the same kind (float for float, integer for integer), or bool for integer.
 * An integer array is not read as float: whether to scale it is the user's to say.
 */
export function isConvertible(from: ElementType, to: ElementType): boolean {
  if (from === to) return true;
  const [a, b] = [facts[from].kind, facts[to].kind];
  return (a === b && a !== 'bool') || (a === 'bool' && b === 'int');
}

/** `data` of type `from` as type `to`; RangeError with the value where an integer does not fit. */
export function convert(data: TypedArray, from: ElementType, to: ElementType): TypedArray {
  if (from === to) return data;
  const out = allocate(to, data.length);
  const { min, max } = facts[to];
  for (let i = 0; i < data.length; i++) {
    const raw = data[i] ?? 0;
    const value = from === 'float16' ? halfToNumber(Number(raw)) : Number(raw);
    if (value < min || value > max) throw new RangeError(`${value} does not fit into ${to}`);
    if (out instanceof BigInt64Array || out instanceof BigUint64Array) {
      out[i] = BigInt(raw);
      // near 2^63 a number cannot tell what fits
      if (out[i] !== BigInt(raw)) throw new RangeError(`${raw} does not fit into ${to}`);
    } else out[i] = to === 'float16' ? numberToHalf(value) : value;
  }
  return out;
}
