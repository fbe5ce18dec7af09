import assert from 'node:assert/strict';
import type * as vscode from 'vscode';
import { OnnxDocument } from '../../extension/document/onnx-document.ts';
import { usualEdit } from '../../extension/forms.ts';
import type { CalibrationRequest, CollectedCalibration, EpStatus, Runner } from '../../src/runtime/index.ts';
import { copyOfSample, inWorkspace } from './host.ts';

const settings = { granularity: 'per-channel', reduceRange: false } as const;
const { signal } = new AbortController();

/** Notes what it is asked, and gives calibrations that know when they are disposed of. */
class CountingRunner {
  readonly requests: CalibrationRequest[] = [];
  disposed = 0;

  /** A machine without a GPU. */
  probeEps(): Promise<readonly EpStatus[]> {
    return Promise.resolve([{ ep: 'webgpu', available: false, detail: 'none here' }]);
  }

  calibrate(request: CalibrationRequest): Promise<CollectedCalibration> {
    this.requests.push(request);
    return Promise.resolve({
      ...{ samples: 8, data: 'counted', warnings: [] },
      statistics: () => undefined,
      gram: () => Promise.resolve(undefined),
      dispose: () => {
        this.disposed++;
        return Promise.resolve();
      },
    });
  }
}

async function opened(uri: vscode.Uri): Promise<{ document: OnnxDocument; runner: CountingRunner }> {
  const runner = new CountingRunner();
  const document = await OnnxDocument.open(uri, {
    ...{ ep: 'cpu', optimization: 'all', batchSize: 1 },
    runner: () => runner as unknown as Runner,
  });
  return { document, runner };
}

const isReady = () => Promise.resolve(true);

describe('Calibration', () => {
  it('is done once for the same recipe and data, and gone when the document is closed', async () => {
    const { document, runner } = await opened(await copyOfSample('calibrated.onnx'));
    const [conv, gemm] = ['/f/f.3/f.3.0/Conv', '/fc1/Gemm'] as const;
    assert.ok(await document.withModel(signal, isReady), 'no edit: nothing is run');
    assert.equal(runner.requests.length, 0);
    const edit = usualEdit('static', { nodes: [conv] }, settings);
    document.addEdits([edit], { path: 'fmnist-test-2000.npz', samples: 16, batchSize: 8 });
    assert.ok(await document.withModel(signal, isReady));
    const [request] = runner.requests;
    assert.deepEqual(
      [request?.model, request?.batchSize, request?.data],
      [
        document.uri.fsPath,
        8,
        { kind: 'numpy', path: inWorkspace('fmnist-test-2000.npz').fsPath, limit: 16 },
      ],
    );
    assert.ok((request?.targets.length ?? 0) > 0);
    await document.withModel(signal, isReady);
    // what asks for no data of its own changes nothing, nor does the batch that figures are for, or the EP
    document.setDims({ batch: 4 });
    document.setEp('webgpu');
    document.addEdits([usualEdit('dynamic-int8', { nodes: [gemm] }, settings)]);
    await document.withModel(signal, isReady);
    assert.deepEqual([runner.requests.length, runner.disposed], [1, 0]);
    document.revertEdit(1);
    document.addEdits([usualEdit('static', { nodes: [gemm] }, settings)]);
    await document.withModel(signal, isReady);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([runner.requests.length, runner.disposed], [2, 1], 'other values are looked at');
    assert.equal(runner.requests[1]?.ep, 'cpu', 'where the chosen EP is not on this machine');
    document.dispose();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(runner.disposed, 2);
  });

  it('stays until the last one that writes with it is done', async () => {
    const { document, runner } = await opened(await copyOfSample('calibrated-long.onnx'));
    document.addEdits([usualEdit('static', { nodes: ['/fc1/Gemm'] }, settings)]);
    let finish = (): void => undefined;
    const long = document.withModel(signal, () => new Promise<void>((resolve) => (finish = resolve)));
    await document.withModel(signal, isReady);
    document.dispose();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([runner.requests.length, runner.disposed], [1, 0]);
    finish();
    await long;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(runner.disposed, 1);
  });

  it('runs random inputs where no data are named, and tells what it cannot read', async () => {
    const { document, runner } = await opened(await copyOfSample('calibrated-random.onnx'));
    document.addEdits([usualEdit('static', { all: true }, settings)]);
    await document.withModel(signal, isReady);
    assert.deepEqual(runner.requests[0]?.data, { kind: 'random', seed: 0, samples: 32 });
    const codes = () => document.snapshot.warnings('cpu').map((list) => list.map((w) => w.code));
    assert.deepEqual(codes(), [['random-calibration']]);
    document.addEdits([], { path: 'nowhere', samples: 16, batchSize: 8 });
    assert.deepEqual(codes(), [[]]);
    await assert.rejects(document.withModel(signal, isReady), /Cannot read .*nowhere/);
    document.dispose();
  });
});
