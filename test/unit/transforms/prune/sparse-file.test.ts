/** Pruned weights as sparse initializers: smaller files, the same model, and no word about memory that is not so. */
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import * as ort from 'onnxruntime-node';
import { analyze } from '../../../../src/analysis/index.ts';
import { openModel, saveModel } from '../../../../src/onnx/index.ts';
import { DataType, type Model, type TensorRef } from '../../../../src/onnx/model.ts';
import { applyRecipe, parseRecipe, serializeRecipe, sparsity } from '../../../../src/transforms/index.ts';
import {
  constant,
  floats,
  graph,
  model,
  node,
  ramp,
  reopen,
  tensor,
  value,
} from '../../../support/model-builder.ts';
import { inTemporaryFolder } from '../../../support/onnx-files.ts';
import { decode, listing, prune, quantize, recipe } from '../edits.ts';
import { calibrate } from './calibration.ts';
import { channels, feeds, run } from './zeroed.ts';

const x = feeds({ x: [4, 32] });

/** x [4, 32] through two layers; the first weight is an initializer, the second one a Constant. */
function net(first: TensorRef = floats('W', [32, 24], ramp(768))): Model {
  return model(
    graph({
      inputs: [value('x', [4, 32])],
      outputs: [value('y', [4, 16])],
      initializers: [first],
      nodes: [
        node('MatMul', ['x', 'W'], ['h'], { name: 'a' }),
        constant('V', floats('', [16, 24], ramp(384))),
        node('Gemm', ['h', 'V'], ['y'], { name: 'b', transB: 1 }),
      ],
    }),
  );
}

/** The dense values of a sparse initializer, once its indices are checked. */
async function dense(m: Model, name: string): Promise<number[]> {
  const found = m.graph.sparseInitializers.find((s) => s.values.name === name);
  assert.ok(found, `${name} is sparse`);
  const [values, indices] = [await decode(m, found.values), await decode(m, found.indices)];
  const result = new Array<number>(found.dims.reduce((n, d) => n * d, 1)).fill(0);
  assert.equal(values.length, indices.length);
  indices.forEach((at, i) => {
    assert.ok(i === 0 || at > indices[i - 1]!, 'in ascending order');
    assert.ok(at < result.length);
    result[at] = values[i]!;
  });
  return result;
}

const codes = (m: Model, edit = prune({ sparse: true, ratio: 0.8 })): string[] =>
  applyRecipe(m, recipe(edit)).warnings.map((w) => w.code);

