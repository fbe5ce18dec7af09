/** Kernels in worker threads: the same bytes as in this thread, errors that arrive, memory that is used again. */
import assert from 'node:assert/strict';
import { readFile, rm, truncate } from 'node:fs/promises';
import path from 'node:path';
import { openModel, readTensor, saveModel } from '../../../src/onnx/index.ts';
import { DataType, type Model } from '../../../src/onnx/model.ts';
import { setExecutor } from '../../../src/transforms/executor.ts';
import { applyRecipe, type Edit } from '../../../src/transforms/index.ts';
import { SharedMemory } from '../../../src/transforms/shared-memory.ts';
import { WorkerPool } from '../../../src/transforms/worker/pool.ts';
import { graph, model, node, tensor, value } from '../../support/model-builder.ts';
import { bundleFolder } from '../runtime/worker-bundle.ts';
import { blocks, prune, quantize, recipe } from './edits.ts';

/** [1000, 1000] float32: 4 MB, so that there are several chunks. */
function large(change: (values: Float32Array) => void = () => undefined): Model {
  const values = Float32Array.from({ length: 1e6 }, (_, i) => Math.sin(i * 1.7) * (1 + (i % 5)));
  change(values);
  return model(
    graph({
      inputs: [value('x')],
      outputs: [value('y')],
      initializers: [tensor('W', DataType.float, [1000, 1000], new Uint8Array(values.buffer))],
      nodes: [node('Gemm', ['x', 'W'], ['y'], { name: 'fc', transB: 1 })],
    }),
  );
}

async function results(m: Model, edit: Edit): Promise<Map<string, Uint8Array>> {
  const { model: changed } = applyRecipe(m, recipe(edit));
  const found = new Map<string, Uint8Array>();
  for (const [name, t] of changed.graph.initializers) found.set(name, await readTensor(changed, t));
  return found;
}

