/** Source Control of VS Code itself, on a repository that is made here. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import { parseTextUri } from '../../extension/text/text-uri.ts';
import { openModel, saveModel } from '../../src/onnx/index.ts';
import { activeTab, closeAll, configure, eventually, extension, inWorkspace } from './host.ts';

const run = promisify(execFile);

interface Repository {
  readonly state: { readonly workingTreeChanges: readonly unknown[] };
  status(): Promise<void>;
}

interface Git {
  readonly enabled: boolean;
  getAPI(version: 1): { openRepository(root: vscode.Uri): Promise<Repository | null> };
}

describe('Source control', () => {
  let folder: string;
  let model: vscode.Uri;

  const git = (...args: readonly string[]) =>
    run('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args], { cwd: folder });

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-scm-'));
    model = vscode.Uri.file(path.join(folder, 'cnn.onnx'));
    await copyFile(inWorkspace('fmnist_cnn.onnx').fsPath, model.fsPath);
    await git('init', '-q');
    await git('add', '.');
    await git('commit', '-qm', 'a model');
    const opened = await openModel(model.fsPath);
    const graph = { ...opened.graph, name: 'changed', range: undefined };
    await saveModel({ ...opened, graph, range: undefined }, model.fsPath);
    await opened.source.close();
    await configure('git.enabled', true);
    const builtIn = await vscode.extensions.getExtension<Git>('vscode.git')?.activate();
    await eventually('Git is enabled', () => (builtIn?.enabled === true ? true : undefined));
    const repository = await builtIn?.getAPI(1).openRepository(vscode.Uri.file(folder));
    assert.ok(repository, 'the repository opens');
    await repository.status();
    await eventually('the change is seen', () => repository.state.workingTreeChanges[0]);
  });
  after(async () => {
    await closeAll();
    // as the tests have it
    await configure('git.enabled', false);
    await rm(folder, { recursive: true, force: true });
  });

  async function sidesOfDiff(): Promise<{ before: vscode.Uri; after: vscode.Uri }> {
    return eventually('a comparison of texts', () => {
      const input = activeTab()?.input;
      if (!(input instanceof vscode.TabInputTextDiff)) return undefined;
      const [before, after] = [parseTextUri(input.original), parseTextUri(input.modified)];
      return before && after && { before: before.source, after: after.source };
    });
  }

  it('shows what changed in a model by the comparison of its texts', async () => {
    await extension().activate();
    await vscode.commands.executeCommand('git.openChange', model);
    const { before, after } = await sidesOfDiff();
    assert.deepEqual([before.scheme, before.path], ['git', model.path]);
    assert.equal(after.toString(), model.toString());
    await eventually('it takes the place of the diff of binary files', () => {
      const tabs = vscode.window.tabGroups.all.flatMap((g) => g.tabs);
      return tabs.length === 1 ? true : undefined;
    });
  });

  it('leaves an editor of a committed version alone', async () => {
    await closeAll();
    await vscode.commands.executeCommand('vramLens.compareWithHead', model);
    const { before } = await sidesOfDiff();
    await closeAll();
    await vscode.commands.executeCommand('vscode.openWith', model, 'vramLens.editor');
    await vscode.commands.executeCommand('vscode.openWith', before, 'vramLens.editor', { preview: false });
    // what is opened after them is replaced: whatever was to become of them has
    await vscode.commands.executeCommand('git.openChange', model);
    await sidesOfDiff();
    const inputs = vscode.window.tabGroups.all.flatMap((g) => g.tabs.map((t) => t.input));
    assert.equal(inputs.filter((i) => i instanceof vscode.TabInputCustom).length, 2);
  });
});
