/** Statically quantized models (QDQ): the peak against what ONNX Runtime's profile measures with optimization. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { analyze } from '../../../src/analysis/index.ts';
import { withCalibration } from '../../../src/calibrated.ts';
import { openModel, saveModel } from '../../../src/onnx/index.ts';
import type { Edit } from '../../../src/transforms/index.ts';
import { inTemporaryFolder, SAMPLE_MODEL } from '../../support/onnx-files.ts';
import { models, Workers } from '../runtime/worker-bundle.ts';

/** Share of the measured peak by which the prediction may be off. */
const tolerance = 0.002;

describe('the figures of statically quantized models', () => {
  const workers = new Workers();

  async function quantize(file: string, target: string, activationType: 'uint8' | 'int8') {
    const model = await openModel(file);
    try {
      const source = { name: path.basename(file), sizeBytes: model.source.file.sizeBytes };
      const edit: Edit = {
        type: 'quantize',
        layers: { all: true },
        form: 'static',
        format: 'qdq',
        activationType,
        weightType: 'int8',
        granularity: 'per-tensor',
        range: 'minmax',
        isSymmetric: activationType === 'int8',
      };
      const recipe = {
        version: 1 as const,
        source,
        edits: [edit],
        calibration: { samples: 8, batchSize: 8 },
      };
      const options = { runner: () => workers.shared, ep: 'cpu' as const, dims: {} };
      await withCalibration(model, recipe, options, (applied) => saveModel(applied.model, target));
    } finally {
      await model.source.close();
    }
  }

  // convolutions and pools; residual sums and HardSwish, whose values several nodes read; those in int8, which x86
  // computes in float where several nodes read them
  const cases: readonly { file: string; activations: 'uint8' | 'int8' }[] = [
    { file: SAMPLE_MODEL, activations: 'uint8' },
    { file: path.join(models, 'fmnist_mobres.onnx'), activations: 'uint8' },
    { file: path.join(models, 'fmnist_mobres.onnx'), activations: 'int8' },
  ];
  for (const { file, activations } of cases)
    it(`agree on the peaks of ${path.basename(file)}, ${activations}`, async () => {
      await inTemporaryFolder(async (folder) => {
        const target = path.join(folder, 'static.onnx');
        await quantize(file, target, activations);
        const model = await openModel(target);
        try {
          for (const batch of [1, 16]) {
            const dims = { batch };
            const { totalPeak } = analyze(model).estimate({ dims, ep: 'cpu' });
            const { memInUsePeakBytes } = await workers.shared.profile(target, { dims });
            const [measured = Number.NaN] = memInUsePeakBytes;
            const error = Math.abs((totalPeak.bytes ?? 0) / measured - 1);
            assert.ok(error <= tolerance, `batch ${batch}: ${totalPeak.bytes}, measured ${measured}`);
          }
        } finally {
          await model.source.close();
        }
      });
    });
});