describe('worker threads', () => {
  let folder = '';
  let pool: WorkerPool;

  before(async () => {
    folder = await bundleFolder({ worker: 'src/transforms/worker/main.ts' });
    pool = new WorkerPool(path.join(folder, 'worker.cjs'), 2);
  });

  after(async () => {
    setExecutor(undefined);
    await pool.dispose();
    await rm(folder, { recursive: true });
  });

  const edits: [string, Edit][] = [
    ['dynamic int8', quantize({ granularity: 'per-channel' })],
    ['dynamic uint8', quantize({ weightType: 'uint8' })],
    ['4-bit blocks', blocks({ blockSize: 64 })],
    ['8-bit blocks', blocks({ bits: 8, blockSize: 32, isSymmetric: true })],
    ['magnitude pruning', prune()],
    ['random pruning', prune({ method: 'random', seed: 3 })],
  ];
  for (const [title, edit] of edits) {
    it(`give what this thread gives: ${title}`, async () => {
      setExecutor(undefined);
      const here = await results(large(), edit);
      setExecutor(pool);
      assert.deepEqual(await results(large(), edit), here);
    });
  }

  for (const [title, edit] of edits) {
    it(`read for themselves what lies in a file: ${title}`, async () => {
      const file = path.join(folder, 'large.onnx');
      await saveModel(large(), file);
      setExecutor(undefined);
      const expected = await results(large(), edit);
      const opened = await openModel(file);
      try {
        // here, too
        for (const executor of [undefined, pool]) {
          setExecutor(executor);
          assert.deepEqual(await results(opened, edit), expected);
        }
      } finally {
        await opened.source.close();
      }
    });
  }

  it('read for themselves what lies in a file beside the model', async () => {
    const file = path.join(folder, 'beside.onnx');
    await saveModel(large(), file, { externalData: 'always' });
    const expected = await results(large(), blocks());
    const opened = await openModel(file);
    try {
      for (const executor of [undefined, pool]) {
        setExecutor(executor);
        assert.deepEqual(await results(opened, blocks()), expected);
      }
    } finally {
      await opened.source.close();
    }
  });

  it('may be started ahead of their work', async () => {
    const early = new WorkerPool(path.join(folder, 'worker.cjs'), 2);
    early.warmUp();
    const args = { values: Float32Array.of(3, -1, 2), start: 0, layout: { channels: 1, inner: 1 } };
    const found = await Promise.all([1, 2, 3].map(() => early.run('range', args)));
    await early.dispose();
    assert.deepEqual(
      found.map(({ min, max }) => [min[0], max[0]]),
      Array.from({ length: 3 }, () => [-1, 3]),
    );
  });

  describe('fill the next weight while one is being written', () => {
    /** Three MatMuls, the columns of which are the output channels. */
    const chain = (change: (values: Float32Array) => void = () => undefined) => {
      const weights = [0, 1, 2].map((n) => {
        const values = Float32Array.from({ length: 256 * 256 }, (_, i) => Math.sin(i * 1.7 + n));
        if (n === 1) change(values);
        return tensor(`W${n}`, DataType.float, [256, 256], new Uint8Array(values.buffer));
      });
      const nodes = weights.map((_, n) =>
        node('MatMul', [`x${n}`, `W${n}`], [`x${n + 1}`], { name: `m${n}` }),
      );
      return model(graph({ inputs: [value('x0')], outputs: [value('x3')], initializers: weights, nodes }));
    };
    const saved = async (name: string, m: Model): Promise<Buffer> => {
      const file = path.join(folder, name);
      await saveModel(applyRecipe(m, recipe(blocks({ bits: 4, blockSize: 32 }))).model, file);
      return readFile(file);
    };

    it('with the same bytes', async () => {
      setExecutor(undefined);
      const expected = await saved('here.onnx', chain());
      setExecutor(pool);
      assert.deepEqual(await saved('threads.onnx', chain()), expected);
    });

    it('with its own error, after which all goes on', async () => {
      setExecutor(pool);
      const bad = chain((values) => (values[500] = NaN));
      await assert.rejects(saved('bad.onnx', bad), /"W1" holds NaN or an infinity at element 500/);
      await assert.rejects(readFile(path.join(folder, 'bad.onnx')), /ENOENT/);
      assert.ok((await saved('good.onnx', chain())).length > 0);
    });
  });

  it('say that a file was cut short', async () => {
    const file = path.join(folder, 'short.onnx');
    await saveModel(large(), file);
    const opened = await openModel(file);
    try {
      await truncate(file, 2_000_000);
      setExecutor(pool);
      await assert.rejects(results(opened, blocks()), /short\.onnx ends at byte 2000000, within a tensor/);
    } finally {
      await opened.source.close();
    }
  });

  it('say which element is not finite', async () => {
    setExecutor(pool);
    const bad = large((values) => (values[777_777] = NaN));
    await assert.rejects(results(bad, blocks()), /holds NaN or an infinity at element 777777/);
    await assert.rejects(results(bad, quantize()), /holds NaN or an infinity at element 777777/);
    // and work on afterwards
    assert.equal((await results(large(), blocks())).size, 3);
  });
});

describe('SharedMemory', () => {
  it('gives the smallest place that is free and large enough, in powers of two', () => {
    const memory = new SharedMemory();
    const [a, b] = [memory.take(1000), memory.take(5000)];
    assert.deepEqual([a.byteLength, b.byteLength], [1024, 8192]);
    memory.give(b);
    memory.give(a);
    assert.equal(memory.take(1024), a);
    assert.equal(memory.take(1024), b);
    assert.notEqual(memory.take(1), a);
  });

  it('grows, and all places stay apart', () => {
    const memory = new SharedMemory();
    const places = [70_000, 3, 1_000_000, 64].map((bytes) => memory.take(bytes));
    places.forEach((place, i) => place.fill(i + 1));
    const all = new Uint8Array(memory.memory.buffer);
    for (const [i, place] of places.entries()) {
      assert.equal(place.byteOffset % 64, 0);
      const found = all.subarray(place.byteOffset, place.byteOffset + place.byteLength);
      assert.ok(found.every((byte) => byte === i + 1));
    }
  });

  it('is that of another where it joins', () => {
    const [first, second] = [new SharedMemory(), new SharedMemory()];
    const place = first.take(100);
    second.join(first.memory);
    new Uint8Array(second.memory.buffer)[place.byteOffset + 7] = 42;
    assert.equal(place[7], 42);
  });
});
