/**
 * Models in code, for every suite: a graph as expressions, weights inline.
 *
 *     const m = model(
 *       graph({
 *         inputs: [value('x', ['batch', 4])],
 *         nodes: [
 *           node('Gemm', ['x', 'w', 'b'], ['h'], { name: 'fc', transB: 1, alpha: float(1) }),
 *           node('Relu', ['h'], ['y']),
 *         ],
 *         outputs: [value('y', ['batch', 2])],
 *         initializers: [floats('w', [2, 4]), floats('b', [2], [0.5, -1])],
 *       }),
 *     );
 *     const bytes = await encode(m);       // as a file
 *     const opened = await reopen(m);      // as openModel gives it
 */
import {
  DataType,
  memorySource,
  modelStream,
  openModel,
  packStrings,
  type Attribute,
  type DeclaredDim,
  type Graph,
  type LocalFunction,
  type Model,
  type Node,
  type OpsetImport,
  type StringEntry,
  type TensorRef,
  type Value,
} from '../../src/onnx/index.ts';

/** A size, a symbol, or null for a dim that is not known. */
export type DimSpec = number | string | null;

/** What an attribute may be written as; an integer is an int, and {@link float} makes it a float. */
export type AttributeSpec =
  | number
  | bigint
  | string
  | boolean
  | readonly number[]
  | readonly string[]
  | TensorRef
  | Graph
  | AttributeContent;

/** An attribute without its name. */
type AttributeContent = Attribute extends infer A ? (A extends Attribute ? Omit<A, 'name'> : never) : never;

export interface GraphSpec {
  readonly name?: string;
  readonly nodes: readonly Node[];
  readonly inputs?: readonly Value[];
  readonly outputs?: readonly Value[];
  readonly initializers?: readonly TensorRef[];
  readonly sparseInitializers?: Graph['sparseInitializers'];
  readonly valueInfo?: readonly Value[];
}

export interface ModelSpec {
  /** Version of ai.onnx. */
  readonly opset?: number;
  /** Other operator sets by domain. */
  readonly opsets?: Readonly<Record<string, number>>;
  readonly irVersion?: number;
  readonly functions?: readonly LocalFunction[];
  readonly metadata?: readonly StringEntry[];
  readonly producerName?: string;
}

interface NodeFields {
  readonly name?: string;
  readonly domain?: string;
  readonly overload?: string;
}

/** `{ name, domain, overload }` are the node's own; every other key is an attribute. */
export type NodeSpec = NodeFields & Readonly<Record<string, AttributeSpec | undefined>>;

export function node(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  { name, domain, overload, ...attributes }: NodeSpec = {},
): Node {
  const entries = Object.entries(attributes).flatMap(([key, spec]) =>
    spec === undefined ? [] : [[key, attribute(key, spec)] as const],
  );
  return {
    name: name ?? '',
    opType,
    domain: domain ?? '',
    overload,
    inputs,
    outputs,
    attributes: new Map(entries),
  };
}

export function attribute(name: string, spec: AttributeSpec): Attribute {
  return { name, ...attributeContent(spec) };
}

/** A float attribute of a value that happens to be whole. */
export const float = (value: number): AttributeContent => ({ kind: 'float', value });
export const floatList = (value: readonly number[]): AttributeContent => ({ kind: 'floats', value });

/** A node that gives `value`, as exporters write constants that are no initializers. */
export function constant(output: string, value: TensorRef, name = ''): Node {
  return node('Constant', [], [output], { name, value });
}

/** A tensor value; without dims its rank is unknown. */
export function value(name: string, dims?: readonly DimSpec[], elemType: number = DataType.float): Value {
  return { name, type: { kind: 'tensor', elemType, shape: dims?.map(declaredDim) } };
}

export function graph(spec: GraphSpec): Graph {
  return {
    name: spec.name ?? 'g',
    nodes: spec.nodes,
    initializers: new Map((spec.initializers ?? []).map((t) => [t.name, t])),
    sparseInitializers: spec.sparseInitializers ?? [],
    inputs: spec.inputs ?? [],
    outputs: spec.outputs ?? [],
    valueInfo: new Map((spec.valueInfo ?? []).map((v) => [v.name, v])),
  };
}

