/** The integer tensors of a layer: its weight, and its bias in steps of the product of both scales. */
import { elementCount, tensorByteLength } from '../../../onnx/index.ts';
import { DataType, type TensorRef } from '../../../onnx/model.ts';
import type { Rounding, StepContext } from '../../context.ts';
import type { Entry } from '../../graph/workspace.ts';
import { linearType, roundHalfEven, type LinearType } from '../../kernels/linear.ts';
import type { StaticEdit } from '../../recipe/static.ts';
import { computed, linearBytes, linearTensors, type LinearTensors } from '../../weights/linear-tensors.ts';
import type { LinearParameters } from '../../weights/parameters.ts';
import { lazy } from '../../weights/stream.ts';
import { dropFloatWeight, madeOnce } from '../shared.ts';
import { correctedBias } from './bias-correction.ts';
import { floatBias, hasBias, layerSource, type FloatBias, type LayerPlan } from './layer-floats.ts';
import type { QuantizedValue } from './values.ts';

export interface LayerTensors {
  readonly weight: LinearTensors;
  /** Axis that has one scale per index. */
  readonly axis: number | undefined;
  readonly bias: BiasTensors | undefined;
}

export interface BiasTensors {
  readonly quantized: TensorRef;
  readonly scale: TensorRef;
  readonly zeroPoint: TensorRef;
  readonly isPerChannel: boolean;
}

/** Stored bytes of weight and bias, before and after. */
export function layerBytes(layer: LayerPlan): { readonly before: number; readonly after: number } {
  const { weight, bias, channels, isPerChannel, outAxis } = layer;
  // per channel: an integer, a scale and a zero point; else one scale and zero point for all
  const biasBytes = !hasBias(layer) ? 0 : isPerChannel ? 12 * channels : 4 * channels + 8;
  return {
    before: tensorByteLength(weight.tensor) + (bias === undefined ? 0 : tensorByteLength(bias.tensor)),
    after: linearBytes(weight.tensor.dims, isPerChannel ? outAxis : undefined) + biasBytes,
  };
}

/** The bias is kept so far below the ends of int32. */
const BIAS_MARGIN = 1.0001;
const LARGEST_INT32 = 2 ** 31 - 1;

/** Adds the tensors of the layer to the model, and lets go of the float ones. */
export function layerTensors(
  context: StepContext,
  entry: Entry,
  edit: StaticEdit,
  layer: LayerPlan,
  activation: QuantizedValue,
): LayerTensors {
  const bias = floatBias(context, entry, layer);
  const { tensors, biases } = weightTensors(context, entry, edit, layer);
  dropFloats(context, entry, layer);
  const axis = layer.isPerChannel ? layer.outAxis : undefined;
  if (bias === undefined) return { weight: tensors, axis, bias };
  biases.push({ layer, bias, activation });
  const read =
    layer.mean === undefined ? bias.read : correctedBias(context, entry, layer, bias.read, tensors);
  const integers = biasTensors(context, layer, tensors, { ...bias, read }, activation);
  return { weight: tensors, axis, bias: integers };
}

/**
 * How the weight is rounded, but for steps that get wider where the bias would leave int32.
 */
export function layerRoundings(
  { ws }: StepContext,
  entry: Entry,
  edit: StaticEdit,
  layer: LayerPlan,
): readonly Rounding[] {
  const axis = layer.isPerChannel ? layer.outAxis : undefined;
  const isRescaled = layer.rescalings.length > 0;
  return [
    {
      ...{ kind: 'linear', source: layerSource(ws, entry, layer), type: weightTypeOf(edit, layer), axis },
      unscaled: isRescaled ? layerSource(ws, entry, { ...layer, rescalings: [] }) : undefined,
      needsData: layer.rescalings.some((r) => r.needsData),
    },
  ];
}

function weightTypeOf(
  { weightType, reduceRange = false }: StaticEdit,
  { isPerChannel }: LayerPlan,
): LinearType {
  return linearType(weightType, reduceRange, weightType === 'int8' || isPerChannel);
}

interface SharedWeight {
  readonly tensors: LinearTensors;
  /** Of the layers that use it. */
  readonly biases: Widening[];
}

