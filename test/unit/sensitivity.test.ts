/** The runs of a sensitivity measurement, with a runner that is told what to answer. */
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { openModel, type Model } from '../../src/onnx/index.ts';
import {
  RunnerError,
  type ComparedRun,
  type KeepRequest,
  type KeptOutputs,
} from '../../src/runtime/index.ts';
import { measureSensitivity, type SensitivityOptions, type SensitivityPoint } from '../../src/sensitivity.ts';

const sample = path.resolve(import.meta.dirname, '../../media/samples/fmnist_cnn.onnx');
const conv = '/f/f.3/f.3.0/Conv';

/** What a run of a changed model told, of the samples that the original was run on. */
const ran = (...cosines: readonly number[]): ComparedRun => ({
  ...{ samples: 256, data: 'x.npz', accuracy: undefined, labelMetrics: [], warnings: [] },
  outputs: cosines.map((cosine, i) => ({
    ...{ output: `y${i}`, cosine, sqnrDb: 1, maxAbsError: 1, top1Agreement: 1 },
  })),
});

/** Notes what it is asked. */
class CountingRunner {
  readonly kept: KeepRequest[] = [];
  disposed = 0;
  readonly #compare: (model: string) => ComparedRun;

  constructor(compare: (model: string) => ComparedRun) {
    this.#compare = compare;
  }

  calibrate(): Promise<never> {
    return Promise.reject(new Error('nothing looks at data'));
  }

  moments(): Promise<never> {
    return this.calibrate();
  }

  keepOutputs(request: KeepRequest): Promise<KeptOutputs> {
    this.kept.push(request);
    return Promise.resolve({
      ...{ samples: 256, data: 'x.npz', accuracy: 0.9, labelMetrics: [], warnings: [], batchSize: 16 },
      compare: async (model) => Promise.resolve(this.#compare(model)),
      dispose: () => {
        this.disposed++;
        return Promise.resolve();
      },
    });
  }
}

describe('measureSensitivity', () => {
  let model: Model;
  before(async () => {
    model = await openModel(sample);
  });
  after(() => model.source.close());

  async function measure(
    compare: (model: string) => ComparedRun,
    options: Partial<SensitivityOptions> = {},
  ): Promise<{ points: SensitivityPoint[]; runner: CountingRunner }> {
    const points: SensitivityPoint[] = [];
    const runner = new CountingRunner(compare);
    await measureSensitivity(model, {
      runner: () => runner,
      ...{ modelPath: sample, layers: [conv], ratios: [0.1, 0.5], ep: 'webgpu', dims: {}, batchSize: 16 },
      recipe: { version: 1, source: { name: 'x', sizeBytes: 0 }, edits: [] },
      data: { kind: 'random', seed: 0, samples: 256 },
      editAt: (layer, ratio) => ({
        ...{ type: 'prune-channels', layers: { nodes: [layer] }, importance: 'l1', ratio, seed: 0 },
      }),
      onPoint: (point) => points.push(point),
      ...options,
    });
    return { points, runner };
  }

  it('runs the original once, and each ratio on a file of its own, which is gone in the end', async () => {
    const files: string[] = [];
    const sizes: number[] = [];
    const { points, runner } = await measure((file) => {
      files.push(file);
      sizes.push(statSync(file).size);
      return ran(0.9, 0.8);
    });
    assert.deepEqual(
      points.map((p) => [p.layer, p.ratio, p.cosine, p.accuracy, p.originalAccuracy, p.samples, p.data]),
      [
        [conv, 0.1, 0.8, undefined, 0.9, 256, 'x.npz'],
        [conv, 0.5, 0.8, undefined, 0.9, 256, 'x.npz'],
      ],
    );
    assert.deepEqual(
      runner.kept.map((k) => [k.model, k.ep, k.batchSize]),
      [[sample, 'webgpu', 16]],
    );
    assert.equal(runner.disposed, 1);
    // 6 and 32 of 64 channels: (32 · 9 + 1) · 4 bytes each, and 64 · 9 · 4 in the layer that reads them
    assert.equal((sizes[0] ?? 0) - (sizes[1] ?? 0) > 26 * (1156 + 2304) - 200, true);
    assert.ok(files.every((f) => !existsSync(path.dirname(f))));
  });

  it('says why a layer cannot be measured, and runs nothing for it', async () => {
    const { points, runner } = await measure(() => assert.fail('nothing is to be run'), {
      layers: ['/fc2/Gemm'],
    });
    assert.deepEqual(
      points.map((p) => [p.reason, p.cosine]),
      [
        ['graph output "logits" has these channels', undefined],
        ['graph output "logits" has these channels', undefined],
      ],
    );
    assert.deepEqual(runner.kept, []);
  });

  it('gives the reason of a run that failed, and goes on', async () => {
    let runs = 0;
    const { points } = await measure(() => {
      if (++runs === 1) throw new RunnerError('out-of-memory', 'no memory');
      return ran(1);
    });
    assert.deepEqual([points[0]?.reason, points[1]?.cosine], ['no memory', 1]);
  });

  it('ends where no other point would fare better', async () => {
    let runs = 0;
    const failing = measure(() => {
      runs++;
      throw new RunnerError('ep', 'no GPU');
    });
    await assert.rejects(failing, /no GPU/);
    assert.equal(runs, 1);
  });

  it('ends where it is cancelled', async () => {
    const stop = new AbortController();
    const seen: SensitivityPoint[] = [];
    const run = measure(() => ran(1), {
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
