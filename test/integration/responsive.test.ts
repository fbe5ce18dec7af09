/** The extension host with a model of 10,000 nodes: whatever is done, other extensions wait no longer than 50 ms. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { KernelTimes } from '../../extension/kernel-times.ts';
import { CheckHistory } from '../../extension/check-history.ts';
import { Devices } from '../../extension/devices.ts';
import { OnnxDocument } from '../../extension/document/onnx-document.ts';
import { ViewStates } from '../../extension/editor/view-state.ts';
import { WebviewHost } from '../../extension/editor/webview-host.ts';
import { textUri } from '../../extension/text/text-uri.ts';
import { saveModel } from '../../src/onnx/index.ts';
import type { HostApi, WebviewApi } from '../../src/protocol.ts';
import { createPeer } from '../../src/rpc.ts';
import { transformer } from '../../bench/inference/model.ts';
import {
  closeAll,
  configure,
  discard,
  extension,
  inWorkspace,
  noRunner,
  openEditor,
  processor,
  sessions,
  tabOf,
  viewOf,
} from './host.ts';
import { longestBlock } from './host-meter.ts';
import { memento, Page, textChannel } from './page.ts';

const longestMs = 50;

describe('A model of 10,000 nodes', function () {
  this.timeout(300_000);
  const uri = inWorkspace('ten-thousand.onnx');
  const found: string[] = [];

  before(async () => {
    await extension().activate();
    await saveModel(transformer(10_000), uri.fsPath);
    await configure('files.autoSave', 'off');
    await configure('vramLens.save.confirmOverwrite', false);
  });
  after(async () => {
    console.log(found.join('\n'));
    await closeAll();
    await configure('files.autoSave', undefined);
    await configure('vramLens.save.confirmOverwrite', undefined);
  });

  async function isShort(what: string, work: () => Promise<unknown>): Promise<void> {
    const measured = await longestBlock(work);
    found.push(`${what}: ${measured.longestMs.toFixed(1)} ms`);
    assert.ok(measured.longestMs <= longestMs, `${what} keeps the host busy for ${measured.longestMs} ms`);
  }

  it('opens', () =>
    isShort('open', async () => {
      await openEditor(uri);
      const { model, estimate } = await viewOf(uri);
      assert.ok(model.nodeCount >= 10_000);
      assert.ok(estimate.timeline.nodes.length > 5000);
    }));

  it('is quantized, and saved', async () => {
    await isShort('quantize', async () => {
      await vscode.commands.executeCommand('vramLens.quantize', uri, undefined, { form: 'blocks-8' });
      assert.ok((await viewOf(uri)).estimate.edits.length === 1);
    });
    await isShort('undo', async () => {
      await vscode.commands.executeCommand('undo');
      assert.equal((await viewOf(uri)).estimate.edits.length, 0);
    });
    await isShort('save', async () => {
      await vscode.commands.executeCommand('redo');
      await vscode.commands.executeCommand('workbench.action.files.save');
      assert.equal(tabOf(uri)?.isDirty, false);
    });
  });

  it('shows its text, with what stands beside it', async () => {
    const text = textUri({ source: uri, side: 'current' });
    await isShort('text', async () => {
      const document = await vscode.workspace.openTextDocument(text);
      await vscode.window.showTextDocument(document);
      assert.ok(document.lineCount > 10_000);
    });
    const at = new vscode.Position(5000, 4);
    const ask =
      (command: string, ...args: unknown[]) =>
      () =>
        vscode.commands.executeCommand<unknown[]>(command, text, ...args) as Promise<unknown[]>;
    await isShort('hover', ask('vscode.executeHoverProvider', at));
    await isShort('CodeLens', ask('vscode.executeCodeLensProvider'));
    await isShort('outline', ask('vscode.executeDocumentSymbolProvider'));
    await isShort('actions', ask('vscode.executeCodeActionProvider', new vscode.Range(at, at)));
    await isShort('hints', ask('vscode.executeInlayHintProvider', new vscode.Range(4900, 0, 5000, 0)));
    await discard(uri);
  });

  it('answers its page', async () => {
    const document = await OnnxDocument.open(uri, {
      ...{ sessions, ep: 'cpu', optimization: 'all', batchSize: 1, runner: noRunner },
    });
    const [a, b] = textChannel();
    const services = {
      ...{ devices: new Devices(), viewStates: new ViewStates(memento()) },
      checks: new CheckHistory(memento()),
      kernelTimes: new KernelTimes(memento()),
      processor,
      runner: noRunner,
    };
    const host = new WebviewHost(a, document, services);
    const { remote } = createPeer<WebviewApi, HostApi>(b, new Page());
    try {
      await isShort('page', () => remote.open());
      await isShort('dims', () => remote.setDims({ batch: 8 }));
      await isShort('provider', () => remote.setEp('webgpu'));
      await isShort('graph', () => remote.graph());
      await isShort('inspector', () => remote.describeLayer('Add_4000'));
    } finally {
      host.dispose();
      document.dispose();
    }
  });
});
