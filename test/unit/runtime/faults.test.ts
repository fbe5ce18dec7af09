/** What can go wrong in a run, made to go wrong: each becomes a message that says what to do, and the next run is clean. */
import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { RunnerError, type CheckRequest, type Runner } from '../../../src/runtime/index.ts';
import { npy, npz, TestFolder } from './numpy-files.ts';
import { Temporary } from './runner-cases.ts';
import { models, samples, Workers } from './worker-bundle.ts';

const cnn = path.join(samples, 'fmnist_cnn.onnx');
const data = { kind: 'numpy', path: path.join(models, 'fmnist-calib-256.npz'), limit: 8 } as const;
const check: CheckRequest = {
  original: cnn,
  compressed: cnn,
  ep: 'cpu',
  batchSizes: [4],
  data,
  dims: {},
  optimization: 'all',
};

describe('a child that is killed', () => {
  const workers = new Workers();
  const temporary = new Temporary();
  const common = { model: cnn, ep: 'cpu', dims: {} } as const;
  const calibration = {
    ...common,
    data,
    batchSize: 4,
    targets: [{ tensor: 'logits', histogramBins: 16 }],
  } as const;
  const layers = { original: cnn, compressed: cnn, ep: 'cpu', data, dims: {} } as const;
  const errorOf = async (task: Promise<unknown>): Promise<string> =>
    task.then(
      () => '',
      (error: unknown) => (error instanceof RunnerError ? error.message : String(error)),
    );
  const inReport = async (runner: Runner) => (await runner.check(check)).batches[0]?.error ?? '';

  const cases: readonly (readonly [string, RegExp, (runner: Runner) => Promise<string>, string])[] = [
    ['loading', /^loading/, inReport, 'loading fmnist_cnn.onnx on cpu'],
    ['running', /^running/, inReport, 'running batch 1 of 2 at batch size 4'],
    ['profiling', /^profiling/, inReport, 'profiling fmnist_cnn.onnx'],
    [
      'collecting',
      /^collecting/,
      (r) => errorOf(r.calibrate(calibration)),
      'collecting from samples 1 to 4 of 8',
    ],
    [
      'comparing layers',
      /^running/,
      (r) => errorOf(r.compareLayers(layers)),
      'running batch 1 for the values',
    ],
    [
      'reading data',
      /^reading/,
      (r) => errorOf(r.previewData({ model: cnn, data, dims: {} })),
      'reading the data',
    ],
  ];
  for (const [title, phase, run, where] of cases) {
    it(`while ${title} is told so, nothing is left, and the next run works`, async () => {
      const before = (await temporary.list()).filter((n) => /^vram-lens-\w{6}$/.test(n));
      const workerPath = await workers.sabotaged(title, 'true', 'process.abort()', phase);
      const message = await run(workers.runner({ workerPath }));
      assert.ok(message.includes(`crashed (SIGABRT) while ${where}`), message);
      assert.match(message, /Try a smaller batch size/);
      assert.equal(await inReport(workers.shared), '');
      const after = (await temporary.list()).filter((n) => /^vram-lens-\w{6}$/.test(n));
      assert.deepEqual(
        after.filter((n) => !before.includes(n)),
        [],
      );
    });
  }
});

describe('a run', () => {
  const workers = new Workers();
  const folder = new TestFolder();

  it('on inputs that are NaN says how many values are', async () => {
    const values = new Float32Array(2 * 784).fill(Number.NaN, 0, 784);
    const file = await folder.write('nan.npz', npz({ input: npy(values, { shape: [2, 1, 28, 28] }) }));
    const report = await workers.shared.check({
      ...check,
      batchSizes: [2],
      data: { kind: 'numpy', path: file },
    });
    assert.match(report.warnings.join(), /Output "logits" holds 10 values that are NaN or infinite/);
    const calibration = await workers.shared.calibrate({
      model: cnn,
      ep: 'cpu',
      dims: {},
      batchSize: 2,
      data: { kind: 'numpy', path: file },
      targets: [{ tensor: 'input' }],
    });
    assert.equal(calibration.statistics('input')?.count, 784);
    assert.match(calibration.warnings.join(), /"input" held 784 values that are NaN or infinite/);
  });

  it('on data cut short ends with the name of the file', async () => {
    const whole = await readFile(data.path);
    const file = await folder.write('short.npz', whole.subarray(0, whole.length / 2));
    await assert.rejects(
      workers.shared.check({ ...check, data: { kind: 'numpy', path: file } }),
      (error: unknown) =>
        error instanceof RunnerError &&
        error.kind === 'data' &&
        /short\.npz is damaged or cut short/.test(error.message),
    );
  });

  it('of a model cut short says so', async () => {
    const whole = await readFile(cnn);
    const file = await folder.write('short.onnx', whole.subarray(0, whole.length / 2));
    for (const task of [
      () => workers.shared.check({ ...check, original: file }),
      () =>
        workers.shared.calibrate({
          model: file,
          ep: 'cpu',
          dims: {},
          batchSize: 1,
          data,
          targets: [{ tensor: 'logits' }],
        }),
    ]) {
      await assert.rejects(task, (error: unknown) => error instanceof RunnerError && error.kind === 'model');
    }
  });

  if (process.platform === 'linux') {
    it('under a limit of the system (ulimit -v) runs half a batch where the whole one does not fit', async () => {
      const execPath = folder.file('limited');
      // Node itself reserves about 1.2 GiB; [8192, 32, 28, 28] float32 twice are 1.5 GiB
      await writeFile(execPath, `#!/bin/sh\nulimit -v 2300000\nexec "${process.execPath}" "$@"\n`);
      await chmod(execPath, 0o755);
      const { batches } = await workers.runner({ execPath }).check({
        ...check,
        batchSizes: [8192],
        data: { kind: 'random', seed: 0, samples: 1 },
        session: { intraOpThreads: 1 },
      });
      assert.match(batches[0]?.error ?? '', /memory/i);
      assert.equal(batches[0]?.isOutOfMemory, true);
      const last = batches.at(-1);
      assert.ok(last?.error === undefined && (last?.batchSize ?? 0) < 8192, last?.error);
      assert.equal(last?.insteadOf, 8192);
    });
  }

  it('after run leaves the memory and the handles of the host as they were', async () => {
    const quick = { ...check, data: { kind: 'random', seed: 0, samples: 1 } as const, batchSizes: [1] };
    const handles = () =>
      process.getActiveResourcesInfo().filter((r) => r !== 'Immediate' && r !== 'Timeout').length;
    await workers.shared.check(quick);
    const before = handles();
    for (let i = 0; i < 3; i++) await workers.shared.check(quick);
    assert.ok(handles() <= before, process.getActiveResourcesInfo().join());
  });
});
