/** Edits that look at activations or weights: in VS Code, with ONNX Runtime in its process. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { openModel } from '../../src/onnx/index.ts';
import type { CheckReport } from '../../src/runtime/index.ts';
import { closeAll, configure, copyOfSample, eventually, inWorkspace, tabOf, viewOf } from './host.ts';

const data = 'fmnist-test-2000.npz';

async function quantize(uri: vscode.Uri, given: Readonly<Record<string, unknown>>): Promise<void> {
  await vscode.commands.executeCommand('vramLens.quantize', uri, undefined, given);
}

async function opTypesOf(uri: vscode.Uri): Promise<ReadonlySet<string>> {
  const model = await openModel(uri.fsPath);
  const opTypes = new Set(model.graph.nodes.map((n) => n.opType));
  await model.source.close();
  return opTypes;
}

describe('Quantize', () => {
  before(() => configure('files.autoSave', 'off'));
  before(() => configure('vramLens.save.confirmOverwrite', false));
  after(() => configure('files.autoSave', undefined));
  after(() => configure('vramLens.save.confirmOverwrite', undefined));
  afterEach(closeAll);

  it('static int8: checks and saves what data calibrate, and keeps the accuracy', async () => {
    const uri = await copyOfSample('static.onnx');
    const before = (await viewOf(uri)).estimate.totals.parameterBytes;
    await quantize(uri, { form: 'static', data });
    const { estimate } = await viewOf(uri);
    assert.deepEqual(estimate.calibration, { path: data, samples: 128 });
    assert.ok(estimate.totals.parameterBytes < before / 3.5);
    const report = await vscode.commands.executeCommand<CheckReport>('vramLens.checkAccuracy', uri, {
      ...{ batchSizes: [32], ep: 'cpu', data: inWorkspace(data).fsPath },
    });
    const [batch] = report.batches;
    assert.equal(batch?.error, undefined);
    const [original, changed] = [batch?.original?.accuracy, batch?.compressed?.accuracy];
    assert.ok(original !== undefined && changed !== undefined, 'labels give both accuracies');
    assert.ok(Math.abs(original - changed) < 0.02, `${original} and ${changed}`);
    await vscode.commands.executeCommand('workbench.action.files.save');
    await eventually('saved', () => (tabOf(uri)?.isDirty === false ? true : undefined));
    const opTypes = await opTypesOf(uri);
    assert.ok(opTypes.has('QuantizeLinear') && opTypes.has('DequantizeLinear'));
    const saved = await viewOf(uri);
    assert.deepEqual([saved.estimate.edits, saved.estimate.calibration], [[], undefined]);
    const recipe = saved.model.metadata.find((m) => m.key === 'vram_lens.recipe')?.value ?? '';
    assert.match(recipe, new RegExp(`"path": ?"${data}"`));
  });

  it('names the data that cannot be read, and leaves the file as it is', async () => {
    const uri = await copyOfSample('static-bad.onnx');
    const before = await vscode.workspace.fs.readFile(uri);
    await quantize(uri, { form: 'static', data: 'no-such-file.npz' });
    await vscode.commands.executeCommand('vramLens.saveCompressed', uri, inWorkspace('static-bad.int8.onnx'));
    await assert.rejects(async () => vscode.workspace.fs.stat(inWorkspace('static-bad.int8.onnx')));
    assert.deepEqual(await vscode.workspace.fs.readFile(uri), before);
    assert.equal((await viewOf(uri)).estimate.edits.length, 1, 'the edit is still there');
  });

  it('auto: concrete edits as one step to undo', async () => {
    const uri = await copyOfSample('auto.onnx');
    const before = (await viewOf(uri)).estimate.totals.parameterBytes;
    await quantize(uri, { form: 'auto', minSqnrDb: 30 });
    const { estimate } = await viewOf(uri);
    assert.ok(estimate.edits.length > 0 && estimate.totals.parameterBytes < before / 2);
    assert.ok(estimate.edits.every((e) => e.type === 'quantize' && e.warnings.length === 0));
    await eventually('dirty', () => (tabOf(uri)?.isDirty === true ? true : undefined));
    await vscode.commands.executeCommand('undo');
    await eventually('no edit', async () =>
      (await viewOf(uri)).estimate.edits.length === 0 ? true : undefined,
    );
    await quantize(uri, { form: 'auto', minSqnrDb: 200 });
    assert.equal((await viewOf(uri)).estimate.edits.length, 0, 'no form keeps that much');
  });

  it('measures the weight error of what is quantized', async () => {
    const uri = await copyOfSample('sqnr.onnx');
    await quantize(uri, { granularity: 'per-channel' });
    await vscode.commands.executeCommand('vramLens.measureError', uri);
    const { layers } = (await viewOf(uri)).estimate;
    const found = layers.filter((l) => l.change !== undefined).map((l) => l.sqnrDb);
    assert.equal(found.length, 7);
    assert.ok(found.every((db) => typeof db === 'number' && db > 20 && db < 80));
    assert.ok(layers.every((l) => l.change !== undefined || l.sqnrDb === undefined));
    await vscode.commands.executeCommand('vramLens.revertAllEdits', uri);
    const reverted = (await viewOf(uri)).estimate.layers;
    assert.ok(
      reverted.every((l) => l.sqnrDb === undefined),
      'it is of that recipe alone',
    );
  });
});
