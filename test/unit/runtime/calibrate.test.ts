/** Calibration statistics: the counting by small cases, the collecting on real models in child processes. */
import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Calibration, CalibrationTarget, GramTarget } from '../../../src/analysis/calibration.ts';
import { openModel, saveModel } from '../../../src/onnx/index.ts';
import { byTensor } from '../../../src/runtime/calibrate/keys.ts';
import { HistogramCounter, TensorCounter } from '../../../src/runtime/calibrate/statistics.ts';
import { RunnerError, type CalibrationRequest } from '../../../src/runtime/index.ts';
import { npy, npz, TestFolder } from './numpy-files.ts';
import { models, samples, Workers } from './worker-bundle.ts';

const cnn = path.join(samples, 'fmnist_cnn.onnx');
const transformer = path.join(models, 'mnist_transformer.onnx');

describe('counting a tensor', () => {
  it('finds range and moments by channel over batches, and leaves out what is not finite', () => {
    const counter = new TensorCounter([-1, 0]);
    counter.push([1, -2, 3, 4], [2, 2]);
    counter.push([5, NaN, Infinity, -8], [2, 2]);
    const found = counter.result('t');
    assert.deepEqual([found.count, found.nonFinite, found.min, found.max], [6, 2, -8, 5]);
    const [columns, rows] = found.channels;
    assert.equal(columns?.axis, 1);
    // columns: 1, 3, 5 and −2, 4, −8
    assert.deepEqual(columns.mean, Float64Array.of(3, -2));
    assert.deepEqual(columns.meanSquare, Float64Array.of(35 / 3, 84 / 3));
    assert.deepEqual(columns.absMax, Float64Array.of(5, 8));
    // rows: 1, −2, 5 and 3, 4, −8
    assert.deepEqual(rows?.mean, Float64Array.of(4 / 3, -1 / 3));
  });

  it('of no element has range 0 and count 0', () => {
    const counter = new TensorCounter([1]);
    counter.push([], [0, 3]);
    const { count, min, max } = counter.result('t');
    assert.deepEqual([count, min, max], [0, 0, 0]);
  });

  it('refuses an axis that is not there, and another number of channels', () => {
    assert.throws(() => new TensorCounter([2]).push([1], [1, 1]), /2 dims and no axis 2/);
    const counter = new TensorCounter([1]);
    counter.push([1, 2], [1, 2]);
    assert.throws(() => counter.push([1], [1, 1]), /had 2 channels, then 1/);
  });

  it('puts |x| into equal bins, the limit into the last', () => {
    const counter = new HistogramCounter(4, 4);
    counter.push([0, 0.5, -1, 1.5, -3.9, 4, NaN]);
    assert.deepEqual(counter.result().counts, Float64Array.of(2, 2, 0, 2));
    const zeros = new HistogramCounter(0, 3);
    zeros.push([0, 0]);
    assert.deepEqual(zeros.result().counts, Float64Array.of(2, 0, 0));
  });
});

it('targets of one tensor are brought together', () => {
  const gram = { kind: 'rows' } as const;
  assert.deepEqual(
    byTensor([
      { tensor: 'a', channelAxis: 1 },
      { tensor: 'b' },
      { tensor: 'a', histogramBins: 64, channelAxis: -1, gram },
      { tensor: 'a', histogramBins: 32, gram },
    ]),
    [
      { tensor: 'a', histogramBins: 64, channelAxes: [1, -1], grams: [gram] },
      { tensor: 'b', histogramBins: 0, channelAxes: [], grams: [] },
    ],
  );
});

