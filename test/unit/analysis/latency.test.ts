/** What a changed model will take: the work of kernels as ONNX Runtime runs them, and times that scale with it. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { analyze, kernelWork, predictLatency } from '../../../src/analysis/index.ts';
import { openModel, type Model } from '../../../src/onnx/index.ts';
import { applyRecipe } from '../../../src/transforms/index.ts';
import { channels } from '../transforms/prune/zeroed.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const open = (name: string) => openModel(path.join(root, name));
const pruned = (model: Model, ratio: number) =>
  applyRecipe(model, { version: 1, source: { name: '', sizeBytes: 0 }, edits: [channels({ ratio })] }).model;
const work = (opType: string, id: string, amount: number) => ({ opType, id, work: amount });
const time = (opType: string, name: string, durationMs: number) => ({ opType, name, durationMs });

describe('analysis: predicted latency', () => {
  const before = [work('Conv', 'a', 100), work('Conv', 'b', 100), work('Relu', 'c', 10)];
  const after = [work('Conv', 'a', 50), work('Conv', 'b', 25), work('Relu', 'c', 5)];

  it('scales the time of each kernel by its own work, in the order in which those of an operator run', () => {
    const times = [time('Conv', 'nchwc_1', 8), time('Conv', 'nchwc_2', 4), time('Relu', 'c', 2)];
    // (8/2 + 4/4 + 2/2) of 14
    assert.deepEqual(predictLatency(before, after, times), { share: 6 / 14, basis: 'profile' });
  });

  it('goes by names where there are not as many, and splits the rest by work', () => {
    const times = [time('Conv', 'b', 4), time('Relu', 'c', 2)];
    // what is not in the profile did not run
    assert.equal(predictLatency(before, after, times)?.share, 2 / 6);
    const more = [time('Conv', 'b', 4), time('Conv', 'x', 3), time('Conv', 'y', 5), time('Relu', 'c', 2)];
    assert.equal(predictLatency(before, after, more)?.share, (1 + 8 / 2 + 1) / 14);
  });

  it('leaves what it does not know as it is, and counts bodies once', () => {
    const times = [time('Loop', 'l', 50), time('Conv', 'a', 8), time('Conv', 'b', 4), time('Fft', 'f', 3)];
    assert.equal(predictLatency(before, after, times)?.share, (4 + 1 + 3) / 15);
  });

  it('takes the usual rates for a kernel that runs in another layout', () => {
    const blocked = [work('Conv', 'a', 100), work('Conv', 'b', 100)].map((k) => ({ ...k, isBlocked: true }));
    const changed = [
      { ...work('Conv', 'a', 50), isBlocked: false },
      { ...work('Conv', 'b', 50), isBlocked: true },
    ];
    // 50 of 200 in 12 ms, and half of 4 ms
    const times = [time('Conv', 'a', 8), time('Conv', 'b', 4)];
    assert.equal(predictLatency(blocked, changed, times)?.share, (3 + 2) / 12);
  });

  it('goes by work alone without a profile', () => {
    assert.deepEqual(predictLatency(before, after), { share: 80 / 210, basis: 'cost' });
  });

  it('does not know where much of the work is new, or sizes are not known', () => {
    assert.equal(predictLatency(before, [...after, work('MatMulInteger', 'm', 20)])?.share, 100 / 210);
    assert.equal(predictLatency(before, [...after, work('MatMulInteger', 'm', 60)]), undefined);
    assert.equal(predictLatency(before, [...after, work('Add', 'n', NaN)]), undefined);
  });

  it('has a dense network follow its multiply-accumulates', async () => {
    const model = await open('media/samples/fmnist_cnn.onnx');
    const at = { dims: { batch: 100 } };
    const original = kernelWork(analyze(model), at);
    const found = predictLatency(original, kernelWork(analyze(pruned(model, 0.5)), at));
    await model.source.close();
    assert.ok(found !== undefined && Math.abs(found.share - 0.26) < 0.02, String(found?.share));
  });

  it('sees that channels which leave the layout in blocks make a network slower', async () => {
    const model = await open('test/fixtures/models/fmnist_mobres.onnx');
    const at = { dims: { batch: 100 } };
    const original = kernelWork(analyze(model), at);
    const share = (ratio: number) =>
      predictLatency(original, kernelWork(analyze(pruned(model, ratio)), at))?.share ?? NaN;
    // 24, 48 and 96 channels: 12 fill a block of 8 or 16 up; 18 are no multiple of 4
    const [quarter, half] = [share(0.25), share(0.5)];
    const hasBlocks = original.some((k) => k.opType === 'ReorderOutput');
    await model.source.close();
    assert.ok(half > 0.35 && half < 0.75, String(half));
    if (hasBlocks) assert.ok(quarter > 1.2 && quarter < 2.2, String(quarter));
  });
});
