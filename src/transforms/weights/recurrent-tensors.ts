/**
 * The three tensors that stand for an LSTM's W or R: as a matrix per direction [4·hidden, inputs] is quantized, its
 * integers come out turned, [directions, inputs, 4·hidden].
 */
import type { TensorRef } from '../../onnx/model.ts';
import type { Rounding } from '../context.ts';
import { linearType } from '../kernels/linear.ts';
import { transposeInto } from '../kernels/transpose.ts';
import { linearTensors, type LinearTensors } from './linear-tensors.ts';
import type { WeightSource } from './stream.ts';

export interface RecurrentPlan {
  /** [directions, gates · hidden, inputs]. */
  readonly source: WeightSource;
  /** One scale for each of gates · hidden; else one per direction. */
  readonly isPerChannel: boolean;
  /** The zero point of uint8 is 128: DynamicQuantizeLSTM takes one value for all channels. */
  readonly weightType: 'int8' | 'uint8';
  readonly reduceRange: boolean;
}

/** How the tensors below are rounded. */
export function recurrentRounding({
  source,
  isPerChannel,
  weightType,
  reduceRange,
}: RecurrentPlan): Rounding & { readonly kind: 'linear' } {
  const [directions = 0, rows = 0, columns = 0] = source.tensor.dims;
  // what shares a scale lies together
  const dims = isPerChannel ? [directions * rows, columns] : [directions, rows * columns];
  return {
    kind: 'linear',
    source: { ...source, tensor: { ...source.tensor, dims } },
    type: linearType(weightType, reduceRange, true),
    axis: 0,
  };
}

export function recurrentTensors(
  plan: RecurrentPlan,
  names: { readonly quantized: string; readonly scale: string; readonly zeroPoint: string },
): Pick<LinearTensors, 'quantized' | 'scale' | 'zeroPoint'> {
  const { isPerChannel, source: whole } = plan;
  const [directions = 0, rows = 0, columns = 0] = whole.tensor.dims;
  const { source, type, axis } = recurrentRounding(plan);
  const made = linearTensors({ source, type, axis, isTransposed: false, factor: 1 }, names);
  const scaleDims = isPerChannel ? [directions, rows] : [directions];
  return {
    quantized: turned(made.quantized, directions, rows, columns),
    scale: { ...made.scale, dims: scaleDims },
    zeroPoint: { ...made.zeroPoint, dims: scaleDims },
  };
}

/** A direction at a time: memory for its integers. */
function turned(integers: TensorRef, directions: number, rows: number, columns: number): TensorRef {
  const { location } = integers;
  if (location.kind !== 'computed') return integers;
  const size = rows * columns;
  return {
    ...integers,
    dims: [directions, columns, rows],
    location: {
      kind: 'computed',
      byteLength: location.byteLength,
      produce: async function* (signal) {
        const band = { firstRow: 0, rows: columns, columns: rows };
        let bytes = new Uint8Array(size);
        let filled = 0;
        for await (const chunk of location.produce(signal)) {
          for (let from = 0; from < chunk.length;) {
            const part = chunk.subarray(from, from + size - filled);
            transposeInto({ ...band, bytes }, part, filled, columns);
            from += part.length;
            filled += part.length;
            if (filled < size) continue;
            yield bytes;
            [bytes, filled] = [new Uint8Array(size), 0];
          }
        }
      },
    },
  };
}
