/** Constants that stand beside activations (what is added, multiplied, joined), in the activations' integer type. */
import { elementCount } from '../../../onnx/index.ts';
import { DataType, type TensorRef } from '../../../onnx/model.ts';
import type { StepContext } from '../../context.ts';
import type { Entry } from '../../graph/workspace.ts';
import { roundHalfEven } from '../../kernels/linear.ts';
import { WHOLE_TENSOR } from '../../kernels/range.ts';
import type { StaticEdit } from '../../recipe/static.ts';
import type { Weight } from '../../weights/find.ts';
import { computed, linearTensors } from '../../weights/linear-tensors.ts';
import { readParameters } from '../../weights/parameters.ts';
import { elementChunks, floats, lazy, type WeightSource } from '../../weights/stream.ts';
import { dropFloatWeight, madeOnce } from '../shared.ts';
import { integerBytes, integerType, type IntegerType } from './integers.ts';

export interface IntegerConstant {
  readonly quantized: TensorRef;
  readonly scale: TensorRef;
  readonly zeroPoint: TensorRef;
}

export function constantBytesAfter({ tensor }: Weight, edit: StaticEdit): number {
  const { bytes } = integerType(edit.activationType, edit.isSymmetric);
  return bytes * (elementCount(tensor.dims) + 1) + 4;
}

/** The constant with one scale for all its elements, made once for all nodes that need it so. */
export function integerConstant(
  context: StepContext,
  entry: Entry,
  edit: StaticEdit,
  weight: Weight,
): IntegerConstant {
  dropFloatWeight(context, entry, weight);
  return madeOnce(context, ['static constant', edit.activationType, edit.isSymmetric], weight, () => {
    const { ws } = context;
    const { name } = weight.binding;
    const source: WeightSource = { model: ws.model, tensor: weight.tensor, name, node: entry.id };
    const names = {
      quantized: ws.uniqueName(`${name}_quantized`),
      scale: ws.uniqueName(`${name}_scale`),
      zeroPoint: ws.uniqueName(`${name}_zero_point`),
    };
    const type = integerType(edit.activationType, edit.isSymmetric);
    const dataType = edit.activationType;
    const { quantized, scale, zeroPoint } =
      dataType === 'uint8' || dataType === 'int8'
        ? linearTensors(
            { source, type: { ...type, dataType }, axis: undefined, isTransposed: false, factor: 1 },
            names,
          )
        : wideTensors(source, type, names);
    for (const t of [quantized, scale, zeroPoint]) ws.addInitializer(ws.main, t);
    return { quantized, scale, zeroPoint };
  });
}

function wideTensors(
  source: WeightSource,
  type: IntegerType,
  names: { readonly quantized: string; readonly scale: string; readonly zeroPoint: string },
): IntegerConstant {
  const parameters = lazy(async (signal) => {
    const { scales, zeroPoints } = await readParameters(source, WHOLE_TENSOR, type, signal);
    return { scale: scales[0] ?? 1, zeroPoint: zeroPoints[0] ?? 0 };
  });
  const { dims } = source.tensor;
  async function* produce(signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const { scale, zeroPoint } = await parameters(signal);
    for await (const { bytes } of elementChunks(source, 4, signal)) {
      const integers = Uint16Array.from(floats(bytes), (v) => {
        const q = roundHalfEven(Math.fround(v / scale)) + zeroPoint;
        return Math.min(type.high, Math.max(type.low, q)) & 0xffff;
      });
      yield new Uint8Array(integers.buffer);
    }
  }
  const { dataType } = type;
  return {
    quantized: {
      name: names.quantized,
      dataType,
      dims,
      location: { kind: 'computed', byteLength: 2 * elementCount(dims), produce },
    },
    scale: {
      name: names.scale,
      dataType: DataType.float,
      dims: [],
      location: computed(4, async (signal) => {
        return new Uint8Array(Float32Array.of((await parameters(signal)).scale).buffer);
      }),
    },
    zeroPoint: {
      name: names.zeroPoint,
      dataType,
      dims: [],
      location: computed(2, async (signal) => integerBytes((await parameters(signal)).zeroPoint, type)),
    },
  };
}
