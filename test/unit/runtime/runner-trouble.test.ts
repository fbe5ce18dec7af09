/** Checks that crash, are killed, get too little memory or no answer. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cnn, isError, request } from './runner-cases.ts';
import { Workers } from './worker-bundle.ts';

describe('a check that goes wrong', () => {
  const workers = new Workers();

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
