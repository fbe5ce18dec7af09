import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { usualEdit } from '../../../extension/forms.ts';
import { Base } from '../../../extension/session/base.ts';
import { Calibrations, type CalibrationOf } from '../../../extension/session/calibrations.ts';
import { measureSqnr } from '../../../extension/session/jobs.ts';
import type { Job } from '../../../extension/session/protocol.ts';
import type { Shown } from '../../../extension/session/shown.ts';
import { Snapshot } from '../../../extension/session/snapshot.ts';
import type { EpName, TensorStatistics } from '../../../src/analysis/index.ts';
import { openModel } from '../../../src/onnx/index.ts';
import type { CalibrationRequest, CollectedCalibration, EpStatus } from '../../../src/runtime/index.ts';
import type { CalibrationData, Edit, Recipe } from '../../../src/transforms/index.ts';

const samples = path.resolve(import.meta.dirname, '../../../media/samples');
const settings = { granularity: 'per-channel', weights: 'usual' } as const;
const job: Job = { signal: new AbortController().signal, report: () => undefined };

/** Notes what it is asked, and gives calibrations that know when they are disposed of. */
class CountingRunner {
  readonly requests: CalibrationRequest[] = [];
  disposed = 0;
  /** What every tensor is said to be. */
  channels: TensorStatistics | undefined;

  warnings: readonly string[] = [];

  /** A machine without a GPU. */
  probeEps(): Promise<readonly EpStatus[]> {
    return Promise.resolve([{ ep: 'webgpu', available: false, detail: 'none here' }]);
  }

  moments(): Promise<void> {
    return Promise.reject(new Error('nothing is repaired by least squares'));
  }

  calibrate(request: CalibrationRequest): Promise<CollectedCalibration> {
    this.requests.push(request);
    return Promise.resolve({
      ...{ samples: 8, data: 'counted', warnings: this.warnings },
      statistics: () => this.channels,
      gram: () => Promise.resolve(undefined),
      dispose: () => {
        this.disposed++;
        return Promise.resolve();
      },
    });
  }
}

const isReady = () => Promise.resolve(true);
const [conv, gemm] = ['/f/f.3/f.3.0/Conv', '/fc1/Gemm'] as const;
const data: CalibrationData = { path: 'fmnist-test-2000.npz', samples: 16, batchSize: 8 };

