/** The data that a recipe names, as the page speaks of them. */
import { RANDOM_CALIBRATION } from '../src/calibrated.ts';
import type { CalibrationView } from '../src/protocol.ts';
import type { CalibrationData } from '../src/transforms/index.ts';

export function calibrationData({ path, samples }: CalibrationView): CalibrationData {
  const { batchSize } = RANDOM_CALIBRATION;
  return { ...(path === undefined ? {} : { path }), samples, batchSize };
}

export function calibrationView(data: CalibrationData | undefined): CalibrationView | undefined {
  return data && { path: data.path, samples: data.samples };
}
