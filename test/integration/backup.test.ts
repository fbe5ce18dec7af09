import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { OnnxDocument, type UndoableEdit } from '../../extension/document/onnx-document.ts';
import { restoreBackup, writeBackup } from '../../extension/editor/backup.ts';
import { quantizeEdit } from '../../extension/edits.ts';
import { configure, copyOfSample, noRunner, sessions } from './host.ts';

const defaults = { sessions, ep: 'cpu', optimization: 'all', batchSize: 1, runner: noRunner } as const;
const quantizeAll = quantizeEdit(
  { all: true },
  { form: 'dynamic-int8', granularity: 'per-tensor', weights: 'usual' },
);

describe('Hot exit', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-backup-'));
    await configure('vramLens.save.confirmOverwrite', false);
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
    await configure('vramLens.save.confirmOverwrite', undefined);
  });

  it('backs up the recipe and restores it', async () => {
    const uri = await copyOfSample('backup.onnx');
    const document = await OnnxDocument.open(uri, defaults);
    document.addEdits([quantizeAll]);
    const destination = vscode.Uri.file(path.join(folder, 'made', 'backup-1'));
    const { id } = await writeBackup(document, destination);
    const { size } = await vscode.workspace.fs.stat(destination);
    assert.ok(size < 1000, 'the backup is the recipe, not the weights');
    const next = await OnnxDocument.open(uri, defaults);
    await restoreBackup(next, id);
    assert.deepEqual(next.recipe, document.recipe);
    assert.deepEqual(await next.ask('estimate'), await document.ask('estimate'));
    assert.equal(next.isDirty, true);
    document.dispose();
    next.dispose();
  });

  it('restores an undo past a save, though the original is not on disk any more', async () => {
    const uri = await copyOfSample('backup-undo.onnx');
    const document = await OnnxDocument.open(uri, defaults);
    const original = await document.ask('estimate');
    const undos: (() => void)[] = [];
    document.onDidEdit((e) => undos.push(e.undo));
    document.addEdits([quantizeAll]);
    await document.save();
    undos[0]?.();
    const { id } = await writeBackup(document, vscode.Uri.file(path.join(folder, 'backup-2')));
    const next = await OnnxDocument.open(uri, defaults);
    assert.notEqual((await next.ask('estimate')).parameterBytes, original.parameterBytes);
    await restoreBackup(next, id);
    assert.deepEqual(await next.ask('estimate'), original);
    assert.equal(next.isDirty, true);
    document.dispose();
    next.dispose();
  });

  it('is of one moment, though the document changes while it is written', async () => {
    const uri = await copyOfSample('backup-race.onnx');
    const document = await OnnxDocument.open(uri, defaults);
    const original = await document.ask('estimate');
    const steps: UndoableEdit[] = [];
    document.onDidEdit((e) => steps.push(e));
    document.addEdits([quantizeAll]);
    await document.save();
    steps[0]?.undo();
    const writing = writeBackup(document, vscode.Uri.file(path.join(folder, 'race', 'backup')));
    // the file on disk is what is shown again: without a copy, the backup would be of that
    steps[0]?.redo();
    document.addEdits([quantizeAll]);
    const { id } = await writing;
    const next = await OnnxDocument.open(uri, defaults);
    assert.equal(await restoreBackup(next, id), 'restored');
    assert.deepEqual(next.recipe.edits, []);
    assert.deepEqual(await next.ask('estimate'), original);
    document.dispose();
    next.dispose();
  });

  it('leaves nothing behind where it is cancelled', async () => {
    const document = await OnnxDocument.open(await copyOfSample('backup-cancelled.onnx'), defaults);
    document.addEdits([quantizeAll]);
    const destination = vscode.Uri.file(path.join(folder, 'cancelled', 'backup'));
    const source = new vscode.CancellationTokenSource();
    const writing = writeBackup(document, destination, source.token);
    source.cancel();
    await assert.rejects(writing);
    await assert.rejects(Promise.resolve(vscode.workspace.fs.stat(destination)));
    document.dispose();
  });

  it('tells a file that was written anew meanwhile, though it is as large', async () => {
    const uri = await copyOfSample('backup-other.onnx');
    const document = await OnnxDocument.open(uri, defaults);
    document.addEdits([quantizeAll]);
    const { id } = await writeBackup(document, vscode.Uri.file(path.join(folder, 'backup-3')));
    document.dispose();
    const bytes = await vscode.workspace.fs.readFile(uri);
    await vscode.workspace.fs.writeFile(uri, bytes);
    const next = await OnnxDocument.open(uri, defaults);
    assert.equal(await restoreBackup(next, id), 'on another file');
    assert.deepEqual(next.recipe.edits, [quantizeAll]);
    next.dispose();
  });

  it('waits for a file that cannot be read now', async () => {
    const uri = await copyOfSample('backup-broken.onnx');
    const document = await OnnxDocument.open(uri, defaults);
    document.addEdits([quantizeAll]);
    const { id } = await writeBackup(document, vscode.Uri.file(path.join(folder, 'backup-4')));
    document.dispose();
    const bytes = await vscode.workspace.fs.readFile(uri);
    await vscode.workspace.fs.writeFile(uri, bytes.slice(0, 1000));
    const next = await OnnxDocument.open(uri, defaults);
    assert.ok(next.failure);
    assert.equal(await restoreBackup(next, id), 'restored');
    await vscode.workspace.fs.writeFile(uri, bytes);
    await next.refresh();
    assert.equal(next.failure, undefined);
    assert.deepEqual(next.recipe.edits, [quantizeAll]);
    assert.equal(next.isDirty, true);
    next.dispose();
  });

  it('says so where the backup cannot be read, and shows the file', async () => {
    const document = await OnnxDocument.open(await copyOfSample('backup-bad.onnx'), defaults);
    await restoreBackup(document, vscode.Uri.file(path.join(folder, 'no such backup')).toString());
    assert.equal(document.isDirty, false);
    assert.equal((await document.ask('modelView')).nodeCount, 16);
    document.dispose();
  });
});
