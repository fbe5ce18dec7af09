import assert from 'node:assert/strict';
import path from 'node:path';
import {
  analyze,
  laterPeakBytes,
  largestBatch,
  type Analysis,
  type EpName,
} from '../../../src/analysis/index.ts';
import { openModel } from '../../../src/onnx/index.ts';
import { article, branching, convolutional, quantized, quantizedAttention, withUnknown } from './models.ts';

const all = { ep: 'cpu', optimization: 'all', threads: 2 } as const;
const disabled = { ep: 'cpu', optimization: 'disabled', threads: 2 } as const;

describe('the estimate', () => {
  it('adds up the article’s network', () => {
    const e = analyze(article()).estimate({ ...disabled, dims: { batch: 16 } });
    assert.equal(e.parameterCount, 100 * 1000 + 100 + 10 * 100 + 10);
    assert.equal(e.parameterBytes, e.parameterCount * 4);
    assert.deepEqual(
      e.nodes.map((n) => [n.outputShape, n.outputType, n.activationBytes, n.macs]),
      [
        [[16, 100], 'float32', 16 * 400, 16 * 100 * 1000],
        [[16, 100], 'float32', 16 * 400, 0],
        [[16, 10], 'float32', 16 * 40, 16 * 10 * 100],
      ],
    );
  });

  it('holds what ONNX Runtime’s arena holds: packed weights, small constants, buffers in 256 bytes', () => {
    const e = analyze(article()).estimate({ ...disabled, dims: { batch: 16 } });
    // Gemm packs columns by 16: 1000 × 112 and 100 × 16 floats; of the constants only fc2.bias is small (40 bytes)
    const weights = 1000 * 112 * 4 + 100 * 16 * 4 + 40;
    assert.equal(e.deviceWeights.bytes, weights);
    // fc1's output, in which Relu works in place; then fc2's of 640 bytes, which is 3 × 256
    assert.equal(e.totalPeak.bytes, weights + 6400 + 768);
  });

  it('holds the int8 weights of fused attention as QAttention packs them', () => {
    const e = analyze(quantizedAttention()).estimate(disabled);
    // mem_in_use_peak of onnxruntime-node 1.30.0. Each head's 8 columns are filled up to 16, with an int32 sum each;
    // a scale and a zero point are small constants
    assert.equal(e.deviceWeights.bytes, 24 * (16 * 64 + 16 * 4) + 5);
    assert.equal(e.totalPeak.bytes, 56_837);
  });

  it('draws the timeline in the order of execution, with the tensors that make the peak', () => {
    const { timeline, peakActivation } = analyze(article()).estimate({ ...disabled, dims: { batch: 16 } });
    const input = 16 * 4000;
    assert.deepEqual(timeline.nodes, ['/fc1/Gemm', '/relu/Relu', '/fc2/Gemm']);
    assert.deepEqual(timeline.aliveBytes, [input + 6400, input + 6400, input + 6400 + 640]);
    assert.deepEqual([timeline.peakStep, timeline.peakBytes], [2, input + 7040]);
    assert.deepEqual(
      timeline.peakTensors.map((t) => [t.name, t.bytes, t.producer]),
      [
        ['input', input, undefined],
        ['/relu/Relu_output_0', 6400, '/relu/Relu'],
        ['output', 640, '/fc2/Gemm'],
      ],
    );
    assert.deepEqual(peakActivation, { bytes: input + 7040, certainty: 'exact' });
  });

  it('shows the fused graph where it is optimized', () => {
    const { timeline } = analyze(article()).estimate({ ...disabled, optimization: 'all' });
    assert.deepEqual(timeline.nodes, ['/fc1/Gemm', '/fc2/Gemm']);
  });

  it('fuses integer products', () => {
    const a = analyze(quantized());
    assert.equal(a.estimate({ ...disabled, dims: { batch: 4 } }).timeline.nodes.length, 6);
    const { timeline, deviceWeights } = a.estimate({ ...disabled, optimization: 'all', dims: { batch: 4 } });
    assert.deepEqual(timeline.nodes, ['x_QuantizeLinear']);
    // int8 [64, 48] packed with a sum per column; the scale's 4 bytes and the zero point's 1
    assert.equal(deviceWeights.bytes, 64 * 48 + 48 * 4 + 5);
  });

  it('tells the scratch space of the kernel at each step', async () => {
    const e = (await analyzeTransformer()).estimate({ ...all, dims: { batch: 8 } });
    const { stepWorkspaceBytes = [], timeline, workspace } = e;
    assert.equal(stepWorkspaceBytes.length, timeline.nodes.length);
    // Gelu in three feed-forward parts: as much again as it gives, 8 × 28 × 384 floats
    const scratch = stepWorkspaceBytes.filter((bytes) => bytes > 0);
    const one = 8 * 28 * 384 * 4;
    assert.deepEqual(scratch, [one, one, one]);
    assert.equal(workspace.bytes, stepWorkspaceBytes[timeline.peakStep]);
    assert.equal(analyze(convolutional()).estimate({ ep: 'cuda' }).stepWorkspaceBytes, undefined);
  });

  it('counts of two branches the heavier, as a bound', () => {
    const { peakActivation, timeline } = analyze(branching()).estimate({ ...disabled, dims: { batch: 4 } });
    assert.equal(peakActivation.certainty, 'bound');
    assert.equal(timeline.nodes.length, 5);
    // x [4, 8] and the condition, the If's output, and the branch's product
    assert.equal(timeline.peakBytes, 128 + 1 + 128 + 128);
  });

  it('changes every figure with the dims', () => {
    const a = analyze(convolutional());
    const [one, four] = [1, 4].map((n) => a.estimate({ ...disabled, dims: { n } }));
    const images = (e: typeof one) => e?.nodes.map((n) => n.activationBytes ?? -1).slice(0, 5);
    assert.deepEqual(
      images(four),
      images(one)?.map((bytes) => bytes * 4),
    );
  });

  it('ignores a dim that the model does not have, and takes the default of one that is not given', () => {
    const a = analyze(article());
    assert.deepEqual(a.estimate({ dims: { other: 9 } }).dims, { batch: 1 });
  });

  for (const ep of ['webgpu', 'cuda', 'tensorrt', 'dml', 'coreml'] as const satisfies readonly EpName[])
    it(`says of ${ep} what the figure is made of`, () => {
      const e = analyze(article()).estimate({ ep, dims: { batch: 8 } });
      for (const figure of [e.deviceWeights, e.overhead, e.totalPeak]) {
        assert.ok((figure.bytes ?? 0) > 0);
        assert.ok(figure.note);
        assert.notEqual(figure.certainty, 'exact');
      }
    });
});

