/** The three tensors that stand for an 8-bit weight: integers, scales and zero points, each made when it is read. */
import { elementCount } from '../../onnx/index.ts';
import { DataType, type TensorRef } from '../../onnx/model.ts';
import { executor } from '../executor.ts';
import { middleOf, type LinearType } from '../kernels/linear.ts';
import { WHOLE_TENSOR, type ChannelLayout } from '../kernels/range.ts';
import { transposeInto, type Band } from '../kernels/transpose.ts';
import { readParameters, type LinearParameters } from './parameters.ts';
import { lazy, mapOrdered, valueChunks, type WeightSource } from './stream.ts';

export interface LinearPlan {
  readonly source: WeightSource;
  readonly type: LinearType;
  /** Axis of the source that has one scale per index; undefined: one scale in all. */
  readonly axis: number | undefined;
  /** The integers are those of the transposed matrix. */
  readonly isTransposed: boolean;
  /** The scales are multiplied by it (Gemm's alpha). */
  readonly factor: number;
  /** Shape of the scales where it is not [channels] (or a scalar for one); the zero point is a scalar then. */
  readonly scaleDims?: readonly number[] | undefined;
  /** Changes scales and zero points as found in the weight, e.g. where a bias needs wider steps. */
  readonly adjust?:
    ((found: LinearParameters, signal?: AbortSignal) => Promise<LinearParameters>) | undefined;
}

export interface LinearTensors {
  readonly quantized: TensorRef;
  readonly scale: TensorRef;
  readonly zeroPoint: TensorRef;
  /** Scales (without `factor`) and zero points, found when first asked for. */
  readonly parameters: (signal?: AbortSignal) => Promise<LinearParameters>;
}

/** Bytes of transposed rows held at once. A larger matrix is read once per band of that size. */
const BAND_BYTES = 64 * 1024 * 1024;

export function linearTensors(
  plan: LinearPlan,
  names: { readonly quantized: string; readonly scale: string; readonly zeroPoint: string },
): LinearTensors {
  const { dims } = plan.source.tensor;
  const layout = layoutOf(dims, plan.axis);
  const parameters = lazy(async (signal) => {
    const found = await readParameters(plan.source, layout, plan.type, signal);
    return plan.adjust === undefined ? found : plan.adjust(found, signal);
  });
  const dataType = DataType[plan.type.dataType];
  const zeroPoints = plan.scaleDims === undefined ? layout.channels : 1;
  const perChannel = plan.axis === undefined ? [] : [layout.channels];
  return {
    parameters,
    quantized: {
      name: names.quantized,
      dataType,
      dims: plan.isTransposed ? [...dims].reverse() : dims,
      location: {
        kind: 'computed',
        byteLength: elementCount(dims),
        produce: (signal) =>
          plan.isTransposed
            ? transposedIntegers(plan, layout, parameters, signal)
            : integers(plan, layout, parameters, signal),
      },
    },
    scale: {
      name: names.scale,
      dataType: DataType.float,
      dims: plan.scaleDims ?? perChannel,
      location: computed(4 * layout.channels, async (signal) => {
        const { scales } = await parameters(signal);
        return bytesOf(scales.map((s) => s * plan.factor));
      }),
    },
    zeroPoint: {
      name: names.zeroPoint,
      dataType,
      dims: plan.scaleDims === undefined ? perChannel : [],
      location: plan.type.isSymmetric
        ? { kind: 'inline', bytes: new Uint8Array(zeroPoints).fill(middleOf(plan.type)) }
        : computed(layout.channels, async (signal) => Uint8Array.from((await parameters(signal)).zeroPoints)),
    },
  };
}

/** Bytes of the three tensors. */
export function linearBytes(dims: readonly number[], axis: number | undefined): number {
  return elementCount(dims) + 5 * layoutOf(dims, axis).channels;
}

export function layoutOf(dims: readonly number[], axis: number | undefined): ChannelLayout {
  const channels = axis === undefined ? undefined : dims[axis];
  if (axis === undefined || channels === undefined) return WHOLE_TENSOR;
  return { channels, inner: elementCount(dims.slice(axis + 1)) };
}

type Parameters = (signal?: AbortSignal) => Promise<LinearParameters>;

async function* integers(
  plan: LinearPlan,
  layout: ChannelLayout,
  parameters: Parameters,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const shared = { ...(await parameters(signal)), layout, ...limits(plan.type) };
  const { parallel, run } = executor();
  yield* mapOrdered(valueChunks(plan.source, signal), parallel, ({ start, values }) =>
    run('quantizeLinear', { ...shared, values, start }),
  );
}

async function* transposedIntegers(
  plan: LinearPlan,
  layout: ChannelLayout,
  parameters: Parameters,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const [columns = 0, sourceColumns = 0] = plan.source.tensor.dims;
  const bandRows = Math.max(1, Math.floor(BAND_BYTES / columns));
  for (let firstRow = 0; firstRow < sourceColumns; firstRow += bandRows) {
    const rows = Math.min(bandRows, sourceColumns - firstRow);
    const band: Band = { firstRow, rows, columns, bytes: new Uint8Array(rows * columns) };
    let start = 0;
    for await (const bytes of integers(plan, layout, parameters, signal)) {
      transposeInto(band, bytes, start, sourceColumns);
      start += bytes.length;
    }
    yield band.bytes;
  }
}

export function limits({ dataType }: LinearType): { low: number; high: number } {
  return dataType === 'int8' ? { low: -128, high: 127 } : { low: 0, high: 255 };
}

/** A small tensor that is made in one piece. */
export function computed(
  byteLength: number,
  make: (signal?: AbortSignal) => Promise<Uint8Array>,
): TensorRef['location'] {
  return {
    kind: 'computed',
    byteLength,
    produce: async function* (signal) {
      yield await make(signal);
    },
  };
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
