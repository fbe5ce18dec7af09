import assert from 'node:assert/strict';
import path from 'node:path';
import { analyze, tensorLifetimes, type MemoryTimeline } from '../../../src/analysis/index.ts';
import { openModel } from '../../../src/onnx/index.ts';
import { article, branching, convolutional, quantized, withUnknown } from './models.ts';

const root = path.resolve(import.meta.dirname, '../../..');

/** What the tensors alive at each step take together. */
function sums(timeline: MemoryTimeline): number[] {
  const bytes = timeline.nodes.map(() => 0);
  for (const t of tensorLifetimes(timeline, Infinity).tensors)
    for (let step = t.firstStep; step <= t.lastStep; step++) bytes[step] = (bytes[step] ?? 0) + t.bytes;
  return bytes;
}

describe('tensor lifetimes', () => {
  it('run from the step that makes a tensor to the last that needs it; in place, to the step before', () => {
    const { timeline } = analyze(article()).estimate({ optimization: 'disabled', dims: { batch: 16 } });
    assert.deepEqual(
      tensorLifetimes(timeline).tensors.map((t) => [t.name, t.bytes, t.producer, t.firstStep, t.lastStep]),
      [
        ['input', 64_000, undefined, 0, 2],
        ['/fc1/Gemm_output_0', 6400, '/fc1/Gemm', 0, 0],
        ['/relu/Relu_output_0', 6400, '/relu/Relu', 1, 2],
        ['output', 640, '/fc2/Gemm', 2, 2],
      ],
    );
  });

  it('leave out the smallest over a limit, and say how much that is', () => {
    const { timeline } = analyze(article()).estimate({ optimization: 'disabled', dims: { batch: 16 } });
    const { tensors, leftOut } = tensorLifetimes(timeline, 2);
    assert.deepEqual(
      tensors.map((t) => t.name),
      ['input', '/fc1/Gemm_output_0'],
    );
    assert.deepEqual(leftOut, { count: 2, bytes: 7040 });
  });

  it('keep the sizes of their own estimate when another is made', () => {
    const a = analyze(article());
    const first = a.estimate({ dims: { batch: 16 } }).timeline;
    a.estimate({ dims: { batch: 3 } });
    assert.equal(tensorLifetimes(first).tensors[0]?.bytes, 64_000);
  });

  it('refuse a timeline that no estimate made', () => {
    const { timeline } = analyze(article()).estimate();
    assert.throws(() => tensorLifetimes({ ...timeline }), /comes from Analysis\.estimate/);
  });

  for (const [name, make] of Object.entries({ article, branching, convolutional, quantized, withUnknown }))
    for (const optimization of ['disabled', 'all'] as const)
      it(`add up to what is alive at each step of ${name}, optimization ${optimization}`, () => {
        const { timeline } = analyze(make()).estimate({ optimization });
        assert.deepEqual(sums(timeline), timeline.aliveBytes);
      });

  for (const file of [
    'media/samples/fmnist_cnn.onnx',
    'test/fixtures/models/mnist_transformer.onnx',
    'node_modules/@ricky0123/vad-web/dist/silero_vad_legacy.onnx',
  ])
    it(`add up to what is alive at each step of ${path.basename(file)}`, async () => {
      const model = await openModel(path.join(root, file));
      try {
        const { timeline } = analyze(model).estimate();
        assert.deepEqual(sums(timeline), timeline.aliveBytes);
        assert.ok(timeline.nodes.length > 5);
      } finally {
        await model.source.close();
      }
    });
});
