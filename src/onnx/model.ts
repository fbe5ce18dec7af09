/**
 * The graph of an ONNX model as plain, immutable objects (onnx.proto3, ONNX 1.23).
 *
 * Weights are never held: a {@link TensorRef} says where the bytes lie. Objects read from a file keep the
 * byte range they were parsed from ({@link Ranged.range}); the writer copies every object that still carries
 * its range byte for byte and encodes only objects made anew. So an edit is `{ ...node, inputs, range: undefined }`
 * and never a mutation.
 */
import type { ByteSource } from './source.ts';

/** Half-open range of bytes, `[offset, offset + length)`, in the model file. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Bytes of a file, together with the file: not read before they are needed. */
export interface FileBytes extends ByteRange {
  readonly source: ByteSource;
}

/** Something parsed from the model file. */
export interface Ranged {
  /** Where the message's body (without tag and length) lies in the model file; absent on objects made anew. */
  readonly range?: ByteRange | undefined;
  /**
   * Runs of whole fields (tags included) that have no place in these types: quantization annotations, training info,
   * device configurations, and whatever this reader does not know. Re-emitted after the others when re-encoded.
   */
  readonly unknownFields?: readonly (Uint8Array | FileBytes)[] | undefined;
}

/** TensorProto.DataType. A number not listed here is carried through and shown as unknown. */
export const DataType = {
  undefined: 0,
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  complex64: 14,
  complex128: 15,
  bfloat16: 16,
  float8e4m3fn: 17,
  float8e4m3fnuz: 18,
  float8e5m2: 19,
  float8e5m2fnuz: 20,
  uint4: 21,
  int4: 22,
  float4e2m1: 23,
  float8e8m0: 24,
  uint2: 25,
  int2: 26,
} as const;

/** How a file-resident tensor's elements are stored. `raw` is little-endian, sub-byte types packed low bits first. */
export type TensorEncoding =
  | 'raw' // raw_data, or external data
  | 'float' // float_data: packed float32
  | 'double' // double_data
  | 'int32' // int32_data: packed varints; also int8/uint8/int16/uint16/bool/float16/bfloat16/float8/int4 by bit pattern
  | 'int64' // int64_data: packed varints
  | 'uint64' // uint64_data: packed varints; also uint32
  | 'string'; // string_data: not numeric; see `readStrings`

export type TensorLocation =
  /** No element at all, or bytes given by an edit: `bytes` is little-endian as in raw_data; for strings, see `packStrings`. */
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  /**
   * Bytes of the model file: the contents of its data fields, mostly one. Where `tagged`, the ranges are runs of whole
   * fields, tags included: strings, and numbers that were not packed.
   */
  | {
      readonly kind: 'file';
      readonly encoding: TensorEncoding;
      readonly ranges: readonly ByteRange[];
      readonly tagged?: boolean | undefined;
      /** The file that the ranges point into; the model's own where absent. */
      readonly source?: ByteSource | undefined;
    }
  /** Bytes of another file. `path` is as written in the model, relative to the model's folder, POSIX separators. */
  | {
      readonly kind: 'external';
      readonly path: string;
      readonly offset: number;
      readonly length: number;
      readonly checksum?: string | undefined;
    }
  /** Made by a transform when asked for, in a stream of little-endian chunks, `byteLength` bytes in all. */
  | {
      readonly kind: 'computed';
      readonly byteLength: number;
      /** @param reuseBuffers a chunk may be overwritten when the next but one is asked for */
      readonly produce: (signal?: AbortSignal, reuseBuffers?: boolean) => AsyncIterable<Uint8Array>;
      /**
       * May be called some time before `produce`: begins what that would begin with, in bounded memory, which the
       * function given back frees (also where nothing is read any more, and before the source is closed).
       */
      readonly prepare?: (signal?: AbortSignal) => () => Promise<void>;
    };

export interface TensorRef extends Ranged {
  readonly name: string;
  /** See {@link DataType}; unknown numbers are kept. */
  readonly dataType: number;
  /** [d0, d1, …]; a scalar has none. */
  readonly dims: readonly number[];
  readonly location: TensorLocation;
  /** Little-endian bytes, as raw_data would hold them, of tensors small enough to be read when the model was opened. */
  readonly smallData?: Uint8Array | undefined;
  readonly docString?: string | undefined;
  readonly metadata?: readonly StringEntry[] | undefined;
}

/** StringStringEntryProto. Has a range only where writing key and value again would lose something. */
export interface StringEntry extends Ranged {
  readonly key: string;
  readonly value: string;
}

/** `values` [nnz] and `indices` [nnz] (linearised) or [nnz, rank]; `dims` is the dense shape. */
export interface SparseTensorRef extends Ranged {
  readonly values: TensorRef;
  readonly indices: TensorRef;
  readonly dims: readonly number[];
}