/** The weight, made once for all layers that need it in the same form. */
function weightTensors(context: StepContext, entry: Entry, edit: StaticEdit, layer: LayerPlan): SharedWeight {
  const { weight, norm, outAxis, isPerChannel, rescalings } = layer;
  const { weightType, reduceRange = false } = edit;
  const axis = isPerChannel ? outAxis : undefined;
  const changes = [norm?.entry.id, ...rescalings.map((r) => r.id)];
  return madeOnce(context, ['static', weightType, reduceRange, axis, changes], weight, () => {
    const { ws } = context;
    const { name } = weight.binding;
    const type = weightTypeOf(edit, layer);
    const biases: Widening[] = [];
    const tensors = linearTensors(
      {
        source: layerSource(ws, entry, layer),
        type,
        axis,
        isTransposed: false,
        factor: 1,
        adjust: (found, signal) =>
          type.isSymmetric ? widenForBiases(found, biases, signal) : Promise.resolve(found),
      },
      {
        quantized: ws.uniqueName(`${name}_quantized`),
        scale: ws.uniqueName(`${name}_scale`),
        zeroPoint: ws.uniqueName(`${name}_zero_point`),
      },
    );
    for (const t of [tensors.quantized, tensors.scale, tensors.zeroPoint]) ws.addInitializer(ws.main, t);
    return { tensors, biases };
  });
}

function dropFloats(context: StepContext, entry: Entry, { weight, bias, norm }: LayerPlan): void {
  dropFloatWeight(context, entry, weight);
  if (bias !== undefined) dropFloatWeight(context, entry, bias);
  if (norm === undefined) return;
  for (const w of [norm.scale, norm.bias, norm.mean, norm.variance]) dropFloatWeight(context, norm.entry, w);
}

interface Widening {
  readonly layer: LayerPlan;
  readonly bias: FloatBias;
  readonly activation: QuantizedValue;
}

/** Wider steps for the weight where a bias, in steps of the product of both scales, would leave int32. */
async function widenForBiases(
  found: LinearParameters,
  biases: readonly Widening[],
  signal: AbortSignal | undefined,
): Promise<LinearParameters> {
  const scales = found.scales.slice();
  for (const { layer, bias, activation } of biases) {
    const [values, { scale }] = [await bias.read(signal), await activation.parameters.read(signal)];
    for (const [c, value] of values.entries()) {
      const at = layer.isPerChannel ? c : 0;
      const least = (BIAS_MARGIN * Math.abs(value)) / (LARGEST_INT32 * scale * Math.abs(layer.alpha));
      scales[at] = Math.max(scales[at] ?? 0, least);
    }
  }
  return { ...found, scales };
}

function biasTensors(
  { ws }: StepContext,
  layer: LayerPlan,
  weight: LinearTensors,
  bias: FloatBias,
  activation: QuantizedValue,
): BiasTensors {
  const { channels, isPerChannel, alpha } = layer;
  const scales = lazy(async (signal) => {
    const [{ scales: steps }, { scale }] = [
      await weight.parameters(signal),
      await activation.parameters.read(signal),
    ];
    return steps.map((s) => Math.fround(Math.fround(scale * s) * alpha));
  });
  const quantized = ws.uniqueName(`${bias.name}_quantized`);
  const made: BiasTensors = {
    isPerChannel,
    quantized: {
      name: quantized,
      dataType: DataType.int32,
      dims: [channels],
      location: computed(4 * channels, async (signal) => {
        const [values, steps] = [await bias.read(signal), await scales(signal)];
        const integers = Int32Array.from(values, (v, c) => toInt32(v / (steps[isPerChannel ? c : 0] ?? 1)));
        return new Uint8Array(integers.buffer);
      }),
    },
    scale: {
      name: ws.uniqueName(`${quantized}_scale`),
      dataType: DataType.float,
      dims: [isPerChannel ? channels : 1],
      location: computed(4 * (isPerChannel ? channels : 1), async (signal) => {
        return new Uint8Array(Float32Array.from(await scales(signal)).buffer);
      }),
    },
    zeroPoint: zeros(ws.uniqueName(`${quantized}_zero_point`), isPerChannel ? [channels] : [1]),
  };
  for (const t of [made.quantized, made.scale, made.zeroPoint]) ws.addInitializer(ws.main, t);
  return made;
}

function zeros(name: string, dims: readonly number[]): TensorRef {
  const bytes = new Uint8Array(4 * elementCount(dims));
  return { name, dataType: DataType.int32, dims, location: { kind: 'inline', bytes } };
}

function toInt32(value: number): number {
  return Math.min(LARGEST_INT32, Math.max(-LARGEST_INT32 - 1, roundHalfEven(value)));
}
