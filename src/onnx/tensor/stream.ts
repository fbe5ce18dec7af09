/** The elements of a tensor as raw_data would hold them, wherever and however they are stored. */
import { joined } from '../bytes.ts';
import { dataTypeName, denseByteLength, storedByteLength } from '../datatype.ts';
import { OnnxError, type OnnxErrorKind } from '../errors.ts';
import { MAX_TENSOR_IN_MEMORY_BYTES } from '../limits.ts';
import { DataType, type ByteRange, type Model, type TensorRef } from '../model.ts';
import type { ByteSource } from '../source.ts';
import { decoderFor } from './decode.ts';

export interface StreamOptions {
  /** Bytes read at once; the chunks given may be smaller. */
  readonly chunkBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Chunks may be overwritten when the next but one is asked for. */
  readonly reuseBuffers?: boolean | undefined;
}

const CHUNK_BYTES = 1024 * 1024;

/**
 * The tensor's elements, little-endian, sub-byte types packed low bits first. The chunks are not to be written to.
 * @throws OnnxError kind 'unsupported' for strings (see `readStrings`), 'malformed' where type and shape need another
 * number of bytes than there are, 'external-data' where that file is missing, too short or refused
 */
export async function* streamTensor(
  model: Model,
  tensor: TensorRef,
  options: StreamOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  if (tensor.dataType === DataType.string) {
    throw tensorError(model, tensor, 'unsupported', 'holds strings, which have no binary form');
  }
  const expected = denseByteLength(tensor.dataType, tensor.dims);
  let done = 0;
  for await (const chunk of elements(model, tensor, options)) {
    options.signal?.throwIfAborted();
    done += chunk.length;
    if (expected !== undefined && done > expected) break;
    if (chunk.length > 0) yield chunk;
  }
  if (expected !== undefined && done !== expected) {
    const shape = `${dataTypeName(tensor.dataType)} [${tensor.dims.join(', ')}]`;
    const found = done > expected ? `more than the ${expected}` : `${done} of the ${expected}`;
    throw tensorError(model, tensor, 'malformed', `has ${found} bytes that ${shape} needs`);
  }
}

/** All of {@link streamTensor} in one array, whose bytes begin at a multiple of 8 of its buffer. */
export async function readTensor(
  model: Model,
  tensor: TensorRef,
  options: Pick<StreamOptions, 'signal'> = {},
): Promise<Uint8Array> {
  if (tensor.smallData !== undefined) return tensor.smallData;
  const length = denseByteLength(tensor.dataType, tensor.dims) ?? storedByteLength(tensor);
  if (length > MAX_TENSOR_IN_MEMORY_BYTES) {
    throw tensorError(model, tensor, 'limit', `takes ${length} bytes: too many for one array`);
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of streamTensor(model, tensor, options)) chunks.push(chunk);
  return joined(chunks);
}

/** Contiguous bytes of a source in chunks. */
export async function* rangeChunks(
  source: ByteSource,
  range: ByteRange,
  { chunkBytes = CHUNK_BYTES, signal }: StreamOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const end = range.offset + range.length;
  for (let at = range.offset; at < end; at += chunkBytes) {
    signal?.throwIfAborted();
    yield source.read(at, Math.min(chunkBytes, end - at));
  }
}

async function* elements(model: Model, tensor: TensorRef, options: StreamOptions): AsyncIterable<Uint8Array> {
  const { location } = tensor;
  switch (location.kind) {
    case 'inline':
      yield location.bytes;
      return;
    case 'computed':
      yield* location.produce(options.signal, options.reuseBuffers);
      return;
    case 'external':
      yield* rangeChunks(await openExternalRange(model, tensor), location, options);
      return;
    case 'file': {
      const decoder = decoderFor(location.encoding, tensor.dataType, location.tagged);
      try {
        for (const range of location.ranges) {
          const source = location.source ?? model.source.file;
          for await (const chunk of rangeChunks(source, range, options)) yield decoder.push(chunk);
        }
        decoder.end();
      } catch (error) {
        if (!(error instanceof OnnxError) || error.kind !== 'malformed') throw error;
        throw tensorError(model, tensor, 'malformed', `cannot be read: ${error.message}`);
      }
    }
  }
}

/** The external file, if it is long enough. */
export async function openExternalRange(model: Model, tensor: TensorRef): Promise<ByteSource> {
  const { location } = tensor;
  if (location.kind !== 'external') throw tensorError(model, tensor, 'unsupported', 'is not external');
  const file = await model.source.openExternal(location.path);
  const problem = tooShort(model, tensor, file.sizeBytes);
  if (problem !== undefined) throw problem;
  return file;
}

/** The error for an external tensor that ends beyond its file of `fileBytes`. */
export function tooShort(model: Model, tensor: TensorRef, fileBytes: number): OnnxError | undefined {
  const { location } = tensor;
  if (location.kind !== 'external' || location.offset + location.length <= fileBytes) return undefined;
  const missing = location.offset + location.length - fileBytes;
  const what = `ends beyond its file "${location.path}", which is ${missing} bytes too short: it was not copied completely`;
  return tensorError(model, tensor, 'external-data', what);
}

function tensorError(model: Model, tensor: TensorRef, kind: OnnxErrorKind, what: string): OnnxError {
  const name = tensor.name === '' ? 'a tensor' : `tensor "${tensor.name}"`;
  return new OnnxError(kind, `${name} ${what}`, { file: model.source.file.name });
}
