/**
 * A pruned weight as ONNX keeps sparse tensors: the values that stay and, for each, its place in the dense tensor as an
 * int64. How many stay follows from the edit, so the file's size is known before a weight is read. Both are made in a
 * stream; between them one bit for each element is held. ONNX Runtime makes it dense again when it loads the model.
 */
import {
  DataType,
  elementBits,
  elementCount,
  type SparseTensorRef,
  type TensorRef,
} from '../../onnx/index.ts';
import type { Warning } from '../recipe/recipe.ts';

const INDEX_BYTES = 8;
/** Indices that are written at once. */
const CHUNK = 32768;

/**
 * @param dense of kind `computed`, of float32, float16 or bfloat16
 * @param kept so many of its elements are written; at most so many are not zero
 * @returns undefined where that is no smaller
 */
export function sparseForm(dense: TensorRef, kept: number): SparseTensorRef | undefined {
  const { name, dataType, dims, location } = dense;
  const elementBytes = elementBytesOf(dense);
  if (location.kind !== 'computed' || kept * (elementBytes + INDEX_BYTES) >= location.byteLength)
    return undefined;
  const parts = new SparseParts(location.produce, elementBytes, elementCount(dims), kept);
  const computed = (byteLength: number, produce: Produce): TensorRef['location'] => ({
    ...{ kind: 'computed', byteLength, produce },
  });
  return {
    values: {
      ...{ name, dataType, dims: [kept] },
      location: computed(kept * elementBytes, (signal) => parts.values(signal)),
    },
    indices: {
      ...{ name: `${name}_indices`, dataType: DataType.int64, dims: [kept] },
      location: computed(kept * INDEX_BYTES, (signal) => parts.indices(signal)),
    },
    dims,
  };
}

/** What the file holds of it. */
export function sparseBytes({ values, indices }: SparseTensorRef): number {
  return [values, indices].reduce(
    (sum, { location }) => sum + (location.kind === 'computed' ? location.byteLength : 0),
    0,
  );
}

/** Said of an edit that asks for it: how many of its weights are stored so, and what that saves. */
export function storageWarning(stored: number, weights: number): Warning {
  const message =
    stored === 0
      ? 'no weight is stored as sparse_initializer, as none would be smaller: that needs more than 66.7 % zeros in float32, 80 % in 16 bits, in the main graph'
      : `${stored} of ${weights} weights are stored as sparse_initializer: the file gets smaller, but ONNX Runtime makes them dense when it loads it: memory and latency at run time do not fall`;
  return { code: stored === 0 ? 'sparse-not-smaller' : 'sparse-file-only', message };
}

type Produce = (TensorRef['location'] & { readonly kind: 'computed' })['produce'];

class SparseParts {
  private readonly produce: Produce;
  private readonly elementBytes: 2 | 4;
  private readonly count: number;
  private readonly kept: number;
  /** One bit for each element: it is written. Of the values that were read last, for the indices that follow. */
  private mask: Uint8Array | undefined;

  constructor(produce: Produce, elementBytes: 2 | 4, count: number, kept: number) {
    this.produce = produce;
    this.elementBytes = elementBytes;
    this.count = count;
    this.kept = kept;
  }

  async *values(signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    const mask = new Uint8Array(Math.ceil(this.count / 8));
    let [at, left] = [0, this.kept];
    for await (const bytes of this.produce(signal)) {
      const elements = this.elementsOf(bytes);
      const found = elements.slice(0, Math.min(left, elements.length));
      let n = 0;
      for (let i = 0; i < elements.length; i++, at++) {
        const element = elements[i] as number;
        // zeros that were there before make up the number, at the end where they must
        if (left === 0 || (element === 0 && this.count - at > left)) continue;
        found[n++] = element;
        left--;
        mask[at >> 3] = (mask[at >> 3] as number) | (1 << (at & 7));
      }
      if (n > 0) yield new Uint8Array(found.buffer, 0, n * this.elementBytes);
    }
    this.mask = mask;
  }

  async *indices(signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    const mask = await this.takeMask(signal);
    let [chunk, n] = [new BigInt64Array(CHUNK), 0];
    for (let at = 0; at < this.count; at++) {
      if (((mask[at >> 3] as number) & (1 << (at & 7))) === 0) continue;
      chunk[n++] = BigInt(at);
      if (n < CHUNK) continue;
      signal?.throwIfAborted();
      yield new Uint8Array(chunk.buffer);
      [chunk, n] = [new BigInt64Array(CHUNK), 0];
    }
    if (n > 0) yield new Uint8Array(chunk.buffer, 0, n * INDEX_BYTES);
  }

  private async takeMask(signal: AbortSignal | undefined): Promise<Uint8Array> {
    if (this.mask === undefined) {
      const values = this.values(signal);
      while ((await values.next()).done !== true);
    }
    const { mask } = this;
    this.mask = undefined;
    if (mask === undefined) throw new RangeError('the values came to no end');
    return mask;
  }

  /** As bits: of what is written as zero all are 0. */
  private elementsOf(bytes: Uint8Array): Uint32Array | Uint16Array {
    const { elementBytes } = this;
    if (bytes.length % elementBytes !== 0) throw new RangeError('a chunk ends inside an element');
    const own = bytes.byteOffset % elementBytes === 0 ? bytes : bytes.slice();
    const length = bytes.length / elementBytes;
    return elementBytes === 4
      ? new Uint32Array(own.buffer, own.byteOffset, length)
      : new Uint16Array(own.buffer, own.byteOffset, length);
  }
}

function elementBytesOf({ dataType }: TensorRef): 2 | 4 {
  return elementBits(dataType) === 16 ? 2 : 4;
}
