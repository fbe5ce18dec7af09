/** Whether tensors hold the same, told without reading them, or in a stream. */
import { OnnxError } from '../../onnx/errors.ts';
import type { Model, TensorRef } from '../../onnx/model.ts';
import { streamTensor } from '../../onnx/tensor/stream.ts';

/** Of two tensors of one type and shape; undefined: only reading tells. */
export function equalUnread(a: TensorRef, b: TensorRef): boolean | undefined {
  if (a.smallData !== undefined && b.smallData !== undefined)
    return Buffer.compare(a.smallData, b.smallData) === 0;
  if (a.location.kind !== 'external' || b.location.kind !== 'external') return undefined;
  const [{ path, offset, length }, other] = [a.location, b.location];
  return (path === other.path && offset === other.offset && length === other.length) || undefined;
}

export function isAlike(a: TensorRef, b: TensorRef): boolean {
  return (
    a.dataType === b.dataType &&
    a.dims.length === b.dims.length &&
    a.dims.every((dim, axis) => dim === b.dims[axis])
  );
}

/** Whether two tensors of one type and shape hold the same bytes; stops at the first that differ. */
export async function holdSame(
  model: Model,
  a: TensorRef,
  b: TensorRef,
  signal?: AbortSignal,
): Promise<boolean> {
  const other = new Bytes(model, b, signal);
  try {
    for await (const chunk of streamTensor(model, a, { signal }))
      if (!(await other.continueWith(chunk))) return false;
    return true;
  } finally {
    await other.close();
  }
}

/**
 * The bytes of `kept`, in a stream that ends where one of `others` holds something else.
 * @throws OnnxError kind 'malformed' there
 */
export async function* agreed(
  model: Model,
  kept: TensorRef,
  others: readonly TensorRef[],
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const readers = others.map((tensor) => new Bytes(model, tensor, signal));
  try {
    for await (const chunk of streamTensor(model, kept, { signal })) {
      for (const reader of readers)
        if (!(await reader.continueWith(chunk))) throw differs(model, kept, reader);
      yield chunk;
    }
  } finally {
    await Promise.all(readers.map((reader) => reader.close()));
  }
}

function differs(model: Model, kept: TensorRef, { name }: Bytes): OnnxError {
  const what = `initializers "${kept.name}" and "${name}" do not hold the same, but the recipe merges them: take that edit out, or look for duplicates again`;
  return new OnnxError('malformed', what, { file: model.source.file.name });
}

/** A tensor read along another one, whose chunks have other sizes. */
class Bytes {
  readonly name: string;
  readonly #chunks: AsyncIterator<Uint8Array, void, undefined>;
  #rest = new Uint8Array();

  constructor(model: Model, tensor: TensorRef, signal: AbortSignal | undefined) {
    this.name = tensor.name;
    this.#chunks = streamTensor(model, tensor, { signal });
  }

  async continueWith(expected: Uint8Array): Promise<boolean> {
    let at = 0;
    while (at < expected.length) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next();
        if (next.done === true) return false;
        this.#rest = next.value as Uint8Array<ArrayBuffer>;
      }
      const length = Math.min(this.#rest.length, expected.length - at);
      if (Buffer.compare(this.#rest.subarray(0, length), expected.subarray(at, at + length)) !== 0)
        return false;
      this.#rest = this.#rest.subarray(length);
      at += length;
    }
    return true;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