/** A dimension as declared: a size, a symbol, or neither. */
export type DeclaredDim =
  | { readonly kind: 'size'; readonly size: number; readonly denotation?: string | undefined }
  | { readonly kind: 'symbol'; readonly symbol: string; readonly denotation?: string | undefined }
  | { readonly kind: 'none'; readonly denotation?: string | undefined };

/** TypeProto. `shape` undefined means: rank unknown. */
export type TypeInfo = Ranged & TypeContent;

type TypeContent =
  | {
      readonly kind: 'tensor' | 'sparseTensor';
      readonly elemType: number;
      readonly shape?: readonly DeclaredDim[] | undefined;
    }
  | { readonly kind: 'sequence' | 'optional'; readonly elem: TypeInfo | undefined }
  | { readonly kind: 'map'; readonly keyType: number; readonly value: TypeInfo | undefined }
  | { readonly kind: 'other' };

export interface Value extends Ranged {
  readonly name: string;
  readonly type?: TypeInfo | undefined;
  readonly docString?: string | undefined;
  readonly metadata?: readonly StringEntry[] | undefined;
}

interface AttributeBase extends Ranged {
  readonly name: string;
  readonly docString?: string | undefined;
}

/** Integers are bigint because real files hold INT64_MAX; see `attributeInt` for the everyday reading. */
export type Attribute = AttributeBase &
  (
    | { readonly kind: 'float'; readonly value: number }
    | { readonly kind: 'int'; readonly value: bigint }
    | { readonly kind: 'string'; readonly value: Uint8Array }
    | { readonly kind: 'tensor'; readonly value: TensorRef }
    | { readonly kind: 'graph'; readonly value: Graph }
    | { readonly kind: 'sparseTensor'; readonly value: SparseTensorRef }
    | { readonly kind: 'type'; readonly value: TypeInfo }
    | { readonly kind: 'floats'; readonly value: readonly number[] }
    | { readonly kind: 'ints'; readonly value: readonly bigint[] }
    | { readonly kind: 'strings'; readonly value: readonly Uint8Array[] }
    | { readonly kind: 'tensors'; readonly value: readonly TensorRef[] }
    | { readonly kind: 'graphs'; readonly value: readonly Graph[] }
    | { readonly kind: 'sparseTensors'; readonly value: readonly SparseTensorRef[] }
    | { readonly kind: 'types'; readonly value: readonly TypeInfo[] }
    /** In a local function: the value is the caller's attribute of that name. `attributeType` is AttributeProto.type. */
    | { readonly kind: 'ref'; readonly refName: string; readonly attributeType: number }
    /** A type this reader does not know; kept in `range` / `unknownFields`. */
    | { readonly kind: 'unknown'; readonly attributeType: number }
  );

