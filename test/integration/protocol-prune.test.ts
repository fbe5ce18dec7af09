/** What the page learns of pruning before it is done, and finds after. */
import assert from 'node:assert/strict';
import type { CheckReport } from '../../src/runtime/index.ts';
import { editLabel } from '../../extension/views/edit-label.ts';
import { conv, eachOnSample, fc1, fc2 } from './opened-page.ts';

const channels = { kind: 'channels', importance: 'l1', ratio: 0.5, repair: 'none' } as const;

describe('Pruning by the page', () => {
  const opened = eachOnSample();

  it('predicts the time of a run by the kernels of the last check, on the CPU', async () => {
    const { document, host, kernelTimes } = opened();
    const ask = async () =>
      (await host.preview({ type: 'prune', layerIds: [conv], options: channels })).latency;
    const { options, batchSymbols } = document;
    const kernels = ['f/f.0', 'f/f.1', 'f/f.3', 'f/f.4', 'f/f.6'];
    // the one before the last, whose input gets half as large, takes nearly all of the time
    const times = kernels.map((name, i) => ({ name, opType: 'Conv', durationMs: i === 3 ? 96 : 1 }));
    const stats = {
      latencyP50Ms: 100,
      latencyP95Ms: 100,
      samplesPerSecond: 320,
      peakBytes: 1,
      peakSource: '',
    };
    const original = { ...stats, accuracy: undefined, placement: {}, times };
    const batch = { batchSize: 32, samples: 32, original, compressed: undefined, outputs: [] };
    const at = { dims: options.dims, batchSymbols, optimization: options.optimization } as const;
    const report: CheckReport = {
      ...{ original: '/a.onnx', compressed: '/b.onnx', ep: 'cpu', device: 'a CPU', data: 'random inputs' },
      ...{ hasLabels: false, ortVersion: '1.0', warnings: [], batches: [batch] },
    };
    await kernelTimes.keep(document.uri, report, at);
    const found = await ask();
    assert.ok(found !== undefined && found.unknown === undefined);
    assert.equal(found.batchSize, 32);
    assert.ok(Math.abs(found.share - 0.5) < 0.02, String(found.share));
    // those of another EP do not replace them
    const other = [{ ...batch, batchSize: 8 }];
    await kernelTimes.keep(document.uri, { ...report, ep: 'webgpu', batches: other }, at);
    assert.equal(kernelTimes.of(document.uri)?.batchSize, 32);
    await host.setEp('webgpu');
    assert.deepEqual(await ask(), { unknown: 'ep' });
  });

  it('learns what removing channels pulls along, and finds it done so', async () => {
    const { document, host } = opened();
    const preview = await host.preview({ type: 'prune', layerIds: [conv], options: channels });
    // 64 channels of 32 · 3 · 3 weights, which 64 kernels of the next layer read
    assert.deepEqual(
      preview.groups?.map((g) => [
        g.channels,
        g.blocked,
        g.layers.map((l) => [l.name, l.isMaker, l.before, l.after]),
      ]),
      [
        [
          { before: 64, after: 32 },
          undefined,
          [
            ['f.3.0', true, '64 × 32 × 3 × 3', '32 × 32 × 3 × 3'],
            ['f.4.0', false, '64 × 64 × 3 × 3', '64 × 32 × 3 × 3'],
          ],
        ],
      ],
    );
    assert.ok((preview.macs?.after ?? 0) < (preview.macs?.before ?? 0));
    const byCost = preview.latency?.unknown === undefined ? preview.latency : undefined;
    // a quarter of the multiply-accumulates goes, which is nearly all that the model does
    assert.ok(byCost !== undefined && byCost.share > 0.7 && byCost.share < 0.8);
    assert.equal(byCost.batchSize, undefined);
    assert.equal(document.hasEdits, false);
    const after = await host.prune([conv], channels);
    assert.deepEqual(after.totals, preview.after);
    assert.deepEqual(
      after.layers.flatMap((l) =>
        l.change === undefined ? [] : [[l.name, l.change.beforeShape, l.outputShape]],
      ),
      [
        ['f.3.0', '1 × 64 × 14 × 14', '1 × 32 × 14 × 14'],
        ['f.4.0', '1 × 64 × 14 × 14', '1 × 64 × 14 × 14'],
      ],
    );
    assert.ok(after.layers.every((l) => l.change === undefined || (l.canQuantize && l.canPrune)));
  });

  it('shares one ratio among all groups, which the recipe then names', async () => {
    const { document, host } = opened();
    const options = { ...channels, ratio: 0.25, scope: 'global', maxRatio: 0.75 } as const;
    const preview = await host.preview({ type: 'prune', layerIds: [conv, fc1], options });
    const after = await host.prune([conv, fc1], options);
    assert.equal(JSON.stringify(after.totals), JSON.stringify(preview.after));
    const [edit] = document.recipe.edits;
    assert.ok(edit?.type === 'prune-channels' && edit.ratio === 0.25);
    // of 64 channels and 128 neurons
    const sizes: Record<string, number> = { [conv]: 64, [fc1]: 128 };
    const gone = Object.entries(edit.ratios ?? {}).map(([id, ratio]) => ratio * (sizes[id] ?? NaN));
    assert.ok(Math.abs(gone.reduce((a, b) => a + b, 0) - 48) < 1, String(gone));
    assert.ok(
      Object.values(edit.ratios ?? {}).every((r) => r <= 0.75) && Math.abs((gone[0] ?? NaN) - 16) > 1,
    );
    assert.match(document.recipe.edits.map(editLabel).join(), /each group with a ratio of its own/);
  });

  it('takes a ratio for each layer, of channels as one edit, of zeros as one step', async () => {
    const { document, host } = opened();
    const ratios = { [conv]: 0.25, [fc1]: 0.5 };
    const request = { type: 'prune', layerIds: [conv, fc1], options: { ...channels, ratios } } as const;
    const { groups = [] } = await host.preview(request);
    assert.deepEqual(
      groups.map((g) => g.channels),
      [
        { before: 64, after: 48 },
        { before: 128, after: 64 },
      ],
    );
    await host.prune(request.layerIds, request.options);
    const [edit] = document.recipe.edits;
    assert.ok(edit?.type === 'prune-channels');
    assert.deepEqual(edit.ratios, ratios);
    // (16 + 64) of (64 + 128)
    assert.equal(edit.ratio, 0.417);
    const zeros = { kind: 'zeros', method: 'magnitude', ratio: 0.5, scope: 'layer', ratios } as const;
    await host.prune(request.layerIds, zeros);
    assert.deepEqual(
      document.recipe.edits.slice(1).map((e) => e.type === 'prune' && [e.layers, e.ratio]),
      [
        [{ nodes: [conv] }, 0.25],
        [{ nodes: [fc1] }, 0.5],
      ],
    );
    await assert.rejects(host.prune([conv], { ...channels, ratios: {} }), /no layer was chosen/);
    await assert.rejects(host.prune([conv], { ...channels, ratios: { [conv]: 2 } }), /from 0 to 1/);
  });

  it('learns what stands in the way of removing channels', async () => {
    const { host } = opened();
    const preview = await host.preview({ type: 'prune', layerIds: [fc2], options: channels });
    assert.equal(preview.changedLayers, 0);
    assert.deepEqual(
      preview.groups?.map((g) => [g.channels, g.blocked]),
      [[{ before: 10, after: 10 }, 'graph output "logits" has these channels']],
    );
  });

  it('is told how much channels and weights matter, read once', async () => {
    const { host } = opened();
    const { parts } = await host.importance(conv, channels);
    const [part] = parts;
    assert.equal(parts.length, 1);
    assert.deepEqual([part?.unit, part?.count], ['channel', 64]);
    assert.equal(
      part?.counts.reduce((sum, n) => sum + n, 0),
      64,
    );
    assert.deepEqual(
      [part.cuts[0], part.cuts[50]?.gone, part.cuts[100], part.cuts.length],
      [{ gone: 0, below: part.min }, 32, { gone: 63, below: part.max }, 101],
    );
    const zeros = { kind: 'zeros', method: 'magnitude', ratio: 0.5, scope: 'layer' } as const;
    const [weights] = (await host.importance(conv, zeros)).parts;
    assert.equal(
      weights?.counts.reduce((sum, n) => sum + n, 0),
      64 * 32 * 9,
    );
    assert.deepEqual((await host.importance(fc2, channels)).parts, []);
    assert.match(
      (await host.importance(conv, { ...zeros, method: 'wanda' as const })).note ?? '',
      /calibration data/,
    );
  });

  it('is told of layers that one scale serves badly, until it asks for something else or for no more', async () => {
    const { host } = opened();
    const ids = [conv, fc1];
    const { looked, nextBytes } = await host.coarseLayers(ids);
    assert.deepEqual([looked.layers, looked.of, nextBytes], [2, 2, undefined]);
    const given = [host.coarseLayers(ids), host.importance(conv, channels), host.coarseLayers(ids)];
    const stopped = host.stopReading();
    const ends = await Promise.allSettled(given);
    await stopped;
    assert.deepEqual(ends.map((e) => e.status), ['rejected', 'rejected', 'rejected']); // prettier-ignore
    assert.deepEqual((await host.coarseLayers(ids)).looked, looked);
  });

  it('opens its dialog where the text asks for it', async () => {
    const { page, webviewHost } = opened();
    webviewHost.startPrune([conv]);
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(page.pruned, [[conv]]);
  });
});
