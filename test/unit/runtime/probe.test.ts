/** The EPs of this very machine, whatever they are. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { analyze } from '../../../src/analysis/index.ts';
import { learnInt8Overflows, learnWebgpuOverhead, thisMachine } from '../../../src/machine.ts';
import {
  bestEp,
  epPreference,
  keptInt8Overflows,
  listGpus,
  type EpStatus,
} from '../../../src/runtime/index.ts';
import { overflowShown } from '../../../src/runtime/overflow-model.ts';
import { USUAL, usualWeightType } from '../../../src/transforms/index.ts';
import { convolutional } from '../analysis/models.ts';
import { probeModel } from '../../../src/runtime/probe-model.ts';
import { swiftShader } from './software-gpu.ts';
import { samples, Workers } from './worker-bundle.ts';

const model = path.join(samples, 'fmnist_cnn.onnx');

describe('the EPs of this machine', () => {
  const workers = new Workers();
  const status = (all: readonly EpStatus[], ep: string) => all.find((s) => s.ep === ep);

  it('are each tried, the CPU works, and the rest have a reason', async () => {
    const runner = workers.runner();
    const all = await runner.probeEps();
    assert.deepEqual(
      all.map((s) => s.ep),
      epPreference,
    );
    assert.equal(status(all, 'cpu')?.available, true);
    assert.match(status(all, 'cpu')?.detail ?? '', /\d+ cores/);
    for (const s of all) assert.ok(s.detail.length > 2, s.ep);
    const again = performance.now();
    assert.deepEqual(await runner.probeEps(), all);
    assert.ok(performance.now() - again < 50, 'the second time is remembered');
  });

  it('show whether products of int8 overflow, as the system says where it does', async () => {
    const probeCache = path.join(path.dirname(workers.bundle), 'kept', 'overflow.json');
    assert.equal(await keptInt8Overflows(probeCache), undefined);
    const bySystem = thisMachine().int8Overflows;
    const { available, int8Overflows } = await workers.runner({ probeCache }).cpuStatus();
    assert.equal(available, true);
    assert.equal(typeof int8Overflows, 'boolean');
    if (bySystem !== undefined) assert.equal(int8Overflows, bySystem);
    assert.equal(thisMachine().int8Overflows, int8Overflows);
    assert.equal(await keptInt8Overflows(probeCache), int8Overflows);
    // a processor stays as it is, but may be another one
    const kept = JSON.parse(await readFile(probeCache, 'utf8')) as { at: number; status: EpStatus }[];
    await writeFile(probeCache, JSON.stringify(kept.map((k) => ({ ...k, at: 0 }))));
    assert.equal(await keptInt8Overflows(probeCache), int8Overflows);
    const other = kept.map((k) => ({ ...k, status: { ...k.status, detail: 'another CPU, 2 cores' } }));
    await writeFile(probeCache, JSON.stringify(other));
    assert.equal(await keptInt8Overflows(probeCache), undefined);
  });

  it('that measured another answer than the system gives are believed', async () => {
    const before = thisMachine().int8Overflows;
    try {
      for (const int8Overflows of [true, false]) {
        const answer = `process.send({ type: 'result', result: { ep: 'cpu', available: true, detail: 'CPU', int8Overflows: ${int8Overflows} } }); return`;
        const workerPath = await workers.sabotaged(
          `overflow-${int8Overflows}`,
          "job.kind === 'probe'",
          answer,
        );
        await workers.runner({ workerPath }).cpuStatus();
        assert.equal(thisMachine().int8Overflows, int8Overflows);
        assert.equal(usualWeightType(), int8Overflows ? 'uint8' : 'int8');
        assert.equal(USUAL['dynamic-int8'].weightType, usualWeightType());
        assert.equal(USUAL.static.weightType, usualWeightType());
      }
    } finally {
      if (before !== undefined) learnInt8Overflows(before);
    }
  });

  if (swiftShader !== undefined) {
    const env = swiftShader;
    it('measure what WebGPU takes beside tensors, which estimates then say', async () => {
      const before = thisMachine().webgpuOverheadBytes;
      const overhead = () => analyze(convolutional()).estimate({ ep: 'webgpu' }).overhead;
      try {
        learnWebgpuOverhead(undefined);
        assert.match(overhead().note ?? '', /^measured on SwiftShader/);
        const { overheadBytes = 0 } = status(await workers.runner({ env }).probeEps(), 'webgpu') ?? {};
        assert.ok(overheadBytes > 10 * 2 ** 20 && overheadBytes < 2 ** 30, `${overheadBytes} bytes`);
        assert.equal(overhead().bytes, overheadBytes);
        assert.match(overhead().note ?? '', /^measured here/);
        assert.equal(analyze(convolutional()).estimate({ ep: 'cuda' }).overhead.bytes, 350 * 2 ** 20);
      } finally {
        learnWebgpuOverhead(before);
      }
    });
  }

  it('that work are kept for the next runner, until the worker is another one', async () => {
    const probeCache = path.join(path.dirname(workers.bundle), 'kept', 'eps.json');
    const first = workers.runner({ probeCache });
    await first.findLargestBatch({ model, ep: 'cpu', dims: {}, budgetBytes: 1, maxBatch: 1 });
    const kept = JSON.parse(await readFile(probeCache, 'utf8')) as { status: EpStatus }[];
    assert.deepEqual(
      kept.map((k) => k.status.ep),
      ['cpu'],
    );
    await writeFile(
      probeCache,
      JSON.stringify(kept.map((k) => ({ ...k, status: { ...k.status, detail: 'kept' } }))),
    );
    const cpu = async (workerPath: string) =>
      status(await workers.runner({ probeCache, workerPath }).probeEps(), 'cpu');
    assert.equal((await cpu(workers.bundle))?.detail, 'kept');
    const other = await workers.sabotaged('other', 'false', '');
    assert.match((await cpu(other))?.detail ?? '', /cores/);
    await writeFile(probeCache, '{');
    assert.match((await cpu(workers.bundle))?.detail ?? '', /cores/);
  });

  it('without a Vulkan driver have no WebGPU, and the reason is plain', async () => {
    const runner = workers.runner({ env: { VK_ICD_FILENAMES: '/none', VK_DRIVER_FILES: '/none' } });
    const all = await runner.probeEps();
    if (process.platform === 'linux') {
      assert.equal(status(all, 'webgpu')?.available, false);
      assert.match(status(all, 'webgpu')?.detail ?? '', /^no Vulkan adapter was found; it needs a GPU/);
      assert.equal(bestEp(all), status(all, 'cuda')?.available === true ? bestEp(all) : 'cpu');
    }
  });

  it('whose driver crashes do not work, and the others do', async () => {
    const workerPath = await workers.sabotaged('driver', "job.ep === 'webgpu'", 'process.abort()');
    const all = await workers.runner({ workerPath }).probeEps();
    assert.equal(status(all, 'cpu')?.available, true);
    assert.equal(status(all, 'webgpu')?.available, false);
    assert.match(status(all, 'webgpu')?.detail ?? '', /crashed \(SIGABRT\) while probing webgpu/);
  });

  it('on SwiftShader have WebGPU in software, which is not the best', async () => {
    const runner = workers.runner(swiftShader === undefined ? {} : { env: swiftShader });
    const webgpu = status(await runner.probeEps(), 'webgpu');
    if (swiftShader === undefined) {
      // no software driver here: what is there is a GPU, or nothing
      assert.notEqual(webgpu?.isSoftware, true);
      return;
    }
    assert.deepEqual([webgpu?.available, webgpu?.isSoftware], [true, true]);
    assert.match(webgpu?.detail ?? '', /^SwiftShader/);
    const model = path.join(path.dirname(workers.bundle), 'probe.onnx');
    await writeFile(model, probeModel());
    const report = await runner.check({
      original: model,
      compressed: model,
      ep: 'webgpu',
      batchSizes: [2],
      data: { kind: 'random', seed: 0, samples: 2 },
      dims: {},
      optimization: 'all',
    });
    const [batch] = report.batches;
    assert.equal(batch?.error, undefined);
    assert.ok((batch?.original?.placement['webgpu'] ?? 0) > 0);
    assert.ok((batch?.outputs[0]?.cosine ?? 0) > 0.9999);
    assert.match(report.device, /^SwiftShader/);
    assert.ok((batch?.original?.peakBytes ?? 0) > 0);
  });
});

describe('sums of products of the largest 8-bit values', () => {
  const sums = (sum: number, n = 64) => new Array<number>(n).fill(sum);
  const exact = 64 * 255 * 127;
  const cases: [string, number[], boolean | undefined][] = [
    ['that are exact show no overflow', sums(exact), false],
    ['of pairs cut off at 16 bits show it', sums(32 * 32767), true],
    ['that are too large show nothing', sums(exact + 1), undefined],
    ['that differ show nothing', [...sums(exact, 63), 0], undefined],
    ['of another size show nothing', sums(exact, 63), undefined],
  ];
  for (const [title, found, expected] of cases) it(title, () => assert.equal(overflowShown(found), expected));
});

describe('the GPUs of this machine', () => {
  it('have a name and a source, and a size only where it is known', async () => {
    for (const gpu of await listGpus()) {
      assert.ok(gpu.name !== '' && gpu.source !== '');
      assert.notEqual(gpu.vramBytes, 0);
    }
  });
});
