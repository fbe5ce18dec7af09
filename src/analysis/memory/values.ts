/** The values of a model as things that take memory: what each is, how large, who makes it. */
import { denseByteLength, elementBits, elementCount, tensorByteLength } from '../../onnx/datatype.ts';
import { DataType } from '../../onnx/model.ts';
import type { Attribute, Node, SparseTensorRef, TensorRef } from '../../onnx/model.ts';
import { add, ceilDiv, isUnknown, mul, unknown } from '../dim.ts';
import type { InferredType } from '../inference.ts';
import type { Dim } from '../types.ts';
import type { ExecutedNode } from './program.ts';

/** What the file stores of an initializer or a Constant. */
export interface StoredConstant {
  readonly bytes: number;
  readonly count: number;
  readonly dims: readonly number[];
  readonly dataType: number;
  /** May be replaced by the caller: an initializer that is also a graph input. */
  readonly isDefault: boolean;
  /** Its bytes, where it is small and comes from the file. */
  readonly small?: Uint8Array | undefined;
  /** Equal where type, dims and bytes are; undefined where it is not small. */
  readonly content?: string | undefined;
}

/** One value, wherever in the model; the same object wherever it is used. */
export interface Value {
  /** Its place among {@link Program.values}. */
  readonly slot: number;
  readonly name: string;
  readonly kind: 'input' | 'constant' | 'produced';
  readonly type: InferredType;
  /** Dense bytes as ONNX Runtime counts them; unknown with the reason. */
  readonly bytes: Dim;
  readonly constant: StoredConstant | undefined;
  /** Of constants: equal where the content is known to be equal. */
  readonly identity?: string | undefined;
  /** Undefined for inputs and constants. */
  readonly producer: ExecutedNode | undefined;
}

/** ONNX Runtime holds each string in a `std::string` of 32 bytes (64-bit builds); its text is not counted. */
const stringBytes = 32;

/** After an edit nearly all types are the same objects again. */
const bytesOfTypes = new WeakMap<InferredType, Dim>();

/** Bytes of a tensor of this type; a formula in the dims. */
export function bytesOfType(type: InferredType): Dim {
  const known = bytesOfTypes.get(type);
  if (known !== undefined) return known;
  const bytes = computeBytes(type);
  bytesOfTypes.set(type, bytes);
  return bytes;
}

/** The same, for a type that no other value has yet. */
export function computeBytes(type: InferredType): Dim {
  if (type.kind === 'unknown') return type;
  if (type.kind === 'map') return unknown('a map has no size that ONNX Runtime reports');
  if (type.kind !== 'tensor') return bytesOfItems(type);
  const { shape, elemType } = type;
  if (isUnknown(shape)) return shape;
  if (elemType === DataType.string) return mul(stringBytes, ...shape);
  const bits = elementBits(elemType);
  if (bits === undefined) return unknown('element type is not known');
  const count = mul(...shape);
  return bits >= 8 ? mul(count, bits / 8) : ceilDiv(mul(count, bits), 8);
}

function bytesOfItems(type: InferredType & { kind: 'sequence' | 'optional' }): Dim {
  if (type.kind === 'optional') return isUnknown(type.elem) ? type.elem : bytesOfType(type.elem);
  if (type.items === undefined) return unknown('length of the sequence is only known when it runs');
  return add(...type.items.map(bytesOfType));
}

/** An edit leaves nearly all tensors the same objects. */
const storedTensors = new WeakMap<TensorRef, StoredConstant>();

export function storedTensor(tensor: TensorRef, isDefault: boolean): StoredConstant {
  const known = storedTensors.get(tensor);
  if (known?.isDefault === isDefault) return known;
  const { dims, dataType, smallData: small } = tensor;
  const stored: StoredConstant = {
    bytes: tensorByteLength(tensor),
    count: elementCount(dims),
    dims,
    dataType,
    isDefault,
    small,
    content: small && `${dataType}[${dims.join()}]${hashOf(small)}`,
  };
  storedTensors.set(tensor, stored);
  return stored;
}

/** Bytes of values and indices; ONNX Runtime makes it dense at load, and so it is counted otherwise. */
export function storedSparse({ values, indices, dims }: SparseTensorRef): StoredConstant {
  return {
    bytes: tensorByteLength(values) + tensorByteLength(indices),
    count: elementCount(dims),
    dims,
    dataType: values.dataType,
    isDefault: false,
  };
}

/** What a Constant node holds; undefined where it holds nothing. */
export function storedByNode(node: Node): StoredConstant | undefined {
  for (const attribute of node.attributes.values()) {
    const stored = storedByAttribute(attribute);
    if (stored) return stored;
  }
  return undefined;
}

function storedByAttribute(a: Attribute): StoredConstant | undefined {
  switch (a.kind) {
    case 'tensor':
      return storedTensor(a.value, false);
    case 'sparseTensor':
      return storedSparse(a.value);
    case 'float':
      return list(DataType.float, []);
    case 'int':
      return list(DataType.int64, []);
    case 'floats':
      return list(DataType.float, [a.value.length]);
    case 'ints':
      return list(DataType.int64, [a.value.length]);
    case 'string':
      return { ...list(DataType.string, []), bytes: a.value.length };
    case 'strings':
      return {
        ...list(DataType.string, [a.value.length]),
        bytes: a.value.reduce((sum, s) => sum + s.length, 0),
      };
    default:
      return undefined;
  }
}

function list(dataType: number, dims: readonly number[]): StoredConstant {
  const bytes = denseByteLength(dataType, dims) ?? 0;
  return { bytes, count: elementCount(dims), dims, dataType, isDefault: false };
}

/** Known dims of a tensor value; undefined where the rank is unknown or it is no tensor. */
export function dimsOfValue(value: Value | undefined): readonly Dim[] | undefined {
  if (value?.type.kind !== 'tensor' || isUnknown(value.type.shape)) return undefined;
  return value.type.shape;
}

/** TensorProto.DataType of a tensor value; 0 where unknown. */
export function elemTypeOfValue(value: Value | undefined): number {
  return value?.type.kind === 'tensor' ? value.type.elemType : 0;
}

/** Of a constant: by its content where that was read, else by its place. */
export function identityOf(slot: number, { content }: StoredConstant): string {
  return content ?? `#${slot}`;
}

/** FNV-1a in two halves: 64 bits, enough to tell apart what one model holds. */
export function hashOf(bytes: ArrayLike<number>): string {
  let [a, b] = [0x811c9dc5, 0x1000193];
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ byte ^ i, 0x85ebca6b);
  }
  return `${(a >>> 0).toString(16)}.${(b >>> 0).toString(16)}`;
}
