/** Models that are not on the local disk: another file system, read-only, with external data. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { openModel, saveModel } from '../../src/onnx/index.ts';
import { closeAll, configure, eventually, inWorkspace, openEditor, tabOf, viewOf } from './host.ts';

/** Files in memory. */
class MemoryFiles implements vscode.FileSystemProvider {
  readonly files = new Map<string, Uint8Array>();
  readonly onDidChangeFile = new vscode.EventEmitter<vscode.FileChangeEvent[]>().event;

  stat(uri: vscode.Uri): vscode.FileStat {
    if (uri.path === '/') return { type: vscode.FileType.Directory, ctime: 0, mtime: 0, size: 0 };
    return { type: vscode.FileType.File, ctime: 0, mtime: 0, size: this.readFile(uri).length };
  }

  readFile(uri: vscode.Uri): Uint8Array {
    return this.files.get(uri.path) ?? this.#missing(uri);
  }

  writeFile(uri: vscode.Uri, content: Uint8Array): void {
    this.files.set(uri.path, content);
  }

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => undefined);
  }

  readDirectory(): [string, vscode.FileType][] {
    return [...this.files.keys()].map((p) => [p.slice(1), vscode.FileType.File]);
  }

  createDirectory(): void {
    throw vscode.FileSystemError.NoPermissions();
  }

  delete(): void {
    throw vscode.FileSystemError.NoPermissions();
  }

  rename(): void {
    throw vscode.FileSystemError.NoPermissions();
  }

  #missing(uri: vscode.Uri): never {
    throw vscode.FileSystemError.FileNotFound(uri);
  }
}

describe('A model that is not on the local disk', () => {
  const files = new MemoryFiles();
  const registered: vscode.Disposable[] = [];

  before(async () => {
    files.files.set('/model.onnx', await vscode.workspace.fs.readFile(inWorkspace('fmnist_cnn.onnx')));
    registered.push(
      vscode.workspace.registerFileSystemProvider('lens-memory', files),
      vscode.workspace.registerFileSystemProvider('lens-readonly', files, { isReadonly: true }),
    );
    await configure('files.autoSave', 'off');
    await configure('vramLens.save.confirmOverwrite', false);
  });
  after(async () => {
    for (const r of registered) r.dispose();
    await configure('files.autoSave', undefined);
    await configure('vramLens.save.confirmOverwrite', undefined);
  });
  afterEach(closeAll);

  it('opens, is quantized and saved', async () => {
    const uri = vscode.Uri.parse('lens-memory:/model.onnx');
    await openEditor(uri);
    assert.equal((await viewOf(uri)).isReadOnly, false);
    await vscode.commands.executeCommand('vramLens.quantize', uri, undefined, { granularity: 'per-tensor' });
    await eventually('dirty', () => (tabOf(uri)?.isDirty === true ? true : undefined));
    const before = files.readFile(uri).length;
    await vscode.commands.executeCommand('workbench.action.files.save');
    await eventually('saved', () => (tabOf(uri)?.isDirty === false ? true : undefined));
    assert.ok(files.readFile(uri).length < before / 3);
    assert.ok((await viewOf(uri)).model.metadata.some((m) => m.key === 'vram_lens.recipe'));
  });

  it('can be looked at where nothing can be written', async () => {
    const uri = vscode.Uri.parse('lens-readonly:/model.onnx');
    await openEditor(uri);
    const view = await viewOf(uri);
    assert.equal(view.isReadOnly, true);
    assert.ok(view.estimate.layers.length > 5);
  });

  it('finds its external data beside it', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-external-'));
    try {
      const model = await openModel(inWorkspace('fmnist_cnn.onnx').fsPath);
      const saved = path.join(folder, 'external.onnx');
      await saveModel(model, saved, { externalData: 'always' });
      await model.source.close();
      files.files.set('/external.onnx', await readFile(saved));
      const uri = vscode.Uri.parse('lens-readonly:/external.onnx');
      await openEditor(uri);
      await assert.rejects(viewOf(uri), /external\.onnx\.data/);
      await vscode.commands.executeCommand('workbench.action.closeAllEditors');
      files.files.set('/external.onnx.data', await readFile(`${saved}.data`));
      await openEditor(uri);
      assert.equal((await viewOf(uri)).estimate.totals.parameterCount, 156_650);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
