/** What WebGPU keeps of buffers: sizes, reuse, and what a session takes of the device, as Vulkan was asked for it. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { analyze } from '../../../src/analysis/index.ts';
import { internals } from '../../../src/analysis/memory/analyze.ts';
import { BufferCache, bufferBytes, deviceBuffers } from '../../../src/analysis/ep/webgpu-buffers.ts';
import { openModel, type Model } from '../../../src/onnx/index.ts';
import { floats, graph, model, node, value } from '../../support/model-builder.ts';
import { models, samples } from '../runtime/worker-bundle.ts';

const MiB = 2 ** 20;

describe('A WebGPU buffer', () => {
  const sizes: readonly (readonly [tensor: number, buffer: number])[] = [
    [1, 64],
    [64, 64],
    [65, 128],
    [513, 2048],
    [401_408, 524_288],
    [3 * MiB, 4 * MiB],
    [33 * MiB, 44_236_800],
    [160 * MiB, 160 * MiB],
    [160 * MiB + 1, 160 * MiB + 16],
  ];
  for (const [tensor, buffer] of sizes)
    it(`for ${tensor} bytes has ${buffer}`, () => assert.equal(bufferBytes(tensor), buffer));

  it('is found again by the next tensor of its size', () => {
    const cache = new BufferCache();
    cache.take(400_000);
    cache.release(400_000);
    cache.take(300_000);
    assert.equal(cache.peakBytes, 524_288);
    cache.take(500_000);
    assert.equal(cache.peakBytes, 2 * 524_288);
  });

  it('is kept up to a number of its size, and never beyond the largest', () => {
    const cache = new BufferCache();
    for (let i = 0; i < 3; i++) cache.take(43_000_000);
    for (let i = 0; i < 3; i++) cache.release(43_000_000);
    cache.take(200 * MiB);
    cache.release(200 * MiB);
    // two of 44,236,800 are kept
    assert.equal(cache.peakBytes, Math.max(3 * 44_236_800, 2 * 44_236_800 + 200 * MiB));
    cache.take(200 * MiB);
    assert.equal(cache.peakBytes, 2 * 44_236_800 + 200 * MiB);
  });

  it('beyond that number lasts into the next run, until its first kernels go to the device', () => {
    const cache = new BufferCache();
    const all = (act: () => void) => {
      for (let i = 0; i < 12; i++) act();
    };
    // ten of 16 MiB are kept
    all(() => cache.take(16 * MiB));
    all(() => cache.release(16 * MiB));
    cache.endRun();
    all(() => cache.take(16 * MiB));
    assert.equal(cache.peakBytes, 14 * 16 * MiB);
    const handedOver = new BufferCache();
    all(() => handedOver.take(16 * MiB));
    handedOver.endRun();
    handedOver.handOver();
    all(() => handedOver.take(16 * MiB));
    assert.equal(handedOver.peakBytes, 12 * 16 * MiB);
  });

  it('of nothing is none', () => {
    const cache = new BufferCache();
    cache.take(0);
    cache.release(0);
    assert.equal(cache.peakBytes, 0);
  });
});

function buffersOf(m: Model, dims: Readonly<Record<string, number>>) {
  const level = internals(analyze(m)).variantAt(dims).level('all', 'channels-last-device');
  return deviceBuffers(level.runtime.main, level.sizesAt(dims));
}

describe('The buffers of a session on WebGPU', () => {
  it('are made for each class of a chain once', () => {
    // a: input; b and c of the same class, while d finds a free one of theirs
    const chain = model(
      graph({
        inputs: [value('a', ['n', 100])],
        nodes: [node('Exp', ['a'], ['b']), node('Exp', ['b'], ['c']), node('Exp', ['c'], ['d'])],
        outputs: [value('d')],
      }),
    );
    // 400 bytes: 512; the planner gives Exp no buffer of its own input
    assert.equal(buffersOf(chain, { n: 1 }).tensorBytes, 3 * 512);
    assert.equal(buffersOf(chain, { n: 10 }).tensorBytes, 3 * 4096);
  });

  it('take 4 MiB to write through from the seventeenth kernel on', () => {
    const chain = (length: number) =>
      model(
        graph({
          inputs: [value('h0', [4, 128])],
          nodes: Array.from({ length }, (_, i) => node('MatMul', [`h${i}`, `w${i}`], [`h${i + 1}`])),
          outputs: [value(`h${length}`)],
          initializers: Array.from({ length }, (_, i) => floats(`w${i}`, [128, 128])),
        }),
      );
    // of Vulkan, with weights: 9.01 MiB for 16 and 13.07 for 17
    for (const [length, measured] of [
      [16, 9.01],
      [17, 13.07],
    ] as const) {
      const taken = buffersOf(chain(length), {}).peakBytes / MiB + length / 16;
      assert.ok(Math.abs(taken - measured) < 0.02, `${length}: ${taken} MiB`);
    }
  });

  it('hold a copy of what is reduced along other axes than the last', () => {
    const reduced = (axis: number) =>
      model(
        graph({
          inputs: [value('x', [4, 64, 64])],
          nodes: [node('ReduceMean', ['x'], ['y'], { axes: [axis], keepdims: 0 })],
          outputs: [value('y')],
        }),
      );
    // x 65,536; y 1,024 in 2,048
    assert.equal(buffersOf(reduced(2), {}).tensorBytes, 65_536 + 2048);
    assert.equal(buffersOf(reduced(1), {}).tensorBytes, 2 * 65_536 + 2048);
  });

  // sums of what ONNX Runtime 1.30 created on SwiftShader, without weights and staging; sizes that the host computes
  // have no buffer, but count as one here
  const measured: readonly (readonly [file: string, batch: number, bytes: number, hostScalars?: number])[] = [
    [path.join(samples, 'fmnist_cnn.onnx'), 4, 1_937_664],
    [path.join(models, 'fmnist_mobres.onnx'), 1, 713_792],
    [path.join(models, 'fmnist_mobres.onnx'), 4, 2_855_168],
    [path.join(models, 'mnist_transformer.onnx'), 4, 936_320, 192],
  ];
  for (const [file, batch, bytes, hostScalars = 0] of measured)
    it(`are those that Vulkan was asked for: ${path.basename(file)}, batch ${batch}`, async () => {
      const m = await openModel(file);
      try {
        assert.equal(buffersOf(m, { batch }).tensorBytes - bytes, hostScalars);
      } finally {
        await m.source.close();
      }
    });

  it('are a part of the estimate, and no part of another provider’s', async () => {
    const m = await openModel(path.join(models, 'fmnist_mobres.onnx'));
    try {
      const analysis = analyze(m);
      const e = analysis.estimate({ ep: 'webgpu', dims: { batch: 4 } });
      const { deviceWeights, peakActivation, keptBuffers, overhead, heldPeak } = e;
      const parts = [deviceWeights, peakActivation, keptBuffers, overhead].map((f) => f?.bytes ?? NaN);
      assert.equal(
        heldPeak.bytes,
        parts.reduce((a, b) => a + b, 0),
      );
      // with 8 MiB of blocks and 4 MiB to write through
      assert.ok((keptBuffers?.bytes ?? 0) > 11 * MiB);
      for (const ep of ['cpu', 'cuda', 'dml'] as const)
        assert.equal(analysis.estimate({ ep, dims: { batch: 4 } }).keptBuffers, undefined);
    } finally {
      await m.source.close();
    }
  });
});
