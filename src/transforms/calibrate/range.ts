/** From what calibration data told of an activation to the range that its integers span. */
import type { TensorStatistics } from '../../analysis/index.ts';
import { OnnxError } from '../../onnx/index.ts';
import { DEFAULT_PERCENTILE, type StaticEdit } from '../recipe/static.ts';
import { entropyThreshold } from './entropy.ts';
import { mseThreshold } from './mse.ts';
import { percentileThreshold } from './percentile.ts';

/** Bins of the histograms that `entropy`, `percentile` and `mse` look at. */
export const HISTOGRAM_BINS = 2048;

export interface Range {
  readonly min: number;
  readonly max: number;
}

export type RangeSettings = Pick<StaticEdit, 'range' | 'percentile' | 'isSymmetric'>;

/**
 * The range for one activation, never wider than what was seen.
 * @param steps of the integer type, e.g. 255
 * @throws OnnxError where a range is not a number, or the method needs a histogram and there is none
 */
export function rangeOf(
  tensor: string,
  statistics: TensorStatistics,
  settings: RangeSettings,
  steps: number,
): Range {
  const { min, max } = statistics;
  if (!Number.isFinite(min) || !Number.isFinite(max)) {
    throw new OnnxError(
      'unsupported',
      `calibration: "${tensor}" ranges from ${min} to ${max}; the data or the model give NaN or infinities: leave the layers around it out`,
    );
  }
  if (settings.range === 'minmax') return { min, max };
  const threshold = thresholdOf(tensor, statistics, settings, steps);
  return { min: Math.max(min, -threshold), max: Math.min(max, threshold) };
}

function thresholdOf(
  tensor: string,
  { min, max, histogram }: TensorStatistics,
  { range, percentile = DEFAULT_PERCENTILE, isSymmetric }: RangeSettings,
  steps: number,
): number {
  if (histogram === undefined) {
    throw new OnnxError(
      'unsupported',
      `calibration: "${tensor}" has no histogram, which ${range} ranges need: calibrate again`,
    );
  }
  if (range === 'percentile') return percentileThreshold(histogram, percentile);
  const spanOf = (t: number): number =>
    isSymmetric ? 2 * t : Math.max(0, Math.min(t, max)) - Math.min(0, Math.max(-t, min));
  if (range === 'entropy') return entropyThreshold(histogram, (t) => (steps * t) / spanOf(t));
  return mseThreshold(histogram, spanOf, steps);
}