describe('calibration', () => {
  const workers = new Workers();
  const folder = new TestFolder();
  const request = (
    model: string,
    targets: readonly CalibrationTarget[],
    more: Partial<CalibrationRequest> = {},
  ) => ({
    model,
    targets,
    data: { kind: 'numpy', path: path.join(models, 'fmnist-calib-256.npz') } as const,
    ep: 'cpu' as const,
    batchSize: 64,
    dims: {},
    ...more,
  });

  it('of a convolutional network agrees with itself: bins, channels and patches', async () => {
    const { targets, patches, conv, linear } = await targetsOfCnn();
    // few enough that every patch is taken
    const data = { kind: 'numpy', path: path.join(models, 'fmnist-calib-256.npz'), limit: 80 } as const;
    const calibration = await workers.shared.calibrate(request(cnn, targets, { data }));
    assert.equal(calibration.samples, 80);
    assert.equal(calibration.data, 'fmnist-calib-256.npz, 80 of 256 samples');
    assert.deepEqual(calibration.warnings, []);

    const input = calibration.statistics('input');
    assert.equal(input?.count, 80 * 28 * 28);
    assert.deepEqual([input.min, input.max], [0, 1]);
    assert.equal(input.histogram?.limit, 1);
    assert.equal(sum(input.histogram.counts), input.count);

    const channels = calibration.statistics(conv, 1)?.channels;
    const gram = await calibration.gram(conv, patches);
    assert.ok(channels !== undefined && gram !== undefined);
    assert.deepEqual([gram.size, gram.rows], [channels.mean.length * 9, 80 * 28 * 28]);
    const [matrix] = gram.matrices;
    assert.ok(matrix !== undefined);
    // the middle of a padded 3×3 kernel sees every pixel once
    channels.meanSquare.forEach((square, c) => near(matrix[(c * 9 + 4) * (gram.size + 1)], square));
    for (const [i, j] of [
      [0, 5],
      [100, 17],
    ] as const)
      near(matrix[i * gram.size + j], matrix[j * gram.size + i]);

    const features = calibration.statistics(linear, -1)?.channels;
    const rows = await calibration.gram(linear, { kind: 'rows' });
    assert.equal(rows?.rows, 80);
    features?.meanSquare.forEach((square, c) => near(rows.matrices[0]?.[c * (rows.size + 1)], square));
    assert.equal(calibration.statistics(linear, 0), undefined);
    assert.equal(calibration.statistics('none'), undefined);
    assert.equal(await calibration.gram('input', { kind: 'rows' }), undefined);
    await calibration.dispose();
    await assert.rejects(calibration.gram(conv, patches), /was disposed of/);
  });

  it('in several passes, and with weights beside the model, comes to the same', async () => {
    const { targets, patches, conv } = await targetsOfCnn();
    const external = folder.file('external.onnx');
    const model = await openModel(cnn);
    await saveModel(model, external, { externalData: 'always' });
    await model.source.close();
    assert.ok((await readdir(folder.path)).includes('external.onnx.data'));
    const progress: string[] = [];
    // in the batches that so little memory leaves
    const once = await workers.shared.calibrate(request(cnn, targets, { batchSize: 1 }));
    const often = await workers.shared.calibrate(request(external, targets, { maxPassBytes: 1 }), {
      onProgress: (p) => progress.push(p.message),
    });
    assert.match(progress.at(-1) ?? '', /pass 4 of 4$/);
    for (const { tensor, channelAxis } of targets) {
      assert.deepEqual(often.statistics(tensor, channelAxis), once.statistics(tensor, channelAxis));
    }
    assert.deepEqual(await often.gram(conv, patches), await once.gram(conv, patches));
    const inBatches = await (await workers.shared.calibrate(request(cnn, targets))).gram(conv, patches);
    assert.equal(inBatches?.rows, (await once.gram(conv, patches))?.rows);
    const [matrix] = (await once.gram(conv, patches))?.matrices ?? [];
    inBatches?.matrices[0]?.forEach((v, i) => near(v, matrix?.[i] ?? NaN));
  });

  it('of a transformer takes tokens as rows', async () => {
    const model = await openModel(transformer);
    const matMul = model.graph.nodes.find(
      (n) => n.opType === 'MatMul' && model.graph.initializers.has(n.inputs[1] ?? ''),
    );
    await model.source.close();
    const tensor = matMul?.inputs[0] ?? '';
    const calibration = await workers.shared.calibrate(
      request(transformer, [{ tensor, channelAxis: -1, gram: { kind: 'rows' } }], {
        data: { kind: 'numpy', path: path.join(models, 'mnist-calib-256.npz'), limit: 100 },
      }),
    );
    const gram = await calibration.gram(tensor, { kind: 'rows' });
    assert.equal(gram?.rows, 100 * 28);
    const channels: Calibration['statistics'] extends (...args: never) => infer S ? S : never =
      calibration.statistics(tensor, -1);
    channels?.channels?.meanSquare.forEach((s, c) => near(gram.matrices[0]?.[c * (gram.size + 1)], s));
  });

  it('of what is not there is refused', async () => {
    for (const tensor of ['nothing', 'conv1.weight']) {
      await assert.rejects(workers.shared.calibrate(request(cnn, [{ tensor }])), (error: unknown) => {
        assert.ok(error instanceof RunnerError && error.kind === 'model', String(error));
        assert.match(
          error.message,
          new RegExp(`"${tensor}" is no input and no node's output of fmnist_cnn.onnx`),
        );
        return true;
      });
    }
  });

  // of more than one array, none is taken for the only input
  const BAD_DATA: readonly [string, Readonly<Record<string, readonly number[]>>, RegExp][] = [
    [
      'without the input',
      { pixels: [2, 1, 28, 28], sizes: [2, 1] },
      /bad\.npz has no array for input "input"; it holds "pixels", "sizes"/,
    ],
    [
      'of another shape',
      { input: [2, 1, 28, 27] },
      /Array "input" does not fit input "input": expected shape \[.*1, 28, 28\], found \[2, 1, 28, 27\]/,
    ],
  ];
  for (const [title, arrays, wanted] of BAD_DATA) {
    it(`of data ${title} is refused by the input's name`, async () => {
      const file = folder.file('bad.npz');
      const made = Object.entries(arrays).map(([name, shape]) => {
        const count = shape.reduce((a, b) => a * b, 1);
        return [name, npy(new Float32Array(count), { shape })] as const;
      });
      await writeFile(file, npz(Object.fromEntries(made)));
      await assert.rejects(
        workers.shared.calibrate(
          request(cnn, [{ tensor: 'input' }], { data: { kind: 'numpy', path: file } }),
        ),
        (error: unknown) => {
          assert.ok(error instanceof RunnerError && error.kind === 'data', String(error));
          assert.match(error.message, wanted);
          return true;
        },
      );
    });
  }

  it('leaves nothing behind when its runner is disposed of', async () => {
    const runner = workers.runner();
    const calibration = await runner.calibrate(request(cnn, [{ tensor: 'input', gram: { kind: 'rows' } }]));
    assert.equal((await calibration.gram('input', { kind: 'rows' }))?.size, 28);
    await runner.dispose();
    await assert.rejects(calibration.gram('input', { kind: 'rows' }), /was disposed of/);
  });
});

