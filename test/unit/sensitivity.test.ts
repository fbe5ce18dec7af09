/** The runs of a sensitivity measurement, with a runner that is told what to answer. */
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { openModel, type Model } from '../../src/onnx/index.ts';
import type { CheckReport, CheckRequest } from '../../src/runtime/index.ts';
import { measureSensitivity, type SensitivityOptions, type SensitivityPoint } from '../../src/sensitivity.ts';

const sample = path.resolve(import.meta.dirname, '../../media/samples/fmnist_cnn.onnx');
const conv = '/f/f.3/f.3.0/Conv';

function answer(request: CheckRequest, values: Partial<CheckReport['batches'][number]>): CheckReport {
  const { original, compressed, ep } = request;
  const batch = {
    batchSize: 16,
    samples: 256,
    original: undefined,
    compressed: undefined,
    outputs: [],
    ...values,
  };
  return {
    original,
    compressed,
    ep,
    device: '',
    data: 'x.npz',
    hasLabels: false,
    ortVersion: '',
    batches: [batch],
    warnings: [],
  };
}

const outputOf = (cosine: number) => ({ output: 'y', cosine, sqnrDb: 1, maxAbsError: 1, top1Agreement: 1 });

describe('measureSensitivity', () => {
  let model: Model;
  before(async () => {
    model = await openModel(sample);
  });
  after(() => model.source.close());

  async function measure(
    check: (request: CheckRequest) => CheckReport,
    options: Partial<SensitivityOptions> = {},
  ): Promise<SensitivityPoint[]> {
    const points: SensitivityPoint[] = [];
    await measureSensitivity(model, {
      runner: () => ({
        check: (request) => Promise.resolve(check(request)),
        calibrate: () => Promise.reject(new Error('nothing looks at data')),
        moments: () => Promise.reject(new Error('nothing looks at data')),
      }),
      ...{ modelPath: sample, layers: [conv], ratios: [0.1, 0.5], ep: 'cpu', dims: {}, batchSize: 16 },
      recipe: { version: 1, source: { name: 'x', sizeBytes: 0 }, edits: [] },
      data: { kind: 'random', seed: 0, samples: 256 },
      editAt: (layer, ratio) => ({
        ...{ type: 'prune-channels', layers: { nodes: [layer] }, importance: 'l1', ratio, seed: 0 },
      }),
      onPoint: (point) => points.push(point),
      ...options,
    });
    return points;
  }

  it('runs each ratio on a file of its own, which is gone in the end', async () => {
    const files: string[] = [];
    const sizes: number[] = [];
    const points = await measure((request) => {
      files.push(request.compressed);
      sizes.push(statSync(request.compressed).size);
      assert.equal(request.original, sample);
      return answer(request, { outputs: [outputOf(0.9), outputOf(0.8)] });
    });
    assert.deepEqual(
      points.map((p) => [p.layer, p.ratio, p.cosine, p.accuracy, p.samples, p.data]),
      [
        [conv, 0.1, 0.8, undefined, 256, 'x.npz'],
        [conv, 0.5, 0.8, undefined, 256, 'x.npz'],
      ],
    );
    // 6 and 32 of 64 channels: (32 · 9 + 1) · 4 bytes each, and 64 · 9 · 4 in the layer that reads them
    assert.equal((sizes[0] ?? 0) - (sizes[1] ?? 0) > 26 * (1156 + 2304) - 200, true);
    assert.ok(files.every((f) => !existsSync(path.dirname(f))));
  });

  it('says why a layer cannot be measured, and runs nothing for it', async () => {
    const points = await measure(() => assert.fail('nothing is to be run'), { layers: ['/fc2/Gemm'] });
    assert.deepEqual(
      points.map((p) => [p.reason, p.cosine]),
      [
        ['graph output "logits" has these channels', undefined],
        ['graph output "logits" has these channels', undefined],
      ],
    );
  });

  it('gives the reason of a run that failed, and goes on', async () => {
    let runs = 0;
    const points = await measure((request) =>
      answer(request, ++runs === 1 ? { error: 'no memory' } : { outputs: [outputOf(1)] }),
    );
    assert.deepEqual([points[0]?.reason, points[1]?.cosine], ['no memory', 1]);
  });

  it('ends where it is cancelled', async () => {
    const stop = new AbortController();
    const seen: SensitivityPoint[] = [];
    const run = measure((request) => answer(request, { outputs: [outputOf(1)] }), {
      signal: stop.signal,
      onPoint: (point) => {
        seen.push(point);
        stop.abort();
      },
    });
    await assert.rejects(run, { name: 'AbortError' });
    assert.equal(seen.length, 1);
  });
});