describe('the largest batch', () => {
  const a = analyze(article());
  const peak = (batch: number) => a.estimate({ ...disabled, dims: { batch } }).heldPeak.bytes ?? 0;

  it('fits, and the next one does not', () => {
    for (const budgetBytes of [1_000_000, 5_000_000, 123_456_789]) {
      const found = largestBatch(a, { ...disabled, budgetBytes });
      assert.ok(found.kind === 'fits');
      assert.equal(peak(found.batch), found.heldPeakBytes);
      assert.ok(found.heldPeakBytes <= budgetBytes && peak(found.batch + 1) > budgetBytes);
    }
  });

  it('fits later runs, too, which may hold more than the first', async () => {
    const transformer = await analyzeTransformer();
    const later = (batch: number) =>
      laterPeakBytes(transformer.estimate({ ...all, dims: { batch }, isRepeated: true })) ?? Number.NaN;
    const first = transformer.estimate({ ...all, dims: { batch: 32 } }).heldPeak.bytes ?? Number.NaN;
    assert.ok(later(32) > 1.1 * first, `${later(32)} and ${first} bytes`);
    const found = largestBatch(transformer, { ...all, budgetBytes: first });
    assert.ok(found.kind === 'fits' && found.batch < 32);
    assert.ok(later(found.batch) <= first && later(found.batch + 1) > first);
  });

  it('is none where even one sample is too large', () => {
    assert.deepEqual(largestBatch(a, { ...disabled, budgetBytes: 1000 }), {
      kind: 'too-large',
      heldPeakBytes: peak(1),
    });
  });

  it('is unknown where no dim is the batch', () => {
    const fixed = article();
    const inputs = fixed.graph.inputs.map((v) => ({
      ...v,
      type: {
        kind: 'tensor' as const,
        elemType: 1,
        shape: [
          { kind: 'size' as const, size: 4 },
          { kind: 'size' as const, size: 1000 },
        ],
      },
    }));
    const found = largestBatch(analyze({ ...fixed, graph: { ...fixed.graph, inputs } }), {
      budgetBytes: 1e9,
    });
    assert.equal(found.kind, 'unknown');
  });

  it('holds for a model of unknown parts as far as they are known', () => {
    assert.equal(largestBatch(analyze(withUnknown()), { budgetBytes: 1e6 }).kind, 'fits');
  });
});

/** Needs nothing of the file once it is analyzed. */
async function analyzeTransformer(): Promise<Analysis> {
  const file = path.join(import.meta.dirname, '../../fixtures/models/mnist_transformer.onnx');
  const model = await openModel(file);
  try {
    return analyze(model);
  } finally {
    await model.source.close();
  }
}
