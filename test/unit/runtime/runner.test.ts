/** The real thing: models run in child processes, compared, cancelled, crashed, limited and orphaned. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  RunnerError,
  type CheckRequest,
  type FailureKind,
  type Progress,
} from '../../../src/runtime/index.ts';
import { TestFolder } from './numpy-files.ts';
import { models, samples, Workers } from './worker-bundle.ts';

const cnn = path.join(samples, 'fmnist_cnn.onnx');
const mobres = path.join(models, 'fmnist_mobres.onnx');
const cnnWithNorm = path.join(models, 'fmnist_cnn_bn.onnx');
const labelled = path.join(samples, 'fmnist-test-2000.npz');

const request = (more: Partial<CheckRequest> = {}): CheckRequest => ({
  original: cnn,
  compressed: cnnWithNorm,
  ep: 'cpu',
  batchSizes: [1],
  data: { kind: 'random', seed: 0, samples: 8 },
  dims: {},
  optimization: 'all',
  ...more,
});

const isError = (kind: FailureKind, pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RunnerError, String(error));
  assert.equal(error.kind, kind, error.message);
  assert.match(error.message, pattern);
  return true;
};

/** A temporary folder of its own for each `describe`, so that others' files are not counted. */
class Temporary {
  constructor() {
    const folder = new TestFolder();
    const { TMPDIR, TEMP } = process.env;
    before(() => Object.assign(process.env, { TMPDIR: folder.path, TEMP: folder.path }));
    after(() => {
      for (const [name, value] of Object.entries({ TMPDIR, TEMP })) {
        if (value === undefined) Reflect.deleteProperty(process.env, name);
        else process.env[name] = value;
      }
    });
  }

  list(): Promise<string[]> {
    return readdir(tmpdir());
  }
}

/** Sizes that take seconds in one run, so that there is time to interrupt it. */
const slow: Partial<CheckRequest> = { batchSizes: [1024], data: { kind: 'random', seed: 0, samples: 8192 } };

