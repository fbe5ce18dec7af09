/** The values of a weight of any float type, in order. */
import { DataType } from '../../onnx/model.ts';
import { decodeFloats } from '../prune/channels/floats.ts';
import { elementBytes } from '../prune/channels/select-tensor.ts';
import { elementChunks, type ValueChunk, type WeightSource } from '../weights/stream.ts';

const FLOAT_TYPES: ReadonlySet<number> = new Set([
  DataType.float,
  DataType.double,
  DataType.float16,
  DataType.bfloat16,
]);

export function isFloat(dataType: number): boolean {
  return FLOAT_TYPES.has(dataType);
}

/** As `valueChunks`, of any float type; what has more bits is rounded to float32. */
export async function* floatChunks(
  source: WeightSource,
  signal?: AbortSignal,
): AsyncGenerator<ValueChunk & { readonly values: Float32Array }, void, undefined> {
  const { dataType } = source.tensor;
  for await (const { start, bytes } of elementChunks(source, elementBytes(dataType) ?? 4, signal)) {
    const values = decodeFloats(bytes, dataType);
    yield { start, values: values instanceof Float32Array ? values : Float32Array.from(values) };
  }
}

/** Gives as many values at a time as are asked for; holds one chunk. */
export class FloatReader {
  private readonly chunks: AsyncGenerator<{ readonly values: Float32Array }, void, undefined>;
  private rest: Float32Array = new Float32Array(0);

  constructor(source: WeightSource, signal?: AbortSignal) {
    this.chunks = floatChunks(source, signal);
  }

  /** The next `count` values. @throws OnnxError as reading does; RangeError where the tensor has fewer */
  async take(count: number): Promise<Float32Array> {
    const taken = new Float32Array(count);
    for (let filled = 0; filled < count;) {
      if (this.rest.length === 0) {
        const next = await this.chunks.next();
        if (next.done === true) throw new RangeError(`${count - filled} values more than there are`);
        this.rest = next.value.values;
        continue;
      }
      const part = this.rest.subarray(0, count - filled);
      taken.set(part, filled);
      filled += part.length;
      this.rest = this.rest.subarray(part.length);
    }
    return taken;
  }

  async close(): Promise<void> {
    await this.chunks.return();
  }
}