/** The second convolution's input and the first linear layer's. */
async function targetsOfCnn() {
  const model = await openModel(cnn);
  const convs = model.graph.nodes.filter((n) => n.opType === 'Conv');
  const gemm = model.graph.nodes.find((n) => n.opType === 'Gemm');
  await model.source.close();
  const conv = convs[1]?.inputs[0] ?? '';
  const linear = gemm?.inputs[0] ?? '';
  const ones = [1, 1] as const;
  const patches: GramTarget = {
    kind: 'patches',
    kernel: [3, 3],
    strides: ones,
    dilations: ones,
    pads: [1, 1, 1, 1],
    groups: 1,
  };
  const targets: CalibrationTarget[] = [
    { tensor: 'input', histogramBins: 128 },
    { tensor: conv, channelAxis: 1, gram: patches },
    { tensor: linear, channelAxis: -1, gram: { kind: 'rows' } },
  ];
  return { targets, patches, conv, linear };
}

function near(actual: number | undefined, expected: number | undefined): void {
  assert.ok(actual !== undefined && expected !== undefined);
  assert.ok(
    Math.abs(actual - expected) <= 1e-4 * Math.max(1e-3, Math.abs(expected)),
    `${actual} is not ${expected}`,
  );
}

function sum(values: Float64Array): number {
  return values.reduce((a, b) => a + b, 0);
}