describe('a check on the CPU', () => {
  const temporary = new Temporary();
  const workers = new Workers();

  it('of the labelled test set has the accuracy that was trained', async () => {
    const progress: Progress[] = [];
    const report = await workers.shared.check(
      request({
        compressed: mobres,
        batchSizes: [256],
        data: { kind: 'numpy', path: labelled },
        predicted: { 256: { original: { arenaBytes: 1000, heldBytes: 1 }, compressed: { arenaBytes: 900 } } },
      }),
      { onProgress: (p) => progress.push(p) },
    );
    assert.equal(report.hasLabels, true);
    assert.equal(report.data, 'fmnist-test-2000.npz, 2000 samples');
    assert.match(report.ortVersion, /^1\./);
    assert.match(report.device, /\d+ cores/);
    const [batch] = report.batches;
    assert.equal(batch?.samples, 2000);
    assert.equal(batch.original?.accuracy, 0.934);
    assert.equal(batch.compressed?.accuracy, 0.9025);
    const [logits] = batch.outputs;
    assert.equal(logits?.output, 'logits');
    // both are right on at least 0.934 + 0.9025 − 1 of the samples
    assert.ok((logits.top1Agreement ?? 0) > 0.8365 && (logits.top1Agreement ?? 1) < 1);
    assert.ok(logits.sqnrDb > 0 && logits.sqnrDb < 30, `${logits.sqnrDb} dB`);
    for (const run of [batch.original, batch.compressed]) {
      assert.ok(run.latencyP50Ms > 0 && run.latencyP95Ms >= run.latencyP50Ms);
      assert.ok(Math.abs(run.samplesPerSecond * run.latencyP50Ms - 256_000) < 1);
      assert.equal(run.peakSource, 'ORT arena (mem_in_use_peak)');
      // at least the largest activation, [256, 32, 28, 28] float32
      assert.ok((run.peakBytes ?? 0) > 256 * 32 * 28 * 28 * 4);
      assert.ok((run.processPeakBytes ?? 0) > 0);
      assert.deepEqual(Object.keys(run.placement), ['cpu']);
    }
    assert.deepEqual([batch.original.predictedPeakBytes, batch.compressed.predictedPeakBytes], [1000, 900]);
    const fractions = progress.map((p) => p.fraction);
    assert.deepEqual(
      fractions,
      [...fractions].sort((a, b) => a - b),
    );
    assert.equal(fractions.at(-1), 1);
    assert.match(progress[0]?.message ?? '', /batch size 256, original: batch 1 of 8/);
  });

  it('of a model with itself finds no difference, at every batch size', async () => {
    const report = await workers.shared.check(request({ compressed: cnn, batchSizes: [1, 4, 3] }));
    assert.deepEqual(
      report.batches.map((b) => [b.batchSize, b.samples, b.outputs[0]?.sqnrDb, b.outputs[0]?.cosine]),
      [
        [1, 8, Infinity, 1],
        [4, 8, Infinity, 1],
        [3, 8, Infinity, 1],
      ],
    );
    assert.equal(report.hasLabels, false);
    assert.equal(report.batches[0]?.original?.accuracy, undefined);
  });

  it('of a transformer agrees with its twin of another opset', async () => {
    const report = await workers.shared.check(
      request({
        original: path.join(models, 'mnist_transformer.onnx'),
        compressed: path.join(models, 'mnist_transformer_opset13.onnx'),
        batchSizes: [8],
      }),
    );
    const [output] = report.batches[0]?.outputs ?? [];
    assert.ok((output?.cosine ?? 0) > 0.9999);
  });

  it('leaves no folder behind', async () => {
    await workers.shared.check(request());
    assert.deepEqual(await temporary.list(), []);
  });

  it('of a model that ONNX Runtime refuses says so in one line', async () => {
    const folder = path.dirname(workers.bundle);
    const bytes = await readFile(cnn);
    bytes.write('Conw', bytes.lastIndexOf('"\u0004Conv') + 2);
    const refused = path.join(folder, 'refused.onnx');
    await writeFile(refused, bytes);
    await assert.rejects(
      workers.shared.check(request({ compressed: refused })),
      isError(
        'model',
        /^ONNX Runtime failed while loading .*refused\.onnx on cpu: .*No Op registered for Conw.*[^.]\.$/,
      ),
    );
    await assert.rejects(
      workers.shared.check(request({ original: path.join(folder, 'none.onnx') })),
      isError('model', /none\.onnx.*File doesn't exist/),
    );
  });

  it('with data that do not fit ends, whatever the batch size', async () => {
    const file = path.join(models, 'fmnist_cnn.onnx');
    assert.ok(!existsSync(file));
    await assert.rejects(
      workers.shared.check(request({ data: { kind: 'numpy', path: file } })),
      isError('data', /Cannot read .*fmnist_cnn\.onnx: ENOENT/),
    );
  });

  it('on an EP that is not there says why', async () => {
    const ep = process.platform === 'win32' ? 'coreml' : 'dml';
    await assert.rejects(
      workers.shared.check(request({ ep })),
      isError('ep', /^The EP ".*" does not work here: ONNX Runtime for Node\.js does not include it on /),
    );
  });

  it('keeps its settings: without the arena nothing is held by it', async () => {
    const profile = await workers.shared.profile(cnn, { dims: { batch: 4 }, session: { intraOpThreads: 1 } });
    assert.ok(profile.nodes.length > 5);
    assert.deepEqual(profile.placement, { cpu: profile.nodes.length });
    assert.ok((profile.memInUsePeakBytes[0] ?? 0) > 0);
    const bare = await workers.shared.profile(cnn, { dims: { batch: 4 }, session: { cpuMemArena: false } });
    assert.deepEqual(bare.memInUsePeakBytes, [undefined]);
    assert.equal(bare.gpuPeakBytes, undefined);
  });
});

describe('a check that goes wrong', () => {
  const temporary = new Temporary();
  const workers = new Workers();

  /** Resolves with the first word from the child's runs. */
  function firstProgress(): { heard: Promise<void>; onProgress: () => void } {
    let onProgress = (): void => undefined;
    const heard = new Promise<void>((resolve) => (onProgress = resolve));
    return { heard, onProgress };
  }

  it('is cancelled within a second, in the midst of a run, and removes its files', async () => {
    const controller = new AbortController();
    const { heard, onProgress } = firstProgress();
    const check = workers.shared.check(request(slow), { signal: controller.signal, onProgress });
    await heard;
    const at = performance.now();
    controller.abort();
    await assert.rejects(check, isError('cancelled', /^Cancelled\.$/));
    assert.ok(performance.now() - at < 1000);
    assert.deepEqual(await temporary.list(), []);
  });

  it('is ended by dispose, as is what waits behind it and what comes after', async () => {
    const runner = workers.runner();
    const { heard, onProgress } = firstProgress();
    const running = assert.rejects(runner.check(request(slow), { onProgress }), isError('cancelled', /./));
    const waiting = assert.rejects(runner.check(request()), isError('cancelled', /./));
    await heard;
    assert.equal((await temporary.list()).length, 1);
    await runner.dispose();
    assert.deepEqual(await temporary.list(), []);
    await Promise.all([running, waiting]);
    await assert.rejects(runner.check(request()), isError('cancelled', /./));
  });

  it('that waits for its turn is cancelled at once, and the one before it is not', async () => {
    const runner = workers.runner();
    const controller = new AbortController();
    const { heard, onProgress } = firstProgress();
    const running = runner.check(
      request({ batchSizes: [64], data: { kind: 'random', seed: 0, samples: 640 } }),
      {
        onProgress,
      },
    );
    const waiting = runner.check(request(), { signal: controller.signal });
    const last = runner.check(request());
    await heard;
    controller.abort();
    await assert.rejects(waiting, isError('cancelled', /./));
    assert.equal((await running).batches[0]?.error, undefined);
    assert.equal((await last).batches[0]?.error, undefined);
  });

  const SIGNALS: [NodeJS.Signals, RegExp, [number, number | undefined][]][] = [
    [
      'SIGKILL',
      /^fmnist_cnn\.onnx: The runner process was killed \(SIGKILL\) while running batch 1 of 2 at batch size 4.*smaller batch/,
      [
        [1, undefined],
        [4, undefined],
        [2, 4],
        [8, undefined],
      ],
    ],
    [
      'SIGSEGV',
      /^fmnist_cnn\.onnx: The runner process crashed \(SIGSEGV\) while running batch 1 of 2/,
      [
        [1, undefined],
        [4, undefined],
        [8, undefined],
      ],
    ],
  ];
  for (const [signal, pattern, sizes] of SIGNALS) {
    it(`by ${signal} at one batch size goes on with the next`, async () => {
      const kill = `process.kill(process.pid, '${signal}')`;
      const workerPath = await workers.sabotaged(signal, 'job.batchSize === 4', kill);
      const runner = workers.runner({ workerPath });
      const { batches } = await runner.check(request({ batchSizes: [1, 4, 8], compressed: cnn }));
      // what was killed is taken for want of memory: half of it runs in its place
      assert.deepEqual(
        batches.map((b) => [b.batchSize, b.insteadOf]),
        sizes,
      );
      assert.match(batches[1]?.error ?? '', pattern);
      assert.deepEqual([batches[1]?.original, batches[1]?.outputs], [undefined, []]);
      for (const b of batches.filter((_, i) => i !== 1)) {
        assert.equal(b.error, undefined);
        assert.equal(b.outputs[0]?.sqnrDb, Infinity);
      }
    });
  }

  it('in the compressed model only keeps what is known of the original', async () => {
    const workerPath = await workers.sabotaged('abort', 'job.compareWith !== undefined', 'process.abort()');
    const runner = workers.runner({ workerPath });
    const [batch] = (await runner.check(request())).batches;
    assert.match(batch?.error ?? '', /^fmnist_cnn_bn\.onnx: The runner process crashed \(SIGABRT\)/);
    assert.ok((batch?.original?.latencyP50Ms ?? 0) > 0);
    assert.equal(batch?.compressed, undefined);
    assert.equal(batch?.samples, 8);
  });

  it('at the memory limit says so, while a smaller batch fits', async () => {
    // [2048, 32, 28, 28] float32 alone is 196 MiB, ORT and Node about 150 MiB
    const { batches } = await workers.shared.check(
      request({ batchSizes: [1, 2048], session: { memoryLimitBytes: 320 * 2 ** 20 }, compressed: cnn }),
    );
    assert.equal(batches[0]?.error, undefined);
    assert.match(
      batches[1]?.error ?? '',
      /The memory limit was reached while .*batch size 2048.*smaller batch/,
    );
    const last = batches.at(-1);
    assert.equal(last?.insteadOf, 2048);
    assert.equal(last.error, undefined);
    assert.equal(last.outputs[0]?.sqnrDb, Infinity);
    // each half failed until one ran
    assert.deepEqual(
      batches.slice(1).map((b) => b.batchSize),
      batches.slice(1).map((_, i) => 2048 / 2 ** i),
    );
  });

  it('at a batch that the file fixes runs that one', async () => {
    const fixed = path.join(path.dirname(workers.bundle), 'fixed.onnx');
    const bytes = await readFile(cnn);
    // the dim of the input: dim_param "batch" becomes dim_value 3, as many bytes with an overlong varint
    const param = Buffer.from([0x0a, 0x07, 0x12, 0x05, ...Buffer.from('batch')]);
    const value = Buffer.from([0x0a, 0x07, 0x08, 0x83, 0x80, 0x80, 0x80, 0x80, 0x00]);
    for (let at = bytes.indexOf(param); at >= 0; at = bytes.indexOf(param)) value.copy(bytes, at);
    await writeFile(fixed, bytes);
    const report = await workers.shared.check(
      request({ original: fixed, compressed: fixed, batchSizes: [1, 3] }),
    );
    assert.match(report.batches[0]?.error ?? '', /fixed batch of 3, so batch size 1 cannot be run/);
    assert.equal(report.batches[1]?.outputs[0]?.sqnrDb, Infinity);
    assert.match(report.warnings.join(), /last 2 of 8 samples do not fill a batch/);
    assert.equal(report.batches[1].samples, 6);
  });

  it('by a child that gives no sign of life is ended', async () => {
    const workerPath = path.join(path.dirname(workers.bundle), 'silent.cjs');
    await writeFile(workerPath, 'setInterval(() => undefined, 1000);\n');
    await assert.rejects(
      workers.runner({ workerPath, silenceMs: 300 }).probeEps(),
      isError('timeout', /no sign of life for .* while starting/),
    );
  });

  it('for want of a worker says so', async () => {
    const folder = path.dirname(workers.bundle);
    await assert.rejects(
      workers.runner({ workerPath: path.join(folder, 'none.cjs') }).check(request()),
      isError(
        'internal',
        /exit code 1 while starting\. Its last words: Error: Cannot find module.*none\.cjs/,
      ),
    );
    await assert.rejects(
      workers.runner({ execPath: path.join(folder, 'no-node') }).check(request()),
      isError('internal', /cannot be started: spawn .*no-node ENOENT/),
    );
  });
});

describe('a child process', () => {
  const workers = new Workers();
  const folder = new TestFolder();

  it('ends and tidies up when its parent is killed in the midst of a run', async () => {
    const scratch = folder.file('scratch');
    await mkdir(scratch);
    const job = {
      kind: 'run',
      model: cnn,
      session: { ep: 'cpu', optimization: 'all', settings: {} },
      dims: {},
      hints: {},
      scratch,
      batchSize: 1024,
      data: { kind: 'random', seed: 0, samples: 1024 * 1000 },
      saveOutputs: path.join(scratch, 'outputs'),
    };
    const options = {
      workerPath: workers.bundle,
      execPath: process.execPath,
      execArgv: [],
      env: {},
      silenceMs: 60_000,
    };
    const child = path.resolve(import.meta.dirname, '../../../src/runtime/child.ts');
    const script = folder.file('parent.mts');
    await writeFile(
      script,
      `import { runJob } from ${JSON.stringify(child)};
       let pid = 0;
       await runJob(${JSON.stringify(job)}, { ...${JSON.stringify(options)},
         onStart: (p: number) => { pid = p; }, onProgress: () => console.log(pid) } as never);`,
    );
    const parent = spawn(process.execPath, ['--import=tsx', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = await new Promise<number>((resolve) => {
      parent.stdout.once('data', (line: Buffer) => resolve(Number(line.toString().split('\n')[0])));
    });
    assert.ok(isAlive(pid));
    assert.ok(existsSync(path.join(scratch, 'outputs')));
    parent.kill('SIGKILL');
    for (let waited = 0; isAlive(pid) && waited < 5000; waited += 50) await sleep(50);
    assert.ok(!isAlive(pid), `${pid} still runs`);
    assert.ok(!existsSync(scratch));
  });

  it('keeps no usage data: ONNX Runtime is told so before it starts', async () => {
    const home = folder.file('home');
    await mkdir(home);
    const silent = workers.runner({ env: { HOME: home, XDG_CACHE_HOME: home, USERPROFILE: home } });
    await silent.profile(cnn);
    assert.deepEqual(await readdir(home), []);
  });

  it('runs from a folder with spaces and signs in its name', async () => {
    const odd = path.join(path.dirname(workers.bundle), 'a b (c) é');
    await mkdir(odd);
    const model = path.join(odd, 'm ö.onnx');
    await copyFile(cnn, model);
    const workerPath = path.join(odd, 'worker.cjs');
    await copyFile(workers.bundle, workerPath);
    const { batches } = await workers
      .runner({ workerPath })
      .check(request({ original: model, compressed: model }));
    assert.equal(batches[0]?.error, undefined);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
