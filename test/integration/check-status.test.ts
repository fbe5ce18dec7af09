/** What the status bar says of checks: under way, done, failed, and of edits that have changed since. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { CheckHistory, recipeKey } from '../../extension/check-history.ts';
import { CheckStates, type CheckState } from '../../extension/check-states.ts';
import { checkLabel, checkStatus } from '../../extension/views/check-status.ts';
import { RunnerError, type BatchResult, type CheckReport, type RunStats } from '../../src/runtime/index.ts';
import type { Edit } from '../../src/transforms/index.ts';
import { closeAll, copyOfSample, extension, inWorkspace } from './host.ts';
import { memento } from './page.ts';

const uri = vscode.Uri.file('/models/a.onnx');
const int8: Edit = {
  ...{ type: 'quantize', form: 'dynamic-int8', weightType: 'int8', granularity: 'per-tensor' },
  ...{ reduceRange: false, layers: { nodes: ['a'] } },
};

const run = (accuracy: number | undefined, mebibytes: number): RunStats => ({
  ...{ latencyP50Ms: 2, latencyP95Ms: 3, samplesPerSecond: 4000, placement: { cpu: 3 } },
  ...{ peakBytes: mebibytes * 2 ** 20, peakSource: 'ORT arena (mem_in_use_peak)', accuracy },
});
const batch = (batchSize: number, more: Partial<BatchResult>): BatchResult => ({
  ...{ batchSize, samples: 8, original: undefined, compressed: undefined, outputs: [], ...more },
});
const report = (...batches: readonly BatchResult[]): CheckReport => ({
  ...{ original: '/models/a.onnx', compressed: '/tmp/x/a.onnx', ep: 'cpu', device: 'a CPU', data: 'd.npz' },
  ...{ hasLabels: true, ortVersion: '1.0', batches, warnings: [] },
});
const done = (of: CheckReport, edits: readonly Edit[] = [int8]): CheckState => ({
  kind: 'done',
  check: { id: '3', at: 0, report: of, label: checkLabel(edits, undefined), recipe: recipeKey(edits) },
});
const shown = (state: CheckState, edits: readonly Edit[] = [int8], maxAccuracyDrop = 1) => {
  const { text, grade, command } = checkStatus(state, { uri, edits, maxAccuracyDrop });
  return [text, grade, command.command];
};

const good = report(
  batch(8, { original: run(0.934, 9), compressed: run(0.932, 5) }),
  batch(1, { original: run(0.934, 3), compressed: run(0.931, 2) }),
);

describe('A check in the status bar', () => {
  afterEach(closeAll);

  const cases: readonly (readonly [string, CheckState, readonly unknown[]])[] = [
    // 93.2 − 93.4 at the largest batch
    ['done', done(good), ['$(check) int8 93.2 % (−0.2) · 5.00 MiB @ batch 8', 'plain', 'vramLens.showCheck']],
    [
      'worse than is allowed at one batch size',
      done(report(...good.batches, batch(4, { original: run(0.934, 9), compressed: run(0.92, 5) }))),
      ['$(warning) int8 93.2 % (−0.2) · 5.00 MiB @ batch 8', 'warning', 'vramLens.showCheck'],
    ],
    [
      'of which one batch size could not be run',
      done(report(...good.batches, batch(64, { error: 'too much' }))),
      ['$(warning) int8 93.2 % (−0.2) · 5.00 MiB @ batch 8', 'warning', 'vramLens.showCheck'],
    ],
    [
      'of which none could be run',
      done(report(batch(64, { error: 'too much' }))),
      ['$(error) int8 no batch size could be run', 'error', 'vramLens.showCheck'],
    ],
    [
      'without labels, which is not said to be good',
      done(
        report(
          batch(1, {
            ...{ original: run(undefined, 1), compressed: { ...run(undefined, 1), peakBytes: undefined } },
            outputs: [{ output: 'y', cosine: 1, sqnrDb: 40, maxAbsError: 0, top1Agreement: 0.985 }],
          }),
        ),
      ),
      ['$(beaker) int8 same answer for 98.5 % · unknown @ batch 1', 'plain', 'vramLens.showCheck'],
    ],
    [
      'under way',
      {
        ...{ kind: 'running', label: 'int8', cancel: () => undefined },
        progress: { fraction: 0.428, message: 'done' },
      },
      ['$(loading~spin) int8 42 %', 'plain', 'vramLens.cancelCheck'],
    ],
    [
      'that failed',
      { kind: 'failed', label: 'int8', message: 'no such file' },
      ['$(error) int8 check failed', 'error', 'vramLens.showLog'],
    ],
  ];
  for (const [title, state, expected] of cases) it(title, () => assert.deepEqual(shown(state), expected));

  it('of edits that are others by now is marked as old, and no warning any more', () => {
    const worse = done(report(batch(1, { original: run(0.9, 1), compressed: run(0.5, 1) })));
    assert.deepEqual(shown(worse)[1], 'warning');
    assert.deepEqual(shown(worse, []), [
      '$(history) int8 50 % (−40.0) · 1.00 MiB @ batch 1',
      'plain',
      'vramLens.showCheck',
    ]);
    const { tooltip } = checkStatus(worse, { uri, edits: [], maxAccuracyDrop: 1 });
    assert.match(tooltip.value, /; check again/);
  });

  it('warns by the loss that the setting allows', () => {
    const twoPoints = done(report(batch(1, { original: run(0.9, 1), compressed: run(0.88, 1) })));
    assert.deepEqual(
      [shown(twoPoints, [int8], 1.9)[1], shown(twoPoints, [int8], 2.1)[1]],
      ['warning', 'plain'],
    );
  });

  it('has a table of all batch sizes on hover, and why one failed', () => {
    const state = done(report(...good.batches, batch(64, { error: 'too much' })));
    const { value } = checkStatus(state, { uri, edits: [int8], maxAccuracyDrop: 1 }).tooltip;
    assert.match(value, /\| 8 \| 93\.4 % → 93\.2 % \| 2\.00 ms → 2\.00 ms \| 9\.00 MiB → 5\.00 MiB \|/);
    assert.match(value, /64: too much/);
  });

  it('names what was checked', () => {
    const pruned: Edit = {
      ...{
        type: 'prune',
        method: 'magnitude',
        ratio: 0.5,
        scope: 'layer',
        seed: 0,
        bias: false,
        layers: { nodes: ['b'] },
      },
    };
    const half: Edit = { type: 'cast', to: 'float16', keepIo: true, layers: { nodes: ['c'] } };
    assert.deepEqual(
      [[], [int8, int8], [int8, pruned], [int8, pruned, half]].map((edits) => checkLabel(edits, undefined)),
      ['', 'int8', 'int8, pruned 50 %', '3 edits'],
    );
    assert.equal(checkLabel([], vscode.Uri.file('/m/b.onnx')), 'b.onnx');
  });

  it('follows a check: under way, then its report, or what was before where it is cancelled', async () => {
    const history = new CheckHistory(memento());
    const states = new CheckStates(history);
    const seen: (CheckState['kind'] | undefined)[] = [];
    states.onDidChange(() => seen.push(states.of(uri)?.kind));
    assert.equal(states.of(uri), undefined);
    await states.track(uri, 'int8', async ({ onProgress }) => {
      onProgress?.({ fraction: 0.5, message: 'half' });
      assert.equal(states.running?.progress.fraction, 0.5);
      return { check: await history.add(uri, good, { label: 'int8' }) };
    });
    assert.deepEqual([...seen], ['running', 'running', 'done']);
    const cancelled = states.track(uri, 'int4', ({ signal }) => {
      states.running?.cancel();
      assert.ok(signal.aborted);
      throw new RunnerError('cancelled', 'Cancelled.');
    });
    await assert.rejects(cancelled, /Cancelled/);
    assert.equal(states.of(uri)?.kind, 'done');
    await assert.rejects(
      states.track(uri, 'int4', () => Promise.reject(new Error('broken'))),
      /broken/,
    );
    assert.deepEqual(states.of(uri), { kind: 'failed', label: 'int4', message: 'broken' });
    // another window's life: what is kept is shown
    const later = new CheckStates(history).of(uri);
    assert.deepEqual([later?.kind, later?.kind === 'done' ? later.check.label : ''], ['done', 'int8']);
    states.dispose();
  });

  it('is cancelled by a click while it runs', async () => {
    const model = await copyOfSample('cancelled.onnx');
    await extension().activate();
    let isOver = false;
    const check = Promise.resolve(
      vscode.commands.executeCommand('vramLens.checkAccuracy', model, {
        ...{ batchSizes: [1, 2, 3, 4, 5, 6, 7, 8], ep: 'cpu' },
        data: inWorkspace('fmnist-test-2000.npz').fsPath,
      }),
    ).finally(() => (isOver = true));
    const start = Date.now();
    while (!isOver) {
      await vscode.commands.executeCommand('vramLens.cancelCheck');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.equal(await check, undefined);
    assert.ok(Date.now() - start < 5000, `${Date.now() - start} ms`);
  });
});
