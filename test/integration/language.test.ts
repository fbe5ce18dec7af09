/** Run once per language (see run.ts): what a person reads is in the language of VS Code. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { usualWeightType } from '../../src/transforms/index.ts';
import { pageHtml } from '../../extension/editor/page.ts';
import {
  closeAll,
  copyOfSample,
  eventually,
  inWorkspace,
  namesInWindow,
  openEditor,
  viewOf,
} from './host.ts';

interface Words {
  readonly lens: RegExp;
  readonly head: RegExp;
  readonly error: RegExp;
  readonly note: RegExp;
  readonly check: RegExp;
  readonly edit: string;
}

const words: Readonly<Record<string, Words>> = {
  en: {
    lens: /^64\.5 KiB weights · 1\.00 KiB activations @ batch 1$/,
    head: /^# 1?\d\d K parameters · .+ of weights · \d+ nodes in \d+ layers$[^]*^# peak .* at \S+$/m,
    error: /^# This is not an ONNX model$/m,
    note: /^Activations at the peak: exact$/m,
    check: /A check is running\. Click to cancel it\.\s+batch size 1, original/,
    edit: `Quantize 2 layers to ${usualWeightType()}, per channel`,
  },
  'zh-cn': {
    lens: /^权重 64\.5 KiB · 激活值 1\.00 KiB @ 批大小 1$/,
    head: /^# 1?\d\d K 个参数 · 权重 .+ · \d+ 个节点，\d+ 层$[^]*^# 峰值 .*位于 \S+$/m,
    error: /^# 这不是 ONNX 模型$/m,
    note: /^峰值时的激活值：精确$/m,
    check: /正在检查。点击可取消。\s+批大小 ?1，原模型/,
    edit: `将 2 层量化为 ${usualWeightType()}，逐通道`,
  },
};

describe('The language of VS Code', () => {
  afterEach(closeAll);
  const expected = words[vscode.env.language] ?? assert.fail(`no words for ${vscode.env.language}`);

  it('is that of the head of the text', async () => {
    await vscode.commands.executeCommand('vramLens.openText', await copyOfSample('language.onnx'));
    assert.match(vscode.window.activeTextEditor?.document.getText() ?? '', expected.head);
  });

  it('is that of CodeLens', async () => {
    await vscode.commands.executeCommand('vramLens.openText', await copyOfSample('language.onnx'));
    const document = vscode.window.activeTextEditor?.document;
    assert.ok(document);
    const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
      'vscode.executeCodeLensProvider',
      document.uri,
      100,
    );
    const titles = lenses.map((l) => l.command?.title ?? '');
    assert.ok(
      titles.some((t) => expected.lens.test(t)),
      titles.join('\n'),
    );
  });

  it('is that of errors', async () => {
    const uri = inWorkspace('nothing.onnx');
    await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode('nothing at all'));
    await vscode.commands.executeCommand('vramLens.openText', uri);
    assert.match(vscode.window.activeTextEditor?.document.getText() ?? '', expected.error);
  });

  it('is that of the notes on figures', async () => {
    const uri = await copyOfSample('language.onnx');
    await openEditor(uri);
    const { estimate } = await viewOf(uri);
    assert.match(estimate.totals.notes.join('\n'), expected.note);
  });

  it('is that of the recipe', async () => {
    const uri = await copyOfSample('language-edit.onnx');
    await openEditor(uri);
    const options = { granularity: 'per-channel', layers: ['/fc1/Gemm', '/f/f.3/f.3.0/Conv'] };
    await vscode.commands.executeCommand('vramLens.quantize', uri, undefined, options);
    assert.deepEqual(
      (await viewOf(uri)).estimate.edits.map((e) => e.label),
      [expected.edit],
    );
  });

  it('is that of a check in the status bar', async () => {
    const model = await copyOfSample('checked.onnx');
    const check = vscode.commands.executeCommand('vramLens.checkAccuracy', model, {
      ...{ batchSizes: [1, 2, 3, 4, 5, 6, 7, 8], ep: 'cpu' },
      data: inWorkspace('fmnist-test-2000.npz').fsPath,
    });
    try {
      await eventually('the check in the status bar', async () => {
        const names = await namesInWindow('[id="vram-lens.vram-lens.vramLens.check"] [aria-label]');
        return names.find((n) => expected.check.test(n));
      });
    } finally {
      await vscode.commands.executeCommand('vramLens.cancelCheck');
      await check;
    }
  });

  it('is that of the page', () => {
    const panel = vscode.window.createWebviewPanel('test', 'test', vscode.ViewColumn.Active);
    try {
      const html = pageHtml(panel.webview, vscode.Uri.file('/extension'), { sort: '"<b>"' });
      assert.match(html, new RegExp(`<html lang="${vscode.env.language}">`));
      // what a file or a setting holds cannot leave its attribute
      assert.doesNotMatch(html, /<b>/);
    } finally {
      panel.dispose();
    }
  });
});
