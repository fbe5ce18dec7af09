/** The real thing: models run in child processes and are compared. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Progress } from '../../../src/runtime/index.ts';
import { cnn, isError, labelled, mobres, request, Temporary } from './runner-cases.ts';
import { models, Workers } from './worker-bundle.ts';

describe('a check on the CPU', () => {
  const temporary = new Temporary();
  const workers = new Workers();

  it('of the labelled test set has the accuracy that was trained', async () => {
    const progress: Progress[] = [];
    const report = await workers.shared.check(
      request({
        compressed: mobres,
        batchSizes: [256],
        data: { kind: 'numpy', path: labelled },
        predicted: { 256: { original: { arenaBytes: 1000, heldBytes: 1 }, compressed: { arenaBytes: 900 } } },
      }),
      { onProgress: (p) => progress.push(p) },
    );
    assert.equal(report.hasLabels, true);
    assert.equal(report.data, 'fmnist-test-2000.npz, 2000 samples');
    assert.match(report.ortVersion, /^1\./);
    assert.match(report.device, /\d+ cores/);
    const [batch] = report.batches;
    assert.equal(batch?.samples, 2000);
    assert.equal(batch.original?.accuracy, 0.934);
    assert.equal(batch.compressed?.accuracy, 0.9025);
    const [logits] = batch.outputs;
    assert.equal(logits?.output, 'logits');
    // both are right on at least 0.934 + 0.9025 − 1 of the samples
    assert.ok((logits.top1Agreement ?? 0) > 0.8365 && (logits.top1Agreement ?? 1) < 1);
    assert.ok(logits.sqnrDb > 0 && logits.sqnrDb < 30, `${logits.sqnrDb} dB`);
    for (const run of [batch.original, batch.compressed]) {
      assert.ok(run.latencyP50Ms > 0 && run.latencyP95Ms >= run.latencyP50Ms);
      assert.ok(Math.abs(run.samplesPerSecond * run.latencyP50Ms - 256_000) < 1);
      assert.equal(run.peakSource, 'ORT arena (mem_in_use_peak)');
      // at least the largest activation, [256, 32, 28, 28] float32
      assert.ok((run.peakBytes ?? 0) > 256 * 32 * 28 * 28 * 4);
      assert.ok((run.processPeakBytes ?? 0) > 0);
      assert.deepEqual(Object.keys(run.placement), ['cpu']);
    }
    assert.deepEqual([batch.original.predictedPeakBytes, batch.compressed.predictedPeakBytes], [1000, 900]);
    const fractions = progress.map((p) => p.fraction);
    assert.deepEqual(
      fractions,
      [...fractions].sort((a, b) => a - b),
    );
    assert.equal(fractions.at(-1), 1);
    assert.match(progress[0]?.message ?? '', /batch size 256, original: batch 1 of 8/);
  });

  it('of a model with itself finds no difference, at every batch size', async () => {
    const report = await workers.shared.check(request({ compressed: cnn, batchSizes: [1, 4, 3] }));
    assert.deepEqual(
      report.batches.map((b) => [b.batchSize, b.samples, b.outputs[0]?.sqnrDb, b.outputs[0]?.cosine]),
      [
        [1, 8, Infinity, 1],
        [4, 8, Infinity, 1],
        [3, 8, Infinity, 1],
      ],
    );
    assert.equal(report.hasLabels, false);
    assert.equal(report.batches[0]?.original?.accuracy, undefined);
  });

  it('of a transformer agrees with its twin of another opset', async () => {
    const report = await workers.shared.check(
      request({
        original: path.join(models, 'mnist_transformer.onnx'),
        compressed: path.join(models, 'mnist_transformer_opset13.onnx'),
        batchSizes: [8],
      }),
    );
    const [output] = report.batches[0]?.outputs ?? [];
    assert.ok((output?.cosine ?? 0) > 0.9999);
  });

  it('leaves no folder behind', async () => {
    await workers.shared.check(request());
    assert.deepEqual(await temporary.list(), []);
  });

  it('of a model that ONNX Runtime refuses says so in one line', async () => {
    const folder = path.dirname(workers.bundle);
    const bytes = await readFile(cnn);
    bytes.write('Conw', bytes.lastIndexOf('"\u0004Conv') + 2);
    const refused = path.join(folder, 'refused.onnx');
    await writeFile(refused, bytes);
    await assert.rejects(
      workers.shared.check(request({ compressed: refused })),
      isError(
        'model',
        /^ONNX Runtime failed while loading .*refused\.onnx on cpu: .*No Op registered for Conw.*[^.]\.$/,
      ),
    );
    await assert.rejects(
      workers.shared.check(request({ original: path.join(folder, 'none.onnx') })),
      isError('model', /none\.onnx.*File doesn't exist/),
    );
  });

  it('with data that do not fit ends, whatever the batch size', async () => {
    const file = path.join(models, 'fmnist_cnn.onnx');
    assert.ok(!existsSync(file));
    await assert.rejects(
      workers.shared.check(request({ data: { kind: 'numpy', path: file } })),
      isError('data', /Cannot read .*fmnist_cnn\.onnx: ENOENT/),
    );
  });

  it('on an EP that is not there says why', async () => {
    const ep = process.platform === 'win32' ? 'coreml' : 'dml';
    await assert.rejects(
      workers.shared.check(request({ ep })),
      isError('ep', /^The EP ".*" does not work here: ONNX Runtime for Node\.js does not include it on /),
    );
  });

  it('keeps its settings: without the arena nothing is held by it', async () => {
    const profile = await workers.shared.profile(cnn, { dims: { batch: 4 }, session: { intraOpThreads: 1 } });
    assert.ok(profile.nodes.length > 5);
    assert.deepEqual(profile.placement, { cpu: profile.nodes.length });
    assert.ok((profile.memInUsePeakBytes[0] ?? 0) > 0);
    const bare = await workers.shared.profile(cnn, { dims: { batch: 4 }, session: { cpuMemArena: false } });
    assert.deepEqual(bare.memInUsePeakBytes, [undefined]);
    assert.equal(bare.gpuPeakBytes, undefined);
  });
});
