/** The reports and measurements that a page is given when it is loaded. */
import assert from 'node:assert/strict';
import type { SensitivityView } from '../../src/protocol.ts';
import type { CheckReport } from '../../src/runtime/index.ts';
import { eachOnSample } from './opened-page.ts';

describe('Reports for the page', () => {
  const opened = eachOnSample();

  it('is given the last ten reports when it is loaded, as they were', async () => {
    const { document, host, checks } = opened();
    const output = { output: 'logits', cosine: 1, sqnrDb: Infinity, maxAbsError: 0, top1Agreement: 1 };
    const report: CheckReport = {
      ...{ original: '/a.onnx', compressed: '/b.onnx', ep: 'cpu', device: 'a CPU', data: 'random inputs' },
      ...{ hasLabels: false, ortVersion: '1.0', warnings: [] },
      batches: [
        {
          batchSize: 8,
          insteadOf: 16,
          samples: 64,
          original: undefined,
          compressed: undefined,
          outputs: [output],
        },
      ],
    };
    for (let i = 0; i < 12; i++) await checks.add(document.uri, report);
    const answer = await host.open();
    assert.ok(answer.kind === 'model');
    const kept = answer.view.checks ?? [];
    assert.deepEqual(
      kept.map((c) => c.id),
      ['12', '11', '10', '9', '8', '7', '6', '5', '4', '3'],
    );
    const [batch] = kept[0]?.batches ?? [];
    assert.deepEqual([batch?.insteadOf, batch?.outputs[0]?.sqnrDb], [16, 'inf']);
    assert.equal(checks.find(document.uri, '7')?.report.batches[0]?.outputs[0]?.sqnrDb, Infinity);
    assert.equal(await host.saveReport('1', 'json'), false);
  });

  it('is told the last measurement when it is loaded anew', async () => {
    const { host, page, webviewHost } = opened();
    const view: SensitivityView = {
      options: { kind: 'channels', importance: 'l1', ratio: 0.5, repair: 'none' },
      ...{ what: '', measure: 'similarity', original: 1, data: '', samples: 64, ep: 'cpu', ratios: [0.1] },
      ...{ layers: [], done: 1, total: 1, state: 'done' },
    };
    webviewHost.showSensitivity(view);
    const answer = await host.open();
    assert.ok(answer.kind === 'model');
    assert.deepEqual([answer.view.sensitivity, page.sensitivities], [view, [view]]);
  });
});
