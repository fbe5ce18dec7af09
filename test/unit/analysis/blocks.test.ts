/** Weights in blocks by DequantizeLinear: the peak is, to the byte, what ONNX Runtime's profile measures on the CPU. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { analyze } from '../../../src/analysis/index.ts';
import { openModel, saveModel, type Model } from '../../../src/onnx/index.ts';
import { applyRecipe } from '../../../src/transforms/index.ts';
import { floats, graph, model, node, ramp, value } from '../../support/model-builder.ts';
import { inTemporaryFolder } from '../../support/onnx-files.ts';
import { Workers } from '../runtime/worker-bundle.ts';

interface Case {
  /** Of the first product; the second one goes back. */
  readonly k: number;
  readonly n: number;
  readonly bits: 4 | 8;
  readonly blockSize: 16 | 32 | 64 | 128;
  readonly isSymmetric: boolean;
}

// widths that fill panels of 16 columns and blocks, and those that do not
const cases: readonly Case[] = [
  { k: 256, n: 384, bits: 8, blockSize: 32, isSymmetric: false },
  { k: 256, n: 384, bits: 8, blockSize: 128, isSymmetric: true },
  { k: 320, n: 200, bits: 8, blockSize: 64, isSymmetric: false },
  { k: 100, n: 77, bits: 8, blockSize: 16, isSymmetric: true },
  { k: 256, n: 384, bits: 4, blockSize: 16, isSymmetric: false },
  { k: 320, n: 200, bits: 4, blockSize: 128, isSymmetric: true },
  { k: 100, n: 77, bits: 4, blockSize: 32, isSymmetric: false },
];

function products(k: number, n: number): Model {
  const weight = (name: string, dims: readonly [number, number]) =>
    floats(
      name,
      dims,
      ramp(k * n).map((v) => Math.sin(v)),
    );
  const made = model(
    graph({
      inputs: [value('x', [4, k])],
      nodes: [
        node('MatMul', ['x', 'a'], ['h'], { name: 'up' }),
        node('MatMul', ['h', 'b'], ['y'], { name: 'down' }),
      ],
      outputs: [value('y', [4, k])],
      initializers: [weight('a', [k, n]), weight('b', [n, k])],
    }),
  );
  return { ...made, irVersion: 10, opsetImports: [{ domain: '', version: 21 }] };
}

describe('weights in blocks by DequantizeLinear', () => {
  const workers = new Workers();

  for (const { k, n, ...form } of cases) {
    const title = `${form.bits} bits, blocks of ${form.blockSize}, ${form.isSymmetric ? 'symmetric' : 'zero points'}`;
    it(`take what is predicted: ${k} × ${n}, ${title}`, async () => {
      await inTemporaryFolder(async (folder) => {
        const [plain, file] = [path.join(folder, 'plain.onnx'), path.join(folder, 'blocks.onnx')];
        await saveModel(products(k, n), plain);
        const opened = await openModel(plain);
        const edit = {
          type: 'quantize',
          form: 'blocks',
          layers: { all: true },
          operator: 'DequantizeLinear',
        } as const;
        const source = { name: 'plain.onnx', sizeBytes: opened.source.file.sizeBytes };
        await saveModel(
          applyRecipe(opened, { version: 1, source, edits: [{ ...edit, ...form }] }).model,
          file,
        );
        await opened.source.close();

        const blocks = await openModel(file);
        const analysis = analyze(blocks);
        await blocks.source.close();
        for (const optimization of ['disabled', 'all'] as const) {
          const { nodes, memInUsePeakBytes } = await workers.shared.profile(file, { dims: {}, optimization });
          assert.equal(analysis.estimate({ ep: 'cpu', optimization }).totalPeak.bytes, memInUsePeakBytes[0]);
          const kernels = new Set(nodes.map((ran) => ran.opType));
          assert.deepEqual(
            [...kernels],
            optimization === 'all' ? ['MatMulNBits'] : ['DequantizeLinear', 'MatMul'],
          );
        }
      });
    });
  }
});