describe('extension: calibrations', () => {
  let folder: string;
  let file: string;
  let base: Base;
  let runner: CountingRunner;
  let calibrations: Calibrations;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-calibrations-'));
    file = path.join(folder, 'cnn.onnx');
    await copyFile(path.join(samples, 'fmnist_cnn.onnx'), file);
    await copyFile(path.join(samples, 'fmnist-test-2000.npz'), path.join(folder, 'fmnist-test-2000.npz'));
    base = new Base(await openModel(file));
    runner = new CountingRunner();
    calibrations = new Calibrations();
  });
  afterEach(async () => {
    calibrations.dispose();
    await base.close();
    await rm(folder, { recursive: true, force: true });
  });

  function of(
    edits: readonly Edit[],
    calibration?: CalibrationData,
    dims = { batch: 1 },
    ep: EpName = 'cpu',
  ): CalibrationOf {
    const recipe: Recipe = { version: 1, source: { name: 'cnn.onnx', sizeBytes: 0 }, calibration, edits };
    const options = { dims, ep, optimization: 'all' } as const;
    const shown = { fileName: 'cnn.onnx', snapshot: new Snapshot(base, recipe), options };
    return { shown, isOnDisk: true, runner: () => runner };
  }

  it('are done once for the same recipe and data, and gone with the file', async () => {
    assert.ok(await calibrations.use(of([]), job, isReady), 'no edit: nothing is run');
    assert.equal(runner.requests.length, 0);
    const first = usualEdit('static', { nodes: [conv] }, settings);
    assert.ok(await calibrations.use(of([first], data), job, isReady));
    const [request] = runner.requests;
    assert.deepEqual(
      [request?.model, request?.batchSize, request?.data],
      [file, 8, { kind: 'numpy', path: path.join(folder, 'fmnist-test-2000.npz'), limit: 16 }],
    );
    assert.ok((request?.targets.length ?? 0) > 0);
    await calibrations.use(of([first], data), job, isReady);
    // what asks for no data of its own changes nothing, nor does the batch that figures are for, or the EP
    const second = usualEdit('dynamic-int8', { nodes: [gemm] }, settings);
    await calibrations.use(of([first, second], data, { batch: 4 }, 'webgpu'), job, isReady);
    assert.deepEqual([runner.requests.length, runner.disposed], [1, 0]);
    const third = usualEdit('static', { nodes: [gemm] }, settings);
    await calibrations.use(of([first, third], data, { batch: 4 }, 'webgpu'), job, isReady);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([runner.requests.length, runner.disposed], [2, 1], 'other values are looked at');
    assert.equal(runner.requests[1]?.ep, 'cpu', 'where the chosen EP is not on this machine');
    calibrations.dispose();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(runner.disposed, 2);
  });

  it('hand on what the data had to say of the edits, as often as they are used', async () => {
    runner.warnings = ['a is not repaired: no sample of the calibration data reaches it'];
    const said = (edits: readonly Edit[]) =>
      calibrations.use(of(edits), job, (_model, warnings) => Promise.resolve(warnings));
    const edits = [usualEdit('static', { nodes: [gemm] }, settings)];
    assert.deepEqual(await said(edits), runner.warnings);
    assert.deepEqual(await said(edits), runner.warnings);
    assert.equal(runner.requests.length, 1);
    assert.deepEqual(await said([]), []);
  });

  it('stay until the last one that writes with them is done', async () => {
    const edits = [usualEdit('static', { nodes: [gemm] }, settings)];
    let finish = (): void => undefined;
    const long = calibrations.use(of(edits), job, () => new Promise<void>((resolve) => (finish = resolve)));
    await calibrations.use(of(edits), job, isReady);
    calibrations.dispose();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([runner.requests.length, runner.disposed], [1, 0]);
    finish();
    await long;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(runner.disposed, 1);
  });

  it('are handed to who only looks, where they are at hand; nothing is run for it', async () => {
    const { shown } = of([usualEdit('static', { nodes: [gemm] }, settings)]);
    const look = () => calibrations.ifKnown(shown, (found) => Promise.resolve(found?.calibration?.samples));
    assert.equal(await look(), undefined);
    await calibrations.use(of(shown.snapshot.recipe.edits), job, isReady);
    assert.equal(await look(), 8);
    const other = of([usualEdit('static', { nodes: [conv] }, settings)]).shown;
    assert.equal(await calibrations.ifKnown(other, (found) => Promise.resolve(found)), undefined);
    let finish = (): void => undefined;
    const long = calibrations.ifKnown(shown, () => new Promise<void>((resolve) => (finish = resolve)));
    await new Promise((resolve) => setTimeout(resolve, 20));
    calibrations.dispose();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([runner.requests.length, runner.disposed], [1, 0], 'it is read');
    finish();
    await long;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(runner.disposed, 1);
  });

  it('tell the weight error of what they decide once they have run', async () => {
    const ones = new Float64Array(128).fill(1);
    const channels = { count: 1, mean: ones, meanSquare: ones, absMax: ones };
    runner.channels = { count: 1, min: -1, max: 1, channels };
    const zero = { type: 'prune', method: 'wanda', ratio: 0.5, seed: 0, bias: false } as const;
    const edits = [{ ...zero, layers: { nodes: [gemm] } }];
    const { shown } = of(edits);
    const measure = async () => {
      // views are of no concern to it
      await measureSqnr({ ...shown, calibrations } as unknown as Shown, job);
      return shown.snapshot.sqnr?.get(gemm)?.sqnrDb;
    };
    assert.equal(await measure(), undefined);
    assert.equal(runner.requests.length, 0, 'nothing is run for it');
    await calibrations.use(of(edits), job, isReady);
    const found = (await measure()) ?? NaN;
    assert.ok(found > 5 && found < 30, `${found} dB`);
    const { sqnr } = shown.snapshot;
    await measure();
    assert.equal(shown.snapshot.sqnr, sqnr, 'all is known: it is not read again');
  });

  it('run random inputs where no data are named, and tell what they cannot read', async () => {
    const edits = [usualEdit('static', { all: true }, settings)];
    const guessed = of(edits);
    await calibrations.use(guessed, job, isReady);
    assert.deepEqual(runner.requests[0]?.data, { kind: 'random', seed: 0, samples: 32 });
    const codes = ({ shown }: CalibrationOf) =>
      shown.snapshot.warnings('cpu').map((l) => l.map((w) => w.code));
    assert.deepEqual(codes(guessed), [['random-calibration']]);
    const nowhere = of(edits, { path: 'nowhere', samples: 16, batchSize: 8 });
    assert.deepEqual(codes(nowhere), [[]]);
    await assert.rejects(calibrations.use(nowhere, job, isReady), /Cannot read .*nowhere/);
  });

  it('run a copy where the file on disk is another by now', async () => {
    const edits = [usualEdit('static', { nodes: [gemm] }, settings)];
    await calibrations.use({ ...of(edits), isOnDisk: false }, job, isReady);
    assert.notEqual(runner.requests[0]?.model, file);
  });
});