describe('sparse initializers', () => {
  it('are what the dense pruned model is, in a smaller file whose size was known before', () =>
    inTemporaryFolder(async (folder) => {
      const edit = prune({ ratio: 0.8 });
      const [plain, sparse] = [edit, { ...edit, sparse: true }].map((e) => applyRecipe(net(), recipe(e)));
      const files = ['plain', 'sparse'].map((f) => path.join(folder, `${f}.onnx`));
      await saveModel(plain!.model, files[0]!);
      await saveModel(sparse!.model, files[1]!);
      const reopened = await openModel(files[1]!);
      try {
        assert.deepEqual(listing(reopened.graph), ['MatMul(x, W) -> h', 'Gemm(h, V) -> y']);
        assert.equal(reopened.graph.initializers.size, 0);
        const W = plain!.model.graph.initializers.get('W')!;
        assert.deepEqual(await dense(reopened, 'W'), await decode(plain!.model, W));
        // 768 - 614 and 384 - 307 values of 4 + 8 bytes each
        const bytes = (154 + 77) * 12;
        const planned = analyze(sparse!.model).estimate();
        assert.equal(planned.parameterBytes, bytes);
        assert.equal(
          sparse!.changes.reduce((sum, c) => sum + c.afterBytes, 0),
          bytes,
        );
        const [larger, smaller] = await Promise.all(files.map(async (f) => (await stat(f)).size));
        const overhead = 200;
        assert.ok(Math.abs(larger! - smaller! - (1152 * 4 - bytes)) < overhead, `${larger}, ${smaller}`);
        const [want, got] = [await run(plain!.model, x), await run(reopened, x)];
        assert.deepEqual(got['y']!.data, want['y']!.data);
        // memory at run time and the parameters are those of the dense one
        const [a, b] = [analyze(plain!.model).estimate(), analyze(reopened).estimate()];
        assert.equal(b.totalPeak.bytes, a.totalPeak.bytes);
        assert.equal(b.parameterCount, a.parameterCount);
        assert.deepEqual(await sparsity(reopened, 'a'), { zeros: 614, elements: 768 });
      } finally {
        await reopened.source.close();
      }
    }));

  it('are written for other methods and types, of as many elements as the ratio leaves', async () => {
    const half = tensor(
      'W',
      DataType.float16,
      [32, 24],
      new Uint8Array(Uint16Array.from({ length: 768 }, (_, i) => 0x3000 + i).buffer),
    );
    for (const [title, m, edit, kept] of [
      ['random', net(), prune({ method: 'random', ratio: 0.9 }), 77],
      ['1:4', net(), prune({ pattern: '1:4' }), 192],
      ['wanda', net(), prune({ method: 'wanda', ratio: 0.9 }), 24 * 3], // 29 of 32 per output
      ['sparsegpt', net(), prune({ method: 'sparsegpt', ratio: 0.9 }), 77],
      ['float16', net(half), prune({ ratio: 0.9, layers: { nodes: ['a'] } }), 77],
    ] as const) {
      const targets = applyRecipe(m, recipe(edit)).calibrationTargets;
      const calibration = targets.length === 0 ? undefined : await calibrate(m, x, targets);
      const plain = applyRecipe(m, recipe(edit), { calibration }).model;
      const sparse = applyRecipe(m, recipe({ ...edit, sparse: true }), { calibration }).model;
      const want = await decode(plain, plain.graph.initializers.get('W')!);
      assert.deepEqual(await dense(sparse, 'W'), want, title);
      const { values } = sparse.graph.sparseInitializers.find((s) => s.values.name === 'W')!;
      assert.deepEqual(values.dims, [kept], title);
    }
  });

  it('hold zeros that were there before, where the number asks for them', async () => {
    const zeros = fc.array(fc.integer({ min: -2, max: 2 }), { minLength: 20, maxLength: 90 });
    await fc.assert(
      fc.asyncProperty(zeros, fc.double({ min: 0.67, max: 1, noNaN: true }), async (list, ratio) => {
        const m = model(
          graph({
            inputs: [value('x', [1, 1])],
            outputs: [value('y')],
            initializers: [floats('W', [1, list.length], list)],
            nodes: [node('MatMul', ['x', 'W'], ['y'], { name: 'a' })],
          }),
        );
        for (const method of ['magnitude', 'random'] as const) {
          const edit = prune({ method, ratio });
          const plain = applyRecipe(m, recipe(edit)).model;
          const sparse = applyRecipe(m, recipe({ ...edit, sparse: true })).model;
          const want = await decode(plain, plain.graph.initializers.get('W')!);
          if (sparse.graph.initializers.has('W')) continue;
          assert.deepEqual(await dense(sparse, 'W'), want);
          // indices first: nothing is left over of the values
          const [form] = sparse.graph.sparseInitializers;
          assert.equal(
            (await decode(sparse, form!.indices)).length,
            list.length - Math.round(ratio * list.length),
          );
          const input = { x: new ort.Tensor('float32', [1], [1, 1]) };
          assert.deepEqual((await run(sparse, input))['y']!.data, (await run(plain, input))['y']!.data);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('are left out where they are no smaller, and the reason is said', () => {
    assert.deepEqual(codes(net()), ['sparse-file-only']);
    const edit = prune({ sparse: true, ratio: 0.6 });
    const { model: m, warnings } = applyRecipe(net(), recipe(edit));
    assert.equal(m.graph.sparseInitializers.length, 0);
    assert.deepEqual(
      warnings.map((w) => w.code),
      ['no-dense-saving', 'sparse-not-smaller'],
    );
    assert.match(
      applyRecipe(net(), recipe(prune({ sparse: true, ratio: 0.9 }))).warnings[0]!.message,
      /2 of 2/,
    );
  });

  it('do not go with a global threshold', () => {
    const edit = recipe(prune({ sparse: true, ratio: 0.9 }));
    assert.deepEqual(parseRecipe(serializeRecipe(edit)), edit);
    const bad = serializeRecipe(recipe(prune({ sparse: true, scope: 'global' })));
    assert.throws(
      () => parseRecipe(bad),
      /edits\[0\]\.sparse: with a global threshold only the weights tell/,
    );
  });

  it('give way to what a later edit makes of the weight', () => {
    const m = applyRecipe(net(), recipe(prune({ sparse: true, ratio: 0.9 }), quantize())).model;
    assert.equal(m.graph.sparseInitializers.length, 0);
    assert.ok(m.graph.initializers.size > 0);
  });

  it('are seen by later recipes, which say why they leave them', async () => {
    const saved = await reopen(applyRecipe(net(), recipe(prune({ sparse: true, ratio: 0.9 }))).model);
    for (const edit of [quantize(), prune(), channels({ layers: { nodes: ['a'] } })]) {
      const { changes, model: same } = applyRecipe(saved, recipe(edit));
      const found = changes.find((c) => c.node === 'a');
      assert.equal(found?.status, 'blocked', edit.type);
      if (edit.type !== 'prune-channels') assert.match(found.reason ?? '', /"W" is a sparse initializer/);
      assert.equal(same, saved);
    }
  });

  it('may lie beside the model', () =>
    inTemporaryFolder(async (folder) => {
      const m = model(
        graph({
          inputs: [value('x', [4, 32])],
          outputs: [value('y')],
          initializers: [floats('W', [32, 64], ramp(2048))],
          nodes: [node('MatMul', ['x', 'W'], ['y'], { name: 'a' })],
        }),
      );
      const file = path.join(folder, 'model.onnx');
      const edit = prune({ ratio: 0.75 });
      await saveModel(applyRecipe(m, recipe({ ...edit, sparse: true })).model, file, {
        externalData: 'always',
      });
      const reopened = await openModel(file);
      assert.equal(reopened.graph.sparseInitializers[0]?.values.location.kind, 'external');
      const session = await ort.InferenceSession.create(file);
      const got = (await session.run(x))['y']!.data as Float32Array;
      const want = (await run(applyRecipe(m, recipe(edit)).model, x))['y']!.data as Float32Array;
      got.forEach((v, i) => assert.ok(Math.abs(v - want[i]!) < 1e-4));
      await session.release();
      await reopened.source.close();
    }));
});
