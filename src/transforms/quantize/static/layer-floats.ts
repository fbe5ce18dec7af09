/** A layer's weight and bias in float32, as they are before they become integers: folded and rescaled. */
import { readTensor } from '../../../onnx/index.ts';
import type { CalibrationTarget } from '../../../analysis/index.ts';
import type { StepContext } from '../../context.ts';
import type { Entry, Workspace } from '../../graph/workspace.ts';
import type { Weight } from '../../weights/find.ts';
import { lazy, notFinite, type WeightSource } from '../../weights/stream.ts';
import { scaledTensor, type Factors } from './scaled-tensor.ts';

export interface NormPlan {
  readonly entry: Entry;
  readonly scale: Weight;
  readonly bias: Weight;
  readonly mean: Weight;
  readonly variance: Weight;
  readonly epsilon: number;
}

/** A factor for each channel of what a layer takes or gives. */
export interface Rescaling {
  /** The same for the same factors. */
  readonly id: string;
  /** Axis of the weight. */
  readonly axis: number;
  readonly factors: Factors;
  /** What the layer gives is rescaled: its bias, too. */
  readonly isOutput: boolean;
  /** Whether calibration data decide the factors. */
  readonly needsData: boolean;
}

/** A node with a weight: Y = alpha · X·W + beta · B, the BatchNormalization behind it folded in, then rescaled. */
export interface LayerPlan {
  readonly weight: Weight;
  /** Axis of the weight along the output channels. */
  readonly outAxis: number;
  /** Output channels: the bias has so many values. */
  readonly channels: number;
  readonly isPerChannel: boolean;
  /** The value that the weight is multiplied with. */
  readonly activation: string;
  readonly bias: Weight | undefined;
  readonly alpha: number;
  readonly beta: number;
  readonly norm?: NormPlan | undefined;
  /** In the order in which they are applied. */
  readonly rescalings: readonly Rescaling[];
  /** Where the mean of what it takes is found, for the bias to make up for what rounding the weight loses. */
  readonly mean?: ActivationMean | undefined;
}

export interface ActivationMean {
  readonly target: CalibrationTarget & { readonly channelAxis: number };
  /** Of the weight, along the channels of what it takes. */
  readonly inAxis: number;
  /** What the original value is multiplied by, per channel. */
  readonly factors?: Factors | undefined;
}

export function hasBias({ bias, norm, mean }: LayerPlan): boolean {
  return bias !== undefined || norm !== undefined || mean !== undefined;
}

export function layerSource(
  ws: Workspace,
  entry: Entry,
  { weight, norm, outAxis, rescalings }: LayerPlan,
): WeightSource {
  const { name } = weight.binding;
  const stored: WeightSource = { model: ws.model, tensor: weight.tensor, name, node: entry.id };
  const folded = norm === undefined ? stored : scaledTensor(stored, outAxis, normFactors(ws, norm));
  return rescalings.reduce((source, { axis, factors }) => scaledTensor(source, axis, factors), folded);
}

export interface FloatBias {
  readonly name: string;
  readonly read: (signal?: AbortSignal) => Promise<Float64Array>;
}

/** The layer's bias as it adds to the result; undefined where it has none and needs none. */
export function floatBias({ ws }: StepContext, entry: Entry, layer: LayerPlan): FloatBias | undefined {
  if (!hasBias(layer)) return undefined;
  const { bias, norm, beta, channels, weight, rescalings } = layer;
  const name =
    bias?.binding.name ??
    (norm === undefined ? `${weight.binding.name}_bias` : `${norm.bias.binding.name}_folded`);
  const read = lazy(async (signal) => {
    const own = bias === undefined ? new Float64Array(channels) : await numbersOf(ws, entry, bias, signal);
    let values = own.map((v) => beta * v);
    if (norm !== undefined) {
      const [factors, mean, shift] = await Promise.all([
        normFactors(ws, norm)(signal),
        numbersOf(ws, norm.entry, norm.mean, signal),
        numbersOf(ws, norm.entry, norm.bias, signal),
      ]);
      values = values.map((v, c) => (v - (mean[c] ?? 0)) * (factors[c] ?? 1) + (shift[c] ?? 0));
    }
    for (const { isOutput, factors } of rescalings) {
      if (!isOutput) continue;
      const found = await factors(signal);
      values = values.map((v, c) => v * (found[c] ?? 1));
    }
    return values;
  });
  return { name, read };
}

/** scale / √(variance + ε), per channel. */
function normFactors(ws: Workspace, { entry, scale, variance, epsilon }: NormPlan): Factors {
  return lazy(async (signal) => {
    const [scales, variances] = await Promise.all([
      numbersOf(ws, entry, scale, signal),
      numbersOf(ws, entry, variance, signal),
    ]);
    return scales.map((s, c) => s / Math.sqrt((variances[c] ?? 0) + epsilon));
  });
}

/** All values of a small float32 constant. @throws OnnxError where one is NaN or infinite */
export async function numbersOf(
  ws: Workspace,
  entry: Entry,
  { tensor, binding }: Weight,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  signal?.throwIfAborted();
  // a copy: aligned whatever the bytes' place in their buffer
  const bytes = Uint8Array.from(await readTensor(ws.model, tensor));
  const values = Float64Array.from(new Float32Array(bytes.buffer));
  const bad = values.findIndex((v) => !Number.isFinite(v));
  if (bad >= 0) throw notFinite({ model: ws.model, tensor, name: binding.name, node: entry.id }, bad);
  return values;
}
