/** float64 tensors in float32. */
import { elementCount } from '../../onnx/index.ts';
import { DataType, type Model, type TensorRef } from '../../onnx/model.ts';
import { elementChunks } from '../weights/stream.ts';

const LARGEST = 3.4028234663852886e38;
const SMALLEST = 2 ** -149;

/** The tensor in float32, its data made when they are read; the very tensor given where it is not float64. */
export function narrowTensor(model: Model, tensor: TensorRef): TensorRef {
  if (tensor.dataType !== DataType.double) return tensor;
  const { smallData } = tensor;
  const made = { ...tensor, dataType: DataType.float, range: undefined, smallData: undefined };
  if (smallData !== undefined) {
    const bytes = narrowBytes(smallData);
    return { ...made, smallData: bytes, location: { kind: 'inline', bytes } };
  }
  // read for the model as a whole: it goes by its own name
  const source = { model, tensor, name: tensor.name, node: tensor.name };
  const location = {
    kind: 'computed',
    byteLength: 4 * elementCount(tensor.dims),
    produce: async function* (signal?: AbortSignal) {
      for await (const { bytes } of elementChunks(source, 8, signal)) yield narrowBytes(bytes);
    },
  } as const;
  return { ...made, location };
}

/** To nearest; what is finite stays finite, and what is not 0 stays so. Little-endian, as all data of tensors. */
function narrowBytes(bytes: Uint8Array): Uint8Array {
  const wide = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const narrow = new Uint8Array(bytes.byteLength / 2);
  const view = new DataView(narrow.buffer);
  for (let at = 0; at < narrow.length; at += 4)
    view.setFloat32(at, narrowed(wide.getFloat64(2 * at, true)), true);
  return narrow;
}

function narrowed(value: number): number {
  const near = Math.fround(value);
  if (Number.isFinite(value) && !Number.isFinite(near)) return Math.sign(value) * LARGEST;
  return near === 0 && value !== 0 ? Math.sign(value) * SMALLEST : near;
}
