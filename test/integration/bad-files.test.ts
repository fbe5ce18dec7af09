import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { closeAll, copyOfSample, eventually, inWorkspace, openEditor, viewOf } from './host.ts';

async function write(name: string, bytes: Uint8Array): Promise<vscode.Uri> {
  const uri = inWorkspace(name);
  await vscode.workspace.fs.writeFile(uri, bytes);
  return uri;
}

describe('A file that cannot be read', () => {
  afterEach(closeAll);

  const cases: { name: string; bytes: (sample: Uint8Array) => Uint8Array; says: RegExp }[] = [
    {
      name: 'not-a-model.onnx',
      bytes: () => new TextEncoder().encode('hello, I am no model'),
      says: /not an ONNX/,
    },
    { name: 'empty.onnx', bytes: () => new Uint8Array(), says: /empty/ },
    { name: 'cut.onnx', bytes: (sample) => sample.subarray(0, 1000), says: /ends|short|truncated/ },
  ];
  for (const { name, bytes, says } of cases) {
    it(`${name}: opens a page that says so, and the next file opens`, async () => {
      const sample = await vscode.workspace.fs.readFile(inWorkspace('fmnist_cnn.onnx'));
      const uri = await write(name, bytes(sample));
      await openEditor(uri);
      await assert.rejects(viewOf(uri), says);
      await vscode.commands.executeCommand('vramLens.openText', uri);
      const text = vscode.window.activeTextEditor?.document.getText() ?? '';
      assert.match(text, /^# /);
      assert.match(text, says);
      const good = await copyOfSample('good.onnx');
      await openEditor(good);
      assert.equal((await viewOf(good)).model.nodeCount, 16);
    });
  }

  it('is shown as soon as it is whole', async () => {
    const sample = await vscode.workspace.fs.readFile(inWorkspace('fmnist_cnn.onnx'));
    const uri = await write('growing.onnx', sample.subarray(0, 5000));
    await openEditor(uri);
    await assert.rejects(viewOf(uri));
    await vscode.workspace.fs.writeFile(uri, sample);
    const view = await eventually('the model', () => viewOf(uri).catch(() => undefined));
    assert.equal(view.model.nodeCount, 16);
  });
});
