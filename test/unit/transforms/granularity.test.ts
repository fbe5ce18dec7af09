/** Layers that one scale for the whole weight serves badly. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { openModel } from '../../../src/onnx/index.ts';
import { coarseLayers, type CoarseLayer } from '../../../src/transforms/index.ts';
import { floats, graph, model, node, value } from '../../support/model-builder.ts';

const vad = path.resolve(
  import.meta.dirname,
  '../../../node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx',
);

describe('coarseLayers', () => {
  it('names the layer whose channels differ in size, and not the one whose channels are alike', async () => {
    const values = Array.from({ length: 64 * 64 }, (_, i) => Math.sin(i * i));
    // one channel is 300 times the others
    const uneven = values.map((v, i) => (i % 64 === 0 ? 300 * v : v));
    // most of the signal is in that channel: rounded well, it hides the others from the ratio
    const spiked = values.map((v, i) => (i === 5 ? 300 : v));
    const m = model(
      graph({
        inputs: [value('x', ['n', 64])],
        outputs: [value('y', ['n', 64])],
        initializers: [
          floats('A', [64, 64], values),
          floats('B', [64, 64], uneven),
          floats('C', [64, 64], spiked),
        ],
        nodes: [
          node('MatMul', ['x', 'A'], ['a'], { name: 'alike' }),
          node('MatMul', ['a', 'B'], ['b'], { name: 'uneven' }),
          node('MatMul', ['b', 'C'], ['y'], { name: 'spiked' }),
        ],
      }),
    );
    const found = await coarseLayers(m, { all: true });
    assert.deepEqual(found.map((l) => l.node), ['spiked']); // prettier-ignore
    const [{ perTensorDb, perChannelDb }] = found as [CoarseLayer];
    // with steps of 600 / 254 all others become 0
    const lost = spiked.reduce((sum, v) => sum + (v === 300 ? 0 : v * v), 0);
    const expected = 10 * Math.log10((300 ** 2 + lost) / lost);
    assert.ok(Math.abs(perTensorDb - expected) < 0.01, `${perTensorDb} dB, not ${expected}`);
    assert.ok(perChannelDb > perTensorDb + 15, String(perChannelDb));
    assert.deepEqual(await coarseLayers(m, { nodes: ['alike'] }), []);
  });

  it('tells of silero_vad_v5 what ONNX Runtime makes of the same weights', async () => {
    const m = await openModel(vad);
    try {
      const found = await coarseLayers(m, { all: true });
      const [worst, ...others] = found as [CoarseLayer, ...CoarseLayer[]];
      // quantize_dynamic, onnxruntime 1.32, QUInt8, of a Conv with that weight: 19.9 dB
      assert.match(worst.node, /then_branch.*encoder\/3\/reparam_conv\/Conv$/);
      assert.equal(worst.perTensorDb.toFixed(1), '19.9');
      assert.ok(worst.perChannelDb > 33);
      assert.ok(others.every((l) => l.perTensorDb >= worst.perTensorDb));
    } finally {
      await m.source.close();
    }
  });
});
