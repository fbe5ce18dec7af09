import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { CheckReport } from '../../src/runtime/index.ts';
import { openModel, saveModel } from '../../src/onnx/index.ts';
import {
  activeTab,
  closeAll,
  configure,
  copyOfSample,
  discard,
  eventually,
  inWorkspace,
  openEditor,
  tabOf,
  viewOf,
} from './host.ts';

const perTensor = { granularity: 'per-tensor' };

async function quantize(uri: vscode.Uri): Promise<void> {
  await vscode.commands.executeCommand('vramLens.quantize', uri, undefined, perTensor);
}

async function size(uri: vscode.Uri): Promise<number> {
  return (await vscode.workspace.fs.stat(uri)).size;
}

describe('Edits', () => {
  // in a browser, auto save is on by default
  before(() => configure('files.autoSave', 'off'));
  before(() => configure('vramLens.save.confirmOverwrite', false));
  after(() => configure('files.autoSave', undefined));
  after(() => configure('vramLens.save.confirmOverwrite', undefined));
  afterEach(closeAll);

  it('quantize, undo, redo: the figures follow and the tab is dirty', async () => {
    const uri = await copyOfSample('quantize.onnx');
    const original = (await viewOf(uri)).estimate.totals.parameterBytes;
    await quantize(uri);
    const quantized = (await viewOf(uri)).estimate;
    assert.ok(quantized.totals.parameterBytes < original / 3.5);
    assert.equal(quantized.before?.parameterBytes, original);
    assert.equal(quantized.edits.length, 1);
    // the layers keep their ids, names and number
    const conv = quantized.layers.find((l) => l.id === '/f/f.3/f.3.0/Conv');
    assert.equal(conv?.change?.status, 'applied');
    assert.equal(conv.change.beforeBytes, (64 * 32 * 9 + 64) * 4);
    assert.ok(conv.parameterBytes < conv.change.beforeBytes / 3);
    assert.equal(quantized.layers.filter((l) => l.change !== undefined).length, 7);
    await eventually('dirty', () => (tabOf(uri)?.isDirty === true ? true : undefined));
    await vscode.commands.executeCommand('undo');
    await eventually('not dirty', () => (tabOf(uri)?.isDirty === false ? true : undefined));
    assert.equal((await viewOf(uri)).estimate.totals.parameterBytes, original);
    await vscode.commands.executeCommand('redo');
    await eventually('dirty', () => (tabOf(uri)?.isDirty === true ? true : undefined));
    assert.deepEqual((await viewOf(uri)).estimate.totals, quantized.totals);
  });

  it('is not saved over the original behind the back of the user', async () => {
    const uri = await copyOfSample('autosave.onnx');
    const before = await size(uri);
    await configure('vramLens.save.confirmOverwrite', undefined);
    await configure('files.autoSave', 'afterDelay');
    try {
      await quantize(uri);
      // as auto save does it: VS Code does not tell its saves from others, and this one nobody asked our command for
      await vscode.commands.executeCommand('workbench.action.files.save');
      assert.equal(tabOf(uri)?.isDirty, true);
      assert.equal(await size(uri), before);
      await configure('vramLens.save.confirmOverwrite', false);
      await vscode.commands.executeCommand('workbench.action.files.save');
      await eventually('saved', () => (tabOf(uri)?.isDirty === false ? true : undefined));
      assert.notEqual(await size(uri), before);
    } finally {
      await configure('files.autoSave', 'off');
      await configure('vramLens.save.confirmOverwrite', false);
    }
  });

  it('save writes a valid model, and undo goes back past it', async () => {
    const uri = await copyOfSample('save.onnx');
    const original = await vscode.workspace.fs.readFile(uri);
    const before = (await viewOf(uri)).estimate.totals;
    await quantize(uri);
    const { totals } = (await viewOf(uri)).estimate;
    await vscode.commands.executeCommand('workbench.action.files.save');
    await eventually('saved', () => (tabOf(uri)?.isDirty === false ? true : undefined));
    const model = await openModel(uri.fsPath);
    assert.ok(model.graph.nodes.some((n) => n.opType === 'ConvInteger'));
    await model.source.close();
    const saved = (await viewOf(uri)).estimate;
    assert.equal(saved.totals.parameterBytes, totals.parameterBytes);
    assert.deepEqual([saved.edits, saved.isDirty], [[], false]);
    await vscode.commands.executeCommand('undo');
    await eventually('dirty', () => (tabOf(uri)?.isDirty === true ? true : undefined));
    assert.deepEqual((await viewOf(uri)).estimate.totals, before);
    await vscode.commands.executeCommand('workbench.action.files.save');
    await eventually('the original again', async () =>
      (await size(uri)) === original.length ? true : undefined,
    );
    assert.deepEqual(await vscode.workspace.fs.readFile(uri), original);
  });

  it('save as keeps the original and goes on with the new file', async () => {
    const uri = await copyOfSample('keep.onnx');
    const original = await vscode.workspace.fs.readFile(uri);
    const target = inWorkspace('keep.int8.onnx');
    await quantize(uri);
    const { totals } = (await viewOf(uri)).estimate;
    await vscode.commands.executeCommand('vramLens.saveCompressed', uri, target);
    assert.deepEqual(await vscode.workspace.fs.readFile(uri), original);
    const view = await viewOf(target);
    assert.equal(view.estimate.totals.parameterBytes, totals.parameterBytes);
    assert.ok(view.model.metadata.some((m) => m.key === 'vram_lens.recipe'));
    const input = activeTab()?.input;
    assert.ok(input instanceof vscode.TabInputCustom && input.uri.toString() === target.toString());
    assert.equal((await viewOf(uri)).estimate.isDirty, false);
  });

  it('prune zeroes weights and says that no memory is saved', async () => {
    const uri = await copyOfSample('prune.onnx');
    const before = (await viewOf(uri)).estimate.totals;
    const options = { method: 'magnitude', ratio: 0.5 };
    await vscode.commands.executeCommand('vramLens.prune', uri, undefined, options);
    const { estimate } = await viewOf(uri);
    assert.equal(estimate.totals.parameterBytes, before.parameterBytes);
    assert.equal(estimate.edits[0]?.type, 'prune');
    assert.match(estimate.edits[0].warnings.join('\n'), /stay as large as before/);
  });

  it('removes channels: what is saved is smaller, and runs', async () => {
    const uri = await copyOfSample('channels.onnx');
    const before = (await viewOf(uri)).estimate.totals;
    const originalBytes = await size(uri);
    await vscode.commands.executeCommand('vramLens.prune', uri, undefined, {
      importance: 'l1',
      ratio: 0.125,
    });
    const { totals, edits, layers } = (await viewOf(uri)).estimate;
    assert.ok(totals.parameterBytes < before.parameterBytes * 0.8);
    assert.ok((totals.totalPeakBytes ?? 0) < (before.totalPeakBytes ?? 0));
    assert.equal(edits[0]?.type, 'prune-channels');
    assert.equal(layers.find((l) => l.id === '/f/f.0/f.0.0/Conv')?.outputShape, '1 × 28 × 28 × 28');
    const report = await vscode.commands.executeCommand<CheckReport>('vramLens.checkAccuracy', uri, {
      batchSizes: [8],
      ep: 'cpu',
      data: inWorkspace('fmnist-test-2000.npz').fsPath,
    });
    const [batch] = report.batches;
    assert.equal(batch?.error, undefined);
    assert.ok((batch?.compressed?.accuracy ?? 0) > 0.4);
    assert.ok((batch?.outputs[0]?.cosine ?? 1) < 0.9999);
    await vscode.commands.executeCommand('vramLens.save', uri);
    await eventually('saved', () => (tabOf(uri)?.isDirty === false ? true : undefined));
    assert.ok((await size(uri)) < originalBytes * 0.8);
    assert.equal((await viewOf(uri)).estimate.totals.parameterBytes, totals.parameterBytes);
  });

  it('revert all is one step that can be undone', async () => {
    const uri = await copyOfSample('revert.onnx');
    await quantize(uri);
    const { totals } = (await viewOf(uri)).estimate;
    await eventually('dirty', () => (tabOf(uri)?.isDirty === true ? true : undefined));
    await vscode.commands.executeCommand('vramLens.revertAllEdits', uri);
    assert.equal((await viewOf(uri)).estimate.edits.length, 0);
    // asked after it, the window answers once it has taken note of the second step
    await vscode.commands.getCommands();
    await vscode.commands.executeCommand('undo');
    await eventually('the edit again', async () =>
      (await viewOf(uri)).estimate.edits.length === 1 ? true : undefined,
    );
    assert.deepEqual((await viewOf(uri)).estimate.totals, totals);
  });

  it('gives up unsaved edits when the editor is closed without saving', async () => {
    const uri = await copyOfSample('discard.onnx');
    await vscode.commands.executeCommand('vramLens.openText', uri);
    const text = vscode.window.activeTextEditor?.document;
    assert.ok(text);
    const before = text.getText();
    await quantize(uri);
    await eventually('the text follows', () => (text.getText() === before ? undefined : true));
    await discard(uri);
    await eventually('the text is as the file', () => (text.getText() === before ? true : undefined));
  });

  it('shows a file that another program changed, under the same recipe', async () => {
    const uri = await copyOfSample('outside.onnx');
    await openEditor(uri);
    await quantize(uri);
    const model = await openModel(inWorkspace('fmnist_cnn.onnx').fsPath);
    await saveModel({ ...model, producerName: 'another program', range: undefined }, uri.fsPath);
    await model.source.close();
    const view = await eventually('the new producer', async () => {
      const now = await viewOf(uri);
      return now.model.producer.startsWith('another program') ? now : undefined;
    });
    assert.equal(view.estimate.edits.length, 1);
    assert.equal(view.estimate.layers.filter((l) => l.change?.status === 'applied').length, 7);
  });
});

describe('Compare with Original', () => {
  afterEach(closeAll);

  it('opens a diff of the two texts', async () => {
    const uri = await copyOfSample('compare.onnx');
    await quantize(uri);
    await vscode.commands.executeCommand('vramLens.compareWithOriginal', uri);
    const input = activeTab()?.input;
    assert.ok(input instanceof vscode.TabInputTextDiff);
    const [original, changed] = await Promise.all(
      [input.original, input.modified].map(async (u) =>
        (await vscode.workspace.openTextDocument(u)).getText(),
      ),
    );
    assert.match(original ?? '', /Conv\(/);
    assert.doesNotMatch(original ?? '', /ConvInteger\(/);
    assert.match(changed ?? '', /ConvInteger\(/);
    // at the first layer that changed, not at the sums of the head
    const line = await eventually('the first change', () => {
      const editor = vscode.window.visibleTextEditors.find(
        (e) => e.document.uri.path === input.modified.path && e.document.uri.query === input.modified.query,
      );
      const at = editor?.selection.active.line ?? 0;
      return at > 0 ? editor?.document.lineAt(at).text : undefined;
    });
    assert.match(line, /DynamicQuantizeLinear\(input\)/);
  });
});
