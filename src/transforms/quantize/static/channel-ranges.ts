/** Largest magnitudes, channel by channel: of weights as they stream by, of activations as calibration saw them. */
import type { Calibration } from '../../../analysis/index.ts';
import type { Range } from '../../calibrate/range.ts';
import type { Workspace } from '../../graph/workspace.ts';
import { readRanges } from '../../weights/parameters.ts';
import type { WeightSource } from '../../weights/stream.ts';
import { channelsOf, type Factors } from './scaled-tensor.ts';
import { notCollected, statisticsOf, type FindRange } from './values.ts';

export async function weightMaxima(
  source: WeightSource,
  axis: number,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const { min, max } = await readRanges(source, channelsOf(source.tensor.dims, axis), signal);
  return Float64Array.from(max, (high, c) => Math.max(high, -(min[c] ?? 0)));
}

export function activationMaxima(
  ws: Workspace,
  calibration: Calibration,
  tensor: string,
  axis: number,
): { readonly maxima: Float64Array; readonly isPositive: boolean } {
  const found = statisticsOf(ws, calibration, tensor, axis);
  if (found.channels === undefined) throw notCollected(ws, tensor);
  return { maxima: found.channels.absMax, isPositive: found.min >= 0 };
}

/** The range of a value whose channels are multiplied: ±max of all, or from 0 where nothing is negative. */
export function rescaledRange(ws: Workspace, tensor: string, axis: number, factors: Factors): FindRange {
  return async (calibration, signal): Promise<Range> => {
    const { maxima, isPositive } = activationMaxima(ws, calibration, tensor, axis);
    const found = await factors(signal);
    const max = maxima.reduce((m, v, c) => Math.max(m, v * (found[c] ?? 1)), 0);
    return { min: isPositive ? 0 : -max, max };
  };
}