export function model(g: Graph, spec: ModelSpec = {}): Model {
  const others = Object.entries(spec.opsets ?? {}).map(([domain, version]): OpsetImport => ({
    domain,
    version,
  }));
  return {
    irVersion: spec.irVersion ?? 8,
    producerName: spec.producerName ?? '',
    producerVersion: '',
    domain: '',
    modelVersion: 0n,
    docString: '',
    opsetImports: [{ domain: '', version: spec.opset ?? 17 }, ...others],
    metadata: spec.metadata ?? [],
    graph: g,
    functions: spec.functions ?? [],
    warnings: [],
    source: {
      file: memorySource('test.onnx', new Uint8Array(0)),
      openExternal: () => Promise.reject(new Error('this model has no external data')),
      close: () => Promise.resolve(),
    },
  };
}

/** float32, `values` or else {@link ramp}. */
export function floats(name: string, dims: readonly number[], values?: readonly number[]): TensorRef {
  const numbers = values ?? ramp(dims.reduce((n, d) => n * d, 1));
  return tensor(name, DataType.float, dims, bytesOf(Float32Array.from(numbers)));
}

export function int64s(
  name: string,
  dims: readonly number[],
  values: readonly (number | bigint)[],
): TensorRef {
  return tensor(name, DataType.int64, dims, bytesOf(BigInt64Array.from(values.map(BigInt))));
}

/** [n] of int64: shapes, axes, sizes. */
export function ints(name: string, values: readonly number[]): TensorRef {
  return int64s(name, [values.length], values);
}

export function strings(name: string, values: readonly string[]): TensorRef {
  return tensor(name, DataType.string, [values.length], packStrings(values));
}

/** Of any type; `bytes` as raw_data holds them. What is small is at hand at once, as in an opened model. */
export function tensor(
  name: string,
  dataType: number,
  dims: readonly number[],
  bytes: Uint8Array,
): TensorRef {
  const smallData = bytes.length <= 4096 && dataType !== DataType.string ? bytes : undefined;
  return { name, dataType, dims, location: { kind: 'inline', bytes }, smallData };
}

/** n float32 values that differ, positive and negative. */
export function ramp(n: number): number[] {
  return Array.from({ length: n }, (_, i) => Math.fround(Math.sin(i * 1.7) * (1 + (i % 5))));
}

/** The model as a file, all weights inline. */
export async function encode(m: Model): Promise<Uint8Array> {
  return collect(modelStream(m));
}

/** The model as `openModel` gives it after it was written. */
export async function reopen(m: Model, name = 'test.onnx'): Promise<Model> {
  return openModel(memorySource(name, await encode(m)));
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return new Uint8Array(Buffer.concat(all));
}

export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function declaredDim(dim: DimSpec): DeclaredDim {
  if (dim === null) return { kind: 'none' };
  return typeof dim === 'number' ? { kind: 'size', size: dim } : { kind: 'symbol', symbol: dim };
}

function attributeContent(spec: AttributeSpec): AttributeContent {
  switch (typeof spec) {
    case 'number':
      return Number.isInteger(spec) ? { kind: 'int', value: BigInt(spec) } : float(spec);
    case 'bigint':
      return { kind: 'int', value: spec };
    case 'boolean':
      return { kind: 'int', value: spec ? 1n : 0n };
    case 'string':
      return { kind: 'string', value: utf8(spec) };
    default:
  }
  if (Array.isArray(spec)) return listContent(spec as readonly (number | string)[]);
  if ('kind' in spec) return spec;
  if ('dataType' in spec) return { kind: 'tensor', value: spec };
  return { kind: 'graph', value: spec as Graph };
}

function listContent(list: readonly (number | string)[]): AttributeContent {
  const texts = list.filter((v) => typeof v === 'string');
  if (texts.length > 0) return { kind: 'strings', value: texts.map(utf8) };
  const numbers = list.filter((v) => typeof v === 'number');
  if (numbers.every(Number.isInteger)) return { kind: 'ints', value: numbers.map(BigInt) };
  return floatList(numbers);
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
