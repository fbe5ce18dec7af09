/** Makes nodes, attributes and small tensors. */
import { DataType, type Attribute, type Node, type TensorRef } from '../../onnx/model.ts';

export function makeNode(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  name: string,
  attributes: readonly Attribute[] = [],
  domain = '',
): Node {
  return { name, opType, domain, inputs, outputs, attributes: new Map(attributes.map((a) => [a.name, a])) };
}

export function intAttribute(name: string, value: number): Attribute {
  return { name, kind: 'int', value: BigInt(value) };
}

export function stringAttribute(name: string, text: string): Attribute {
  return { name, kind: 'string', value: new TextEncoder().encode(text) };
}

export function floatAttribute(name: string, value: number): Attribute {
  return { name, kind: 'float', value };
}

export function intsAttribute(name: string, values: readonly number[]): Attribute {
  return { name, kind: 'ints', value: values.map(BigInt) };
}

/** A tensor whose few bytes are known already. */
export function smallTensor(
  name: string,
  dataType: number,
  dims: readonly number[],
  bytes: Uint8Array,
): TensorRef {
  return { name, dataType, dims, location: { kind: 'inline', bytes }, smallData: bytes };
}

export function float32Tensor(name: string, dims: readonly number[], values: readonly number[]): TensorRef {
  return smallTensor(name, DataType.float, dims, new Uint8Array(Float32Array.from(values).buffer));
}

export function int64Tensor(name: string, dims: readonly number[], values: readonly number[]): TensorRef {
  const bytes = new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer);
  return smallTensor(name, DataType.int64, dims, bytes);
}
