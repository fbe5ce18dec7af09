import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { OnnxDocument } from '../../extension/document/onnx-document.ts';
import { restoreBackup, writeBackup } from '../../extension/editor/backup.ts';
import { quantizeEdit } from '../../extension/edits.ts';
import { configure, copyOfSample, noRunner, sessions } from './host.ts';

const defaults = { sessions, ep: 'cpu', optimization: 'all', batchSize: 1, runner: noRunner } as const;
const quantizeAll = quantizeEdit(
  { all: true },
  { form: 'dynamic-int8', granularity: 'per-tensor', reduceRange: false },
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

  it('says so where the backup cannot be read, and shows the file', async () => {
    const document = await OnnxDocument.open(await copyOfSample('backup-bad.onnx'), defaults);
    await restoreBackup(document, vscode.Uri.file(path.join(folder, 'no such backup')).toString());
    assert.equal(document.isDirty, false);
    assert.equal((await document.ask('modelView')).nodeCount, 16);
    document.dispose();
  });
});
