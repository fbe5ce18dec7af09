/** Layers that one scale for the whole weight serves badly. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { memorySource, openModel, type ByteSource, type Model } from '../../../src/onnx/index.ts';
import { coarseLayers, type CoarseLayer } from '../../../src/transforms/index.ts';
import { encode, floats, graph, model, node, value } from '../../support/model-builder.ts';

const vad = path.resolve(
  import.meta.dirname,
  '../../../node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx',
);

/** Each has one value far above the others, which one scale for all does not hold. */
function threeSizes(): Model {
  const square = (name: string, n: number) => {
    const values = Array.from({ length: n * n }, (_, i) => (i === 5 ? 300 : Math.sin(i * i)));
    return floats(name, [n, n], values);
  };
  return model(
    graph({
      inputs: [value('x', ['n', 64]), value('u', ['n', 32]), value('v', ['n', 48])],
      outputs: [value('a'), value('b'), value('c')],
      initializers: [square('A', 64), square('B', 32), square('C', 48)],
      nodes: [
        node('MatMul', ['x', 'A'], ['a'], { name: 'large' }),
        node('MatMul', ['u', 'B'], ['b'], { name: 'small' }),
        node('MatMul', ['v', 'C'], ['c'], { name: 'middle' }),
      ],
    }),
  );
}

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
    const { layers: found, nextBytes } = await coarseLayers(m, { all: true });
    assert.equal(nextBytes, undefined);
    assert.deepEqual(found.map((l) => l.node), ['spiked']); // prettier-ignore
    const [{ perTensorDb, perChannelDb }] = found as [CoarseLayer];
    // with steps of 600 / 254 all others become 0
    const lost = spiked.reduce((sum, v) => sum + (v === 300 ? 0 : v * v), 0);
    const expected = 10 * Math.log10((300 ** 2 + lost) / lost);
    assert.ok(Math.abs(perTensorDb - expected) < 0.01, `${perTensorDb} dB, not ${expected}`);
    assert.ok(perChannelDb > perTensorDb + 15, String(perChannelDb));
    assert.deepEqual((await coarseLayers(m, { nodes: ['alike'] })).layers, []);
  });

  it('looks at the smallest layers first, up to the budget, and says where it ended', async () => {
    const m = threeSizes();
    // 32² and 48² float32 weights fit; 64² more would not
    const bytes = (n: number) => 4 * n * n;
    const budgetBytes = bytes(32) + bytes(48) + bytes(64) - 1;
    const some = await coarseLayers(m, { all: true }, { budgetBytes });
    assert.deepEqual(some.layers.map((l) => l.node).toSorted(), ['middle', 'small']);
    assert.deepEqual(some.looked, { layers: 2, of: 3, uptoBytes: bytes(48) });
    assert.equal(some.nextBytes, bytes(64));
    const all = await coarseLayers(m, { all: true }, { budgetBytes: budgetBytes + 1 });
    assert.deepEqual([all.layers.length, all.looked.layers, all.nextBytes], [3, 3, undefined]);
    const none = await coarseLayers(m, { all: true }, { budgetBytes: bytes(32) - 1 });
    assert.deepEqual(none, { layers: [], looked: { layers: 0, of: 3, uptoBytes: 0 }, nextBytes: bytes(32) });
  });

  it('reads no further once it is cancelled', async () => {
    const memory = memorySource('m.onnx', await encode(threeSizes()));
    const controller = new AbortController();
    let reads = 0;
    let isToBeClosed = false;
    const source: ByteSource = {
      name: memory.name,
      sizeBytes: memory.sizeBytes,
      read: (offset, length) => {
        reads++;
        if (isToBeClosed) controller.abort(new Error('closed'));
        return memory.read(offset, length);
      },
      close: () => memory.close(),
    };
    const m = await openModel(source);
    reads = 0;
    await coarseLayers(m, { all: true });
    const whole = reads;
    reads = 0;
    isToBeClosed = true;
    await assert.rejects(coarseLayers(m, { all: true }, { signal: controller.signal }), /closed/);
    assert.ok(whole > 3 && reads === 1, `${reads} reads, of ${whole}`);
    await m.source.close();
  });

  it('tells of silero_vad_v5 what ONNX Runtime makes of the same weights', async () => {
    const m = await openModel(vad);
    try {
      const { layers: found } = await coarseLayers(m, { all: true });
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
