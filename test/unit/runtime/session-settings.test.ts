/** The settings of a session reach every kind of run, from the request or else from the runner. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Runner, type SessionSettings } from '../../../src/runtime/index.ts';
import { mergedSettings } from '../../../src/runtime/session-settings.ts';
import { TestFolder } from './numpy-files.ts';
import { samples } from './worker-bundle.ts';

const model = path.join(samples, 'fmnist_cnn.onnx');

/** Notes each job in the file beside it; knows the CPU, and refuses every model. */
const notingWorker = `
  const { appendFileSync } = require('node:fs');
  const answers = { backends: [{ name: 'cpu', bundled: true }], probe: { ep: 'cpu', available: true, detail: 'x' } };
  process.on('message', (job) => {
    appendFileSync(__dirname + '/jobs.jsonl', JSON.stringify(job) + '\\n');
    process.send(
      answers[job.kind] === undefined
        ? { type: 'failed', kind: 'model', message: 'refused' }
        : { type: 'result', result: answers[job.kind] },
    );
  });
  process.send({ type: 'ready' });
`;

interface NotedJob {
  readonly kind: string;
  readonly session?: { readonly settings: SessionSettings };
}

describe('the settings of a session', () => {
  const folder = new TestFolder();
  let runner: Runner;
  before(async () => {
    const workerPath = path.join(folder.path, 'noting.cjs');
    await writeFile(workerPath, notingWorker);
    runner = new Runner({ workerPath });
  });
  after(() => runner.dispose());

  const common = {
    ep: 'cpu',
    dims: {},
    batchSize: 1,
    data: { kind: 'random', seed: 0, samples: 1 },
  } as const;
  const pair = { ...common, original: model, compressed: model };
  const target = { tensor: '/f/f.0/f.0.2/Relu_output_0' } as const;
  type Session = { readonly session?: SessionSettings };
  const RUNS: [kind: string, run: (more: Session) => Promise<unknown>][] = [
    ['run', (more) => runner.check({ ...pair, batchSizes: [1], optimization: 'all', ...more })],
    ['calibrate', (more) => runner.calibrate({ ...common, model, targets: [target], ...more })],
    [
      'moments',
      (more) =>
        runner.moments({ ...common, original: model, changed: model, targets: [], ...more }, async () => {}),
    ],
    ['profile', (more) => runner.profile(model, more)],
    ['profile', (more) => runner.findLargestBatch({ ...common, model, budgetBytes: 2 ** 40, ...more })],
    ['run', (more) => runner.compareEps({ ...common, model, ...more })],
    ['values', (more) => runner.compareLayers({ ...pair, ...more })],
    ['run', (more) => runner.keepOutputs({ ...common, model, ...more })],
  ];

  const usual = { intraOpThreads: 2, prepacking: false, memoryLimitBytes: 2 ** 30 };
  for (const [kind, run] of RUNS) {
    it(`reach what is run for ${String(run).replace(/[^]*runner\.(\w+)[^]*/, '$1')}`, async () => {
      runner.session = usual;
      await assert.rejects(run({}), /refused/);
      await assert.rejects(run({ session: { intraOpThreads: 3, prepacking: undefined } }), /refused/);
      const lines = (await readFile(path.join(folder.path, 'jobs.jsonl'), 'utf8')).trim().split('\n');
      const jobs = lines.map((line) => JSON.parse(line) as NotedJob).slice(-2);
      assert.deepEqual(
        jobs.map((j) => [j.kind, j.session?.settings]),
        [
          [kind, usual],
          [kind, { ...usual, intraOpThreads: 3 }],
        ],
      );
    });
  }

  it('are those of the request first, where it says something', () => {
    assert.deepEqual(mergedSettings({ cpuMemArena: false }), { cpuMemArena: false });
    assert.deepEqual(mergedSettings({ cpuMemArena: false, memPattern: false }, { cpuMemArena: true }), {
      ...{ cpuMemArena: true, memPattern: false },
    });
  });
});
