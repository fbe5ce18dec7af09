/** Reads weights in chunks of whole elements, and runs work on the chunks with a bounded number in flight. */
import { elementCount, OnnxError, streamTensor, tensorByteLength } from '../../onnx/index.ts';
import { DataType, type Model, type TensorRef } from '../../onnx/model.ts';
import { executor } from '../executor.ts';
import type { Values } from '../kernels/values.ts';

/** Bytes per chunk: large enough that a system call costs nothing, small enough that several stay in the cache. */
export const CHUNK_BYTES = 2 * 1024 * 1024;

/** A weight and where it is used: what a stream needs to read it and to say what is wrong with it. */
export interface WeightSource {
  readonly model: Model;
  readonly tensor: TensorRef;
  /** Name of the value; a Constant's tensor often has none of its own. */
  readonly name: string;
  /** Id, in the original model, of the node that it is read for. */
  readonly node: string;
}

/** Whole elements, `start` the index of the first one. The bytes are aligned to 8 and must not be written to. */
export interface Chunk {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/**
 * The tensor's little-endian bytes in order, in chunks of whole elements.
 * @throws OnnxError kind 'truncated' where the data end early or go on too long, naming tensor and node.
 */
export async function* elementChunks(
  source: WeightSource,
  elementBytes: number,
  signal?: AbortSignal,
): AsyncGenerator<Chunk, void, undefined> {
  const wanted = elementCount(source.tensor.dims) * elementBytes;
  const options = { chunkBytes: CHUNK_BYTES, ...(signal === undefined ? {} : { signal }) };
  let rest = new Uint8Array(0);
  let done = 0;
  try {
    for await (const piece of streamTensor(source.model, source.tensor, options)) {
      const joined = rest.length === 0 ? piece : concat(rest, piece);
      const whole = joined.length - (joined.length % elementBytes);
      rest = joined.slice(whole);
      // inline and computed tensors come in pieces of any size
      for (let from = 0; from < whole; from += CHUNK_BYTES) {
        const part = joined.subarray(from, Math.min(from + CHUNK_BYTES, whole));
        yield { start: done / elementBytes, bytes: aligned(part) };
        done += part.length;
      }
    }
  } catch (error) {
    throw atNode(error, source);
  }
  if (done + rest.length !== wanted) {
    const message = `tensor "${source.name}" has ${done + rest.length} bytes of data where its shape needs ${wanted}`;
    throw new OnnxError('truncated', message, { file: source.model.source.file.name, node: source.node });
  }
}

/** Most bytes of a chunk that a thread reads for itself, unless a kernel says otherwise: fewer and longer jobs. */
const FILE_CHUNK_BYTES = 4 * 1024 * 1024;

/** Float32 values of a weight, `start` the index of the first one. */
export interface ValueChunk {
  readonly start: number;
  readonly values: Values;
}

/** As `elementChunks` of float32, but of a file that threads can read only what they are to read. */
export function valueChunks(
  source: WeightSource,
  signal?: AbortSignal,
): AsyncGenerator<ValueChunk, void, undefined> {
  return rowGroups(source, 1, 1, signal);
}

/**
 * As `valueChunks`, cut into groups of whole rows: as many as fit a chunk, at least one, always a multiple of `rows` but
 * for the last group.
 * @param inFile of a matrix that lies in a file: so many values of each row will be read, and so many bytes may be read
 * for one chunk
 */
export async function* rowGroups(
  source: WeightSource,
  rowElements: number,
  rows: number,
  signal?: AbortSignal,
  inFile: { readonly columns?: number; readonly mostBytes?: number } = {},
): AsyncGenerator<ValueChunk, void, undefined> {
  const sizeFor = (bytes: number, read = rowElements) =>
    rowElements * rows * Math.max(1, Math.floor(bytes / (4 * rows * read)));
  const place = await placeInFile(source);
  if (place === undefined) {
    yield* groupsOfChunks(source, sizeFor(CHUNK_BYTES), signal);
    return;
  }
  const { columns = rowElements, mostBytes = FILE_CHUNK_BYTES } = inFile;
  const count = elementCount(source.tensor.dims);
  // every thread gets its share of a tensor
  const share = Math.ceil((4 * count * columns) / rowElements / executor().threads);
  const size = sizeFor(Math.min(mostBytes, Math.max(CHUNK_BYTES, share)), columns);
  for (let start = 0; start < count; start += size) {
    signal?.throwIfAborted();
    yield {
      start,
      values: { ...place, offset: place.offset + 4 * start, length: Math.min(size, count - start) },
    };
  }
}

/** Where a float32 tensor lies in one piece in a file that threads can read; undefined where it does not. */
async function placeInFile({ model, tensor }: WeightSource) {
  const { location, dims, dataType } = tensor;
  if (dataType !== DataType.float) return undefined;
  const external = location.kind === 'external';
  if (!external && (location.kind !== 'file' || location.encoding !== 'raw')) return undefined;
  const [range, ...more] = external ? [location] : location.ranges;
  const file = external
    ? await model.source.openExternal(location.path)
    : (location.source ?? model.source.file);
  const { name, sizeBytes } = file;
  const isWhole = range?.length === 4 * elementCount(dims) && range.offset + range.length <= sizeBytes;
  // anything unusual is read, or refused, by streamTensor
  if (range === undefined || more.length > 0 || !isWhole) return undefined;
  const descriptor = await file.openDescriptor?.();
  return descriptor === undefined ? undefined : { descriptor, file: name, offset: range.offset };
}

async function* groupsOfChunks(
  source: WeightSource,
  size: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<ValueChunk, void, undefined> {
  let group: Float32Array | undefined;
  let start = 0;
  let filled = 0;
  for await (const { bytes } of elementChunks(source, 4, signal)) {
    const values = floats(bytes);
    for (let from = 0; from < values.length;) {
      const part = values.subarray(from, from + size - filled);
      from += part.length;
      if (part.length === size) {
        yield { start, values: part };
        start += size;
        continue;
      }
      group ??= new Float32Array(size);
      group.set(part, filled);
      filled += part.length;
      if (filled < size) continue;
      yield { start, values: group };
      [group, filled, start] = [undefined, 0, start + size];
    }
  }
  if (group !== undefined && filled > 0) yield { start, values: group.subarray(0, filled) };
}

/** Float32 values in the aligned bytes of a chunk. */
export function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** The error for a weight that holds NaN or an infinity at element `index`. */
export function notFinite(source: WeightSource, index: number): OnnxError {
  const message = `tensor "${source.name}" holds NaN or an infinity at element ${index}; it can be neither quantized nor pruned: leave this layer out`;
  return new OnnxError('unsupported', message, { file: source.model.source.file.name, node: source.node });
}

/** Applies `work` to every item, at most `limit` at a time, and gives the results in order. */
export async function* mapOrdered<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  limit: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const running: Promise<R>[] = [];
  try {
    for await (const item of items) {
      const result = work(item);
      // a rejection is met when its turn comes; until then it must not count as unhandled
      result.catch(() => undefined);
      running.push(result);
      if (running.length >= limit) yield await (running.shift() as Promise<R>);
    }
    for (let next = running.shift(); next !== undefined; next = running.shift()) yield await next;
  } finally {
    await Promise.allSettled(running);
  }
}

/** `make` called when first asked for, and once only, unless it fails. */
export function lazy<T>(make: (signal?: AbortSignal) => Promise<T>): (signal?: AbortSignal) => Promise<T> {
  let made: Promise<T> | undefined;
  return (signal) => {
    made ??= make(signal).catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

/** Stored bytes of a tensor; of a computed one, the bytes it will have. */
export function storedBytes(tensor: TensorRef): number {
  return tensorByteLength(tensor);
}

function atNode(error: unknown, { name, node }: WeightSource): unknown {
  if (!(error instanceof OnnxError) || error.details.node !== undefined) return error;
  return new OnnxError(error.kind, `tensor "${name}": ${error.message}`, { node, cause: error });
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

function aligned(bytes: Uint8Array): Uint8Array {
  // a copy in any case: slice of a Node Buffer is a view
  return bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
}
