import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { EstimateAnswer } from '../../extension/views/estimate-answer.ts';
import type { FoundBatch } from '../../extension/commands/find-largest.ts';
import type {
  FittedRatiosView,
  LayerErrorsView,
  MeasurementView,
  SensitivityView,
} from '../../src/protocol.ts';
import type { CheckReport } from '../../src/runtime/index.ts';
import { closeAll, copyOfFile, copyOfSample, extension, inWorkspace, tabOf, viewOf } from './host.ts';

describe('Commands', () => {
  afterEach(closeAll);

  it('are all registered', async () => {
    await extension().activate();
    const manifest = extension().packageJSON as {
      contributes: { commands: readonly { command: string }[] };
    };
    const known = new Set(await vscode.commands.getCommands(true));
    const missing = manifest.contributes.commands.map((c) => c.command).filter((c) => !known.has(c));
    assert.deepEqual(missing, []);
  });

  it('estimate: peak per batch size, and the largest batch that fits', async () => {
    const uri = await copyOfSample('estimate.onnx');
    const budgetBytes = 64 * 1024 * 1024;
    const answer = await vscode.commands.executeCommand<EstimateAnswer>('vramLens.estimate', uri, {
      batchSizes: [1, 8, 32],
      budgetBytes,
    });
    assert.deepEqual(
      answer.rows.map((r) => r.batch),
      [1, 8, 32],
    );
    const peaks = answer.rows.map((r) => r.totalPeakBytes ?? assert.fail('the peak is known'));
    assert.ok(peaks.every((p, i) => i === 0 || p > (peaks[i - 1] ?? 0)));
    const largest = answer.largest?.batch ?? assert.fail('a batch fits');
    const around = await vscode.commands.executeCommand<EstimateAnswer>('vramLens.estimate', uri, {
      batchSizes: [largest, largest + 1],
    });
    const [fits, tooLarge] = around.rows.map((r) => r.totalPeakBytes ?? 0);
    assert.ok((fits ?? 0) <= budgetBytes && (tooLarge ?? 0) > budgetBytes);
    assert.equal(around.largest, undefined);
  });

  it('check accuracy: a real run on the CPU, with labels', async () => {
    const uri = await copyOfSample('check.onnx');
    await vscode.commands.executeCommand('vramLens.quantize', uri, undefined, { granularity: 'per-channel' });
    const report = await vscode.commands.executeCommand<CheckReport>('vramLens.checkAccuracy', uri, {
      batchSizes: [1, 8],
      ep: 'cpu',
      data: inWorkspace('fmnist-test-2000.npz').fsPath,
    });
    assert.deepEqual(
      report.batches.map((b) => [b.batchSize, b.error]),
      [
        [1, undefined],
        [8, undefined],
      ],
    );
    for (const { original, compressed, outputs } of report.batches) {
      // 0.934 on the 2,000 images it was measured with
      assert.ok(Math.abs((original?.accuracy ?? 0) - 0.934) < 0.01);
      assert.ok(Math.abs((compressed?.accuracy ?? 0) - 0.934) < 0.03);
      const [output] = outputs;
      assert.ok((output?.cosine ?? 0) > 0.99);
      assert.ok((output?.maxAbsError ?? 0) > 0);
      assert.ok((original?.peakBytes ?? 0) > 0);
      assert.ok((original?.predictedPeakBytes ?? 0) > 0);
    }
  });

  it('compare layers: the quantized layer is where the error starts', async () => {
    const uri = await copyOfSample('layers.onnx');
    await extension().activate();
    await vscode.commands.executeCommand('vramLens.layer.quantize', uri.toString(), '/fc1/Gemm');
    const view = await vscode.commands.executeCommand<LayerErrorsView>('vramLens.compareLayers', uri, {
      batchSizes: [1],
      ep: 'cpu',
    });
    const at = view.layers.findIndex((l) => l.layerId === '/fc1/Gemm');
    assert.ok(at > 0);
    for (const { sqnrDb } of view.layers.slice(0, at)) assert.ok(sqnrDb === 'inf' || sqnrDb > 80);
    const { sqnrDb } = view.layers[at] ?? assert.fail();
    assert.ok(sqnrDb !== 'inf' && sqnrDb > 20 && sqnrDb < 60, String(sqnrDb));
  });

  it('measure and find the largest batch: beside what is predicted', async () => {
    const uri = await copyOfSample('measure.onnx');
    const view = await vscode.commands.executeCommand<MeasurementView>('vramLens.measure', uri);
    const [measured, predicted] = [view.peakBytes ?? 0, view.predictedBytes ?? 0];
    assert.ok(measured > 0 && Math.abs(predicted / measured - 1) < 0.2, `${predicted}, ${measured}`);
    const budgetBytes = 4 * 2 ** 20;
    const found = await vscode.commands.executeCommand<FoundBatch>('vramLens.findLargestBatch', uri, {
      budgetBytes,
      maxBatch: 64,
    });
    assert.equal(found.limit, 'memory');
    assert.ok(found.batchSize >= 1 && (found.peakBytes ?? Infinity) <= budgetBytes);
    assert.ok(Math.abs((found.predicted ?? 0) / found.batchSize - 1) <= 0.5, JSON.stringify(found));
  });

  it('sensitivity: each layer pruned alone and run, against labels', async function () {
    this.timeout(240_000);
    const uri = await copyOfSample('sensitivity.onnx');
    await extension().activate();
    const view = await vscode.commands.executeCommand<SensitivityView>('vramLens.sensitivity', uri, {
      layerIds: ['/f/f.3/f.3.0/Conv', '/fc2/Gemm'],
      options: { kind: 'channels', importance: 'l1', ratio: 0.5, repair: 'none' },
      data: inWorkspace('fmnist-test-2000.npz').fsPath,
    });
    assert.deepEqual([view.state, view.measure, view.samples, view.done], ['done', 'accuracy', 256, 14]);
    assert.ok((view.original ?? 0) > 0.9);
    const [conv, last] = view.layers;
    assert.ok(conv?.values.every((v) => v !== null && v > 0.05 && v <= 1));
    // a tenth of the channels hurts less than seven tenths
    assert.ok((conv?.values[0] ?? 0) > (conv?.values[6] ?? 1));
    assert.ok(last?.values.every((v) => v === null));
    assert.equal(last?.reason, 'graph output "logits" has these channels');
  });

  it('ratios by layer: within what the model may lose, found by running all layers together', async function () {
    this.timeout(240_000);
    const uri = await copyOfSample('ratios.onnx');
    await extension().activate();
    const found = (loss: unknown) =>
      vscode.commands.executeCommand<FittedRatiosView | undefined>('vramLens.sensitivity.fit', uri, loss);
    assert.equal(await found(0.02), undefined, 'nothing is measured yet');
    await vscode.commands.executeCommand('vramLens.sensitivity', uri, {
      layerIds: ['/f/f.6/f.6.0/Conv', '/fc1/Gemm', '/fc2/Gemm'],
      options: { kind: 'channels', importance: 'l1', ratio: 0.5, repair: 'none' },
      data: inWorkspace('fmnist-test-2000.npz').fsPath,
    });
    const tight = await found(0.02);
    const wide = await found(0.2);
    assert.ok(tight !== undefined && wide !== undefined && tight.original > 0.9);
    assert.ok(tight.original - tight.value <= 0.02 && wide.original - wide.value <= 0.2);
    const ratio = (v: FittedRatiosView) => v.ratios['/fc1/Gemm'] ?? 0;
    assert.ok(ratio(tight) > 0 && ratio(wide) > ratio(tight), `${ratio(tight)}, ${ratio(wide)}`);
    assert.equal(tight.ratios['/fc2/Gemm'], undefined, 'its channels are the output');
    assert.equal(await found('all'), undefined);
    // nothing is changed until the person says so
    assert.deepEqual((await viewOf(uri)).estimate.edits, []);
  });

  it('prune of one layer opens its dialog in the editor, and changes nothing yet', async () => {
    const uri = await copyOfSample('prune-layer.onnx');
    await extension().activate();
    await vscode.commands.executeCommand('vramLens.layer.prune', uri.toString(), '/fc1/Gemm');
    assert.ok(tabOf(uri));
    assert.deepEqual((await viewOf(uri)).estimate.edits, []);
  });

  it('check accuracy: a model that cannot be run leaves a message and a living host', async () => {
    const uri = await copyOfSample('wrong-data.onnx');
    const report = await vscode.commands.executeCommand('vramLens.checkAccuracy', uri, {
      batchSizes: [1],
      ep: 'cpu',
      data: inWorkspace('no-such-file.npz').fsPath,
    });
    assert.equal(report, undefined);
    assert.equal((await viewOf(uri)).model.nodeCount, 16);
  });

  it('quantize says so where there is nothing to quantize', async () => {
    const uri = await copyOfFile('test/fixtures/models/fmnist_mobres.onnx');
    const options = { granularity: 'per-tensor' };
    await vscode.commands.executeCommand('vramLens.quantize', uri, undefined, options);
    const once = (await viewOf(uri)).estimate;
    await vscode.commands.executeCommand('vramLens.quantize', uri, undefined, options);
    assert.equal((await viewOf(uri)).estimate.edits.length, once.edits.length);
  });

  it('open the sample, copied to where it may be changed', async () => {
    const model = await vscode.commands.executeCommand<vscode.Uri>('vramLens.openSample');
    assert.ok(!model.fsPath.startsWith(extension().extensionPath));
    assert.equal((await viewOf(model)).model.nodeCount, 16);
  });
});
