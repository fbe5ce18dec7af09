/** What the tests in VS Code's extension host share. */
import assert from 'node:assert/strict';
import path from 'node:path';
import * as vscode from 'vscode';
import { SessionClient } from '../../extension/document/session-client.ts';
import type { PublicApi } from '../../extension/public-api.ts';
import { openModel, saveModel } from '../../src/onnx/index.ts';
import type { EditorView } from '../../src/protocol.ts';

export const editorViewType = 'vramLens.editor';

/** A file of the workspace, which is a copy of media/samples. */
export function inWorkspace(name: string): vscode.Uri {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  assert.ok(folder, 'the tests run in a folder');
  return vscode.Uri.joinPath(folder.uri, name);
}

/** A fresh copy of the sample under a name of its own, so that no test sees another's edits. */
export async function copyOfSample(name: string): Promise<vscode.Uri> {
  const target = inWorkspace(name);
  await vscode.workspace.fs.copy(inWorkspace('fmnist_cnn.onnx'), target, { overwrite: true });
  return target;
}

/** A real model from test/fixtures/models or an npm package, copied into the workspace. */
export async function copyOfFile(relative: string): Promise<vscode.Uri> {
  const source = vscode.Uri.file(path.resolve(import.meta.dirname, '../..', relative));
  const target = inWorkspace(path.basename(relative));
  await vscode.workspace.fs.copy(source, target, { overwrite: true });
  return target;
}

/** The sample with the operators of one type renamed. */
export async function sampleWith(name: string, from: string, to: string): Promise<vscode.Uri> {
  const uri = inWorkspace(name);
  const model = await openModel(inWorkspace('fmnist_cnn.onnx').fsPath);
  const nodes = model.graph.nodes.map((n) =>
    n.opType === from ? { ...n, opType: to, range: undefined } : n,
  );
  const graph = { ...model.graph, nodes, range: undefined };
  await saveModel({ ...model, graph, range: undefined }, uri.fsPath);
  await model.source.close();
  return uri;
}

/** The thread of the documents that tests open by themselves. */
export const sessions = new SessionClient(path.resolve(import.meta.dirname, '../../dist/session-worker.cjs'));

/** For documents of which nothing is run. */
export function noRunner(): never {
  return assert.fail('no model is run here');
}

/** For pages of which no processor is measured. */
export const processor = { known: () => Promise.resolve() };

export function extension(): vscode.Extension<PublicApi> {
  const found = vscode.extensions.getExtension<PublicApi>('vram-lens.vram-lens');
  assert.ok(found, 'the extension is there');
  return found;
}

/** What the editor shows of the model. */
export async function viewOf(uri: vscode.Uri): Promise<EditorView> {
  return (await extension().activate()).view(uri);
}

export async function openEditor(uri: vscode.Uri): Promise<void> {
  await vscode.commands.executeCommand('vscode.openWith', uri, editorViewType);
}

export function activeTab(): vscode.Tab | undefined {
  return vscode.window.tabGroups.activeTabGroup.activeTab;
}

export function tabOf(uri: vscode.Uri): vscode.Tab | undefined {
  return vscode.window.tabGroups.all
    .flatMap((g) => g.tabs)
    .find((t) => t.input instanceof vscode.TabInputCustom && t.input.uri.toString() === uri.toString());
}

/** Waits until `probe` gives a value; fails with `what` after 30 s. */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const end = Date.now() + 30_000;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > end) assert.fail(`not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

/** The accessible names of what matches `selector` in the window (see window.ts). */
export async function namesInWindow(selector: string): Promise<readonly string[]> {
  const address = process.env['VRAM_LENS_WINDOW'] ?? assert.fail('the window can be asked');
  const response = await fetch(`${address}?${encodeURIComponent(selector)}`);
  assert.ok(response.ok, await response.clone().text());
  return (await response.json()) as readonly string[];
}

/** Makes the editor of `uri` active and closes it without saving. */
export async function discard(uri: vscode.Uri): Promise<void> {
  if (tabOf(uri) === undefined) return;
  await openEditor(uri);
  await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
}

export async function closeAll(): Promise<void> {
  for (const group of vscode.window.tabGroups.all) {
    for (const tab of group.tabs) {
      if (tab.isDirty && tab.input instanceof vscode.TabInputCustom) await discard(tab.input.uri);
    }
  }
  await vscode.commands.executeCommand('workbench.action.closeAllEditors');
}

/** A user setting; undefined: its default. */
export async function configure(name: string, value: unknown): Promise<void> {
  await vscode.workspace.getConfiguration().update(name, value, vscode.ConfigurationTarget.Global);
}