export interface Node extends Ranged {
  /** As in the file: may be empty or shared by several nodes. {@link nodeIds} gives unique ids. */
  readonly name: string;
  readonly opType: string;
  /** '' is ai.onnx ('ai.onnx' itself is read as ''). */
  readonly domain: string;
  readonly overload?: string | undefined;
  /** '' marks an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly docString?: string | undefined;
  readonly metadata?: readonly StringEntry[] | undefined;
}

export interface Graph extends Ranged {
  readonly name: string;
  /** In file order, which real files do not always keep topological. */
  readonly nodes: readonly Node[];
  /** By name. Of duplicates, the last one (as ONNX Runtime takes it); the model's warnings name them. */
  readonly initializers: ReadonlyMap<string, TensorRef>;
  /** Initializers hidden by a later one of the same name; written back before it as long as that one is there. */
  readonly shadowedInitializers?: readonly TensorRef[] | undefined;
  readonly sparseInitializers: readonly SparseTensorRef[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly valueInfo: ReadonlyMap<string, Value>;
  readonly docString?: string | undefined;
  readonly metadata?: readonly StringEntry[] | undefined;
}

/** OperatorSetIdProto. Has a range only where writing domain and version again would lose something. */
export interface OpsetImport extends Ranged {
  /** '' is ai.onnx. */
  readonly domain: string;
  readonly version: number;
}

/** FunctionProto: called by nodes whose (domain, opType, overload) equal (domain, name, overload). */
export interface LocalFunction extends Ranged {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Names of attributes without default. */
  readonly attributes: readonly string[];
  /** Attributes with their defaults. */
  readonly attributeDefaults: readonly Attribute[];
  readonly nodes: readonly Node[];
  readonly opsetImports: readonly OpsetImport[];
  readonly valueInfo: ReadonlyMap<string, Value>;
  readonly docString?: string | undefined;
  readonly metadata?: readonly StringEntry[] | undefined;
}

export interface Model extends Ranged {
  readonly irVersion: number;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly domain: string;
  readonly modelVersion: bigint;
  readonly docString: string;
  readonly opsetImports: readonly OpsetImport[];
  readonly metadata: readonly StringEntry[];
  readonly graph: Graph;
  readonly functions: readonly LocalFunction[];
  /** The file the ranges point into, and the way to its external data. */
  readonly source: ModelSource;
  /** What is odd but does not hinder (nodes out of order, duplicate names, …). */
  readonly warnings: readonly ModelWarning[];
}

export interface ModelSource {
  /** The .onnx file itself. */
  readonly file: ByteSource;
  /** Opens an external data file by its path as written in the model; refuses what leaves the model's folder. */
  openExternal(path: string): Promise<ByteSource>;
  /** Closes the file and every external file opened through it. */
  close(): Promise<void>;
}

export interface ModelWarning {
  /** Machine-readable, kebab-case: 'nodes-out-of-order', 'duplicate-initializer', … */
  readonly kind: string;
  readonly message: string;
  /** Id of the node it is about, if any. */
  readonly node?: string | undefined;
}

/** Opset version of `domain` ('' is ai.onnx) in `model`, or undefined where it is not imported. */
export function opsetVersion(model: Pick<Model, 'opsetImports'>, domain = ''): number | undefined {
  return model.opsetImports.find((o) => o.domain === domain)?.version;
}

/**
 * A unique id for each node of one graph, in file order: its name where that is unique and not empty, else
 * `OpType_index` (or `name_index`), with the index counted as ONNX Runtime does (Constant nodes left out), so that
 * the ids of unnamed nodes are the names in its profile. Stable for one file; recipes refer to it.
 * Nodes of a subgraph get `parentId/attribute/id` from the caller by `prefix` (`'parentId/attribute/'`).
 */
export function nodeIds(nodes: readonly Node[], prefix = ''): string[] {
  const names = new Set<string>();
  for (const n of nodes) names.add(n.name);
  if (names.size === nodes.length && !names.has('')) return nodes.map((n) => prefix + n.name);
  const count = new Map<string, number>();
  for (const n of nodes) count.set(n.name, (count.get(n.name) ?? 0) + 1);
  const isNamed = (n: Node) => n.name !== '' && count.get(n.name) === 1;
  const taken = new Set(nodes.filter(isNamed).map((n) => n.name));
  let executed = 0;
  return nodes.map((n, fileIndex) => {
    const index = n.opType === 'Constant' && n.domain === '' ? fileIndex : executed++;
    if (isNamed(n)) return prefix + n.name;
    let id = `${n.name === '' ? n.opType : n.name}_${index}`;
    while (taken.has(id)) id += `#${fileIndex}`;
    taken.add(id);
    return prefix + id;
  });
}

/** `Conv`, `com.microsoft.Attention`. */
export function operatorOf({ domain, opType }: Pick<Node, 'domain' | 'opType'>): string {
  return domain === '' ? opType : `${domain}.${opType}`;
}

/** The integer attribute `name`, clamped to ±2^53; `fallback` where it is absent or of another kind. */
export function attributeInt(node: Pick<Node, 'attributes'>, name: string, fallback: number): number;
export function attributeInt(node: Pick<Node, 'attributes'>, name: string): number | undefined;
export function attributeInt(
  node: Pick<Node, 'attributes'>,
  name: string,
  fallback?: number,
): number | undefined {
  const a = node.attributes.get(name);
  return a?.kind === 'int' ? clampInt(a.value) : fallback;
}

/** The integer-list attribute `name`, each clamped to ±2^53; undefined where it is absent or of another kind. */
export function attributeInts(node: Pick<Node, 'attributes'>, name: string): number[] | undefined {
  const a = node.attributes.get(name);
  return a?.kind === 'ints' ? a.value.map(clampInt) : undefined;
}

/** The float attribute `name`. */
export function attributeFloat(node: Pick<Node, 'attributes'>, name: string, fallback: number): number {
  const a = node.attributes.get(name);
  return a?.kind === 'float' ? a.value : fallback;
}

/** The string attribute `name`, read as UTF-8. */
export function attributeString(node: Pick<Node, 'attributes'>, name: string): string | undefined {
  const a = node.attributes.get(name);
  return a?.kind === 'string' ? new TextDecoder().decode(a.value) : undefined;
}

/** The subgraphs a node holds (If: then_branch, else_branch; Loop, Scan: body; …), with the attribute's name. */
export function subgraphs(node: Pick<Node, 'attributes'>): { attribute: string; graph: Graph }[] {
  const found: { attribute: string; graph: Graph }[] = [];
  for (const a of node.attributes.values()) {
    if (a.kind === 'graph') found.push({ attribute: a.name, graph: a.value });
    else if (a.kind === 'graphs')
      a.value.forEach((graph, i) => found.push({ attribute: `${a.name}[${i}]`, graph }));
  }
  return found;
}

function clampInt(v: bigint): number {
  if (v > BigInt(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER;
  if (v < BigInt(Number.MIN_SAFE_INTEGER)) return Number.MIN_SAFE_INTEGER;
  return Number(v);
}
