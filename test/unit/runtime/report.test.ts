/** A report as JSON and as Markdown, and data told by their names. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import {
  guessDataKind,
  reportJson,
  reportMarkdown,
  type CheckReport,
  type RunStats,
} from '../../../src/runtime/index.ts';
import { TestFolder } from './numpy-files.ts';

const run = (more: Partial<RunStats> = {}): RunStats => ({
  latencyP50Ms: 2,
  latencyP95Ms: 3,
  samplesPerSecond: 4000,
  peakBytes: 2 ** 20,
  peakSource: 'ORT arena (mem_in_use_peak)',
  predictedPeakBytes: 2 ** 21,
  accuracy: 0.5,
  labelMetrics: [
    { name: 'top-1', value: 0.5, low: 0.25, high: 0.75 },
    { name: 'PSNR', value: Infinity },
  ],
  placement: { cuda: 3 },
  ...more,
});
const report: CheckReport = {
  original: '/m/a_b.onnx',
  compressed: 'C:\\m\\b.onnx',
  ep: 'cuda',
  device: 'card',
  data: 'd.npz, 8 samples',
  hasLabels: true,
  ortVersion: '1.30.0',
  warnings: ['one <b>'],
  batches: [
    {
      batchSize: 8,
      samples: 8,
      original: run(),
      compressed: run({ fallbacks: [{ name: 'conv|1', opType: 'ConvInteger', ep: 'cpu', durationMs: 1.5 }] }),
      outputs: [
        { output: 'y', cosine: 1, sqnrDb: Infinity, maxAbsError: 0, top1Agreement: 1, klDivergence: 0.5 },
      ],
    },
    { batchSize: 64, samples: 0, original: undefined, compressed: undefined, outputs: [], error: 'too much' },
    { batchSize: 32, samples: 8, insteadOf: 64, original: run(), compressed: undefined, outputs: [] },
  ],
};

describe('a report', () => {
  it('as Markdown has batches, outputs, labels with their intervals, nodes that fell back, and warnings', () => {
    const text = reportMarkdown(report);
    assert.match(text, /^# b\.onnx against a\\_b\.onnx\n/);
    assert.match(
      text,
      /\| 8 \| 2\.00 → 2\.00 \| 3\.00 → 3\.00 \| 4000 → 4000 \| 1\.00 MiB → 1\.00 MiB \| 2\.00 MiB → 2\.00 MiB \|/,
    );
    assert.match(text, /\| 64 \| unknown → unknown/);
    assert.match(text, /\| 32 \(in place of 64\) \| 2\.00 → unknown/);
    assert.match(text, /Batch 64: too much/);
    assert.match(text, /\| `y` \| 1\.000000 \| ∞ \| 0\.00 \| – \| 0\.500 \| 100 % \| – \|/);
    assert.match(text, /\| top-1 \| 50 % \(25 %–75 %\) \| 50 % \(25 %–75 %\) \|\n\| PSNR \| ∞ \| ∞ \|/);
    assert.match(text, /\| `conv\\\|1` \| ConvInteger \| cpu \| 1\.50 \|/);
    assert.match(text, /- one \\<b\\>/);
  });

  it('as JSON keeps everything, infinities as words', () => {
    const read = JSON.parse(reportJson(report)) as { batches: { outputs: { sqnrDb: unknown }[] }[] };
    assert.equal(read.batches[0]?.outputs[0]?.sqnrDb, 'inf');
    assert.equal(read.batches.length, 3);
  });
});

describe('the kind of data', () => {
  const folder = new TestFolder();

  it('is told by the name, and of a folder by what lies in it', async () => {
    const nothing = new Uint8Array();
    for (const name of ['pics/cats', 'sound', 'tests/test_data_set_0', 'none']) {
      await mkdir(folder.file(name), { recursive: true });
    }
    await folder.write('pics/cats/a.JPG', nothing);
    await folder.write('sound/a.wav', nothing);
    await folder.write('tests/test_data_set_0/input_0.pb', nothing);
    const cases = [
      ['pics', 'images'],
      ['sound', 'audio'],
      ['tests', 'onnxTests'],
    ] as const;
    for (const [name, kind] of cases) assert.equal(await guessDataKind(folder.file(name)), kind);
    assert.equal(await guessDataKind(await folder.write('a.npz', nothing)), 'numpy');
    const table = await folder.write('a.csv', nothing);
    assert.deepEqual([await guessDataKind(table), await guessDataKind(table, true)], ['table', 'text']);
    await assert.rejects(guessDataKind(folder.file('none')), /holds no image, no \.wav/);
    await assert.rejects(
      guessDataKind(await folder.write('a.doc', nothing)),
      /a\.doc is of a kind that is not read/,
    );
    await assert.rejects(guessDataKind(folder.file('missing')), /Cannot read .*missing/);
  });
});
