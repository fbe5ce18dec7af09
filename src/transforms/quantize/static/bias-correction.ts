/**
 * What rounding the weight adds to a layer's result on average, (Ŵ − W)·E[x], taken out of the bias
 * (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.2, with
 * means from calibration). A Conv's zeros beyond the edges count as the mean.
 */
import type { Calibration } from '../../../analysis/index.ts';
import { DataType } from '../../../onnx/model.ts';
import type { StepContext } from '../../context.ts';
import type { Entry, Workspace } from '../../graph/workspace.ts';
import { roundHalfEven } from '../../kernels/linear.ts';
import type { LinearTensors } from '../../weights/linear-tensors.ts';
import { elementChunks, floats, lazy } from '../../weights/stream.ts';
import { layerSource, type ActivationMean, type LayerPlan } from './layer-floats.ts';
import { channelsOf } from './scaled-tensor.ts';
import { notCalibrated, notCollected } from './values.ts';

/** The bias, corrected; the mean of each input channel comes from calibration. */
export function correctedBias(
  { ws, calibration }: StepContext,
  entry: Entry,
  layer: LayerPlan,
  bias: (signal?: AbortSignal) => Promise<Float64Array>,
  weight: LinearTensors,
): (signal?: AbortSignal) => Promise<Float64Array> {
  return lazy(async (signal) => {
    const { mean } = layer;
    if (mean === undefined) return bias(signal);
    if (calibration === undefined) throw notCalibrated(ws, mean.target.tensor);
    const means = await meansOf(ws, calibration, mean, signal);
    const [values, lost] = [
      await bias(signal),
      await lostOf(ws, entry, layer, mean.inAxis, weight, means, signal),
    ];
    return values.map((v, c) => v + layer.alpha * (lost[c] ?? 0));
  });
}

async function meansOf(
  ws: Workspace,
  calibration: Calibration,
  { target, factors }: ActivationMean,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const found = calibration.statistics(target.tensor, target.channelAxis)?.channels;
  if (found === undefined) throw notCollected(ws, target.tensor);
  const scales = await factors?.(signal);
  return found.mean.map((m, c) => m * (scales?.[c] ?? 1));
}

/** (W − Ŵ)·means, per output channel. */
async function lostOf(
  ws: Workspace,
  entry: Entry,
  layer: LayerPlan,
  inAxis: number,
  { parameters, quantized }: LinearTensors,
  means: Float64Array,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const { dims } = layer.weight.tensor;
  const [out, input] = [channelsOf(dims, layer.outAxis), channelsOf(dims, inAxis)];
  const { scales, zeroPoints } = await parameters(signal);
  const [low, high] = quantized.dataType === DataType.int8 ? [-128, 127] : [0, 255];
  // input channels of a group of a Conv lie behind those of the groups before
  const groups = Math.max(1, Math.round(means.length / input.channels));
  const perGroup = layer.channels / groups;
  const lost = new Float64Array(layer.channels);
  for await (const { start, bytes } of elementChunks(layerSource(ws, entry, layer), 4, signal)) {
    const values = floats(bytes);
    for (let i = 0; i < values.length; i++) {
      const w = values[i] as number;
      const c = Math.floor((start + i) / out.inner) % out.channels;
      const k = Math.floor((start + i) / input.inner) % input.channels;
      const at = layer.isPerChannel ? c : 0;
      const [scale, zero] = [scales[at] as number, zeroPoints[at] as number];
      const q = Math.min(high, Math.max(low, roundHalfEven(Math.fround(w / scale)) + zero));
      const group = Math.floor(c / perGroup);
      lost[c] =
        (lost[c] as number) + (w - (q - zero) * scale) * (means[group * input.channels + k] as number);
    }
  }
  return lost;
}
