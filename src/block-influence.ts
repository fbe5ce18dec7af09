/** Where residual blocks meet calibration data: their cosines are written beside the model, and run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { calibrationSpec, RANDOM_CALIBRATION, type CalibratedOptions } from './calibrated.ts';
import { saveModel, type Model } from './onnx/index.ts';
import { blockProbe, type CalibrationData } from './transforms/index.ts';

/**
 * By id of each residual block that can go: 1 − cos(x, x + f(x)), the mean over the data; the lowest matter least.
 * @param folder where the data's path begins
 * @throws as `calibrate`
 */
export async function blockInfluences(
  model: Model,
  data: CalibrationData = RANDOM_CALIBRATION,
  folder: string,
  { runner, ep, dims, batchSymbols, signal, onProgress }: CalibratedOptions,
): Promise<ReadonlyMap<string, number>> {
  const probe = blockProbe(model);
  if (probe === undefined) return new Map();
  const own = await mkdtemp(path.join(tmpdir(), 'vram-lens-blocks-'));
  try {
    const file = path.join(own, 'cosines.onnx');
    await saveModel(probe.model, file, { signal });
    const calibration = await runner().calibrate(
      {
        ...{ model: file, targets: probe.targets, data: await calibrationSpec(data, folder) },
        ...{ ep, batchSize: data.batchSize, dims, batchSymbols },
      },
      { signal, onProgress },
    );
    try {
      return probe.influences(calibration);
    } finally {
      await calibration.dispose();
    }
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}
