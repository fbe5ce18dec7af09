/**
 * WebGPU gives what the CPU gives, on real models and on their weights in blocks of 8 bits. On SwiftShader where it is
 * installed, so that it runs without a GPU. In CI the EP has to be there; elsewhere the tests are pending without it.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { openModel, saveModel } from '../../../src/onnx/index.ts';
import type { Runner } from '../../../src/runtime/index.ts';
import { applyRecipe } from '../../../src/transforms/index.ts';
import { blocks, recipe } from '../transforms/edits.ts';
import { TestFolder } from './numpy-files.ts';
import { swiftShader } from './software-gpu.ts';
import { models, samples, Workers } from './worker-bundle.ts';

/** Few: what takes time in software is compiling the shaders. */
const count = 4;
const fashion = path.join(samples, 'fmnist-test-2000.npz');
const digits = path.join(models, 'mnist-test-2000.npz');
/** Both compute in float32, and add in another order: measured are 129 to 136 dB. */
const minSqnrDb = 110;

interface Case {
  readonly file: string;
  readonly data: string;
  /** Layers whose weights are matrices: those that become blocks. */
  readonly layers: number;
}

const CASES: readonly Case[] = [
  { file: path.join(samples, 'fmnist_cnn.onnx'), data: fashion, layers: 2 },
  { file: path.join(models, 'fmnist_mobres.onnx'), data: fashion, layers: 1 },
  { file: path.join(models, 'mnist_transformer.onnx'), data: digits, layers: 20 },
];

describe('WebGPU', function () {
  // compiling takes seconds of both cores, and longer beside other work
  this.timeout(120_000);
  const workers = new Workers();
  const folder = new TestFolder();
  let runner: Runner;

  before(async function () {
    runner = workers.runner(swiftShader === undefined ? {} : { env: swiftShader });
    const webgpu = (await runner.probeEps()).find((s) => s.ep === 'webgpu');
    if (webgpu?.available === true) return;
    const why = `WebGPU does not work here: ${webgpu?.detail}. Install chromium, whose SwiftShader computes on the CPU.`;
    if (process.env['CI'] !== undefined) assert.fail(why);
    console.log(`      ${why}`);
    this.skip();
  });

  async function compare(model: string, data: string): Promise<void> {
    const { outputs, placement } = await runner.compareEps({
      ...{ model, ep: 'webgpu', batchSize: count, dims: {} },
      data: { kind: 'numpy', path: data, limit: count },
    });
    const [logits] = outputs;
    assert.ok((logits?.sqnrDb ?? 0) > minSqnrDb, `${logits?.sqnrDb} dB`);
    assert.equal(logits?.top1Agreement, 1);
    // on the device, and not by falling back; shapes are computed on the CPU
    assert.ok((placement['webgpu'] ?? 0) > 4 * (placement['cpu'] ?? 0), JSON.stringify(placement));
  }

  for (const { file, data, layers } of CASES) {
    const name = path.basename(file);
    it(`gives what the CPU gives: ${name}`, () => compare(file, data));
    it(`gives what the CPU gives: ${name}, weights in blocks of 8 bits`, async () => {
      await compare(await inBlocks(file, folder.file(name), layers), data);
    });
  }
});

/** The model's matrices in blocks of 8 bits, as MatMulNBits. */
async function inBlocks(file: string, target: string, layers: number): Promise<string> {
  const model = await openModel(file);
  try {
    const { model: changed, changes } = applyRecipe(model, recipe(blocks({ bits: 8, blockSize: 32 })));
    assert.equal(changes.filter((c) => c.status === 'applied').length, layers);
    await saveModel(changed, target);
    return target;
  } finally {
    await model.source.close();
  }
}
