/** What the page asks and is told, over a port in memory, on a document that is opened here. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { KernelTimes } from '../../extension/kernel-times.ts';
import { CheckHistory } from '../../extension/check-history.ts';
import { Devices } from '../../extension/devices.ts';
import { OnnxDocument } from '../../extension/document/onnx-document.ts';
import { ViewStates } from '../../extension/editor/view-state.ts';
import { WebviewHost } from '../../extension/editor/webview-host.ts';
import type { CheckReport } from '../../src/runtime/index.ts';
import { createPeer, RpcError } from '../../src/rpc.ts';
import type {
  BlocksOptions,
  EstimateView,
  HostApi,
  SensitivityView,
  WebviewApi,
} from '../../src/protocol.ts';
import { inWorkspace, noRunner, sessions } from './host.ts';
import { channel, memento, Page } from './page.ts';

const blocks4: BlocksOptions = {
  ...{ form: 'blocks', bits: 4, blockSize: 32 },
  ...{ isSymmetric: false, algorithm: 'round', operator: 'MatMulNBits' },
};
const int8 = { form: 'dynamic-int8', granularity: 'per-channel', reduceRange: false } as const;
const fc1 = '/fc1/Gemm';

describe('The page', () => {
  let document: OnnxDocument;
  let host: HostApi;
  let page: Page;
  let webviewHost: WebviewHost;
  let viewStates: ViewStates;
  let checks: CheckHistory;
  let kernelTimes: KernelTimes;

  async function open(uri: vscode.Uri): Promise<void> {
    document = await OnnxDocument.open(uri, {
      sessions,
      ep: 'cpu',
      optimization: 'all',
      batchSize: 1,
      runner: noRunner,
    });
    const [a, b] = channel();
    viewStates = new ViewStates(memento());
    checks = new CheckHistory(memento());
    kernelTimes = new KernelTimes(memento());
    const services = { devices: new Devices(), viewStates, checks, kernelTimes, runner: noRunner };
    webviewHost = new WebviewHost(a, document, services);
    page = new Page();
    host = createPeer<WebviewApi, HostApi>(b, page).remote;
  }

  beforeEach(() => open(inWorkspace('fmnist_cnn.onnx')));
  afterEach(() => {
    webviewHost.dispose();
    document.dispose();
  });

  it('gets the graph, at the dims that are chosen', async () => {
    const { layers } = await host.setDims({ batch: 2 });
    const { nodes, tensors, omittedNodes } = await host.graph();
    assert.deepEqual([nodes.length, omittedNodes], [16, 0]);
    const ids = new Set(layers.map((l) => l.id));
    assert.ok(nodes.every((n) => ids.has(n.layerId)));
    // [2, 1, 28, 28] float32 into the first Conv; [2, 10] out of the last Gemm
    assert.deepEqual(tensors[0], { name: 'input', bytes: 6272, from: -1, to: [0], isOutput: false });
    assert.deepEqual(tensors.at(-1), { name: 'logits', bytes: 80, from: 15, to: [], isOutput: true });
    const summed = nodes.reduce((sum, n) => sum + n.parameterBytes, 0);
    assert.equal(summed, layers.reduce((sum, l) => sum + l.parameterBytes, 0)); // prettier-ignore
  });

  it('gets how the weights of a layer spread, before and after an edit', async () => {
    const view = await host.weights(fc1);
    assert.equal(view?.shape, '128 × 128');
    assert.equal(view.count, 128 * 128);
    assert.equal(view.counts.reduce((sum, n) => sum + n, 0), view.count); // prettier-ignore
    assert.ok(view.min < view.mean && view.mean < view.max && view.after === undefined);
    await host.quantize([fc1], int8);
    const after = (await host.weights(fc1))?.after;
    assert.ok(after !== undefined && after.sqnrDb !== 'inf' && after.sqnrDb > 30);
    assert.equal(await host.weights('/f/f.2/MaxPool'), undefined);
  });

  it('casts a layer to float16: half the weights', async () => {
    const of = (view: EstimateView): number =>
      view.layers.find((l) => l.id === fc1)?.parameterBytes ?? assert.fail();
    const before = of(await host.setDims({ batch: 1 }));
    assert.equal(of(await host.cast([fc1], { to: 'float16', keepIo: true })), before / 2);
  });

  it('gets the model, and the estimate at other dims and EPs', async () => {
    const opened = await host.open();
    assert.ok(opened.kind === 'model');
    assert.deepEqual(opened.view.eps, ['cpu', 'webgpu', 'cuda', 'tensorrt', 'dml', 'coreml']);
    const { estimate } = opened.view;
    const eight = await host.setDims({ batch: 8 });
    const peak = (view: EstimateView): number => view.totals.peakActivationBytes ?? assert.fail();
    assert.equal(peak(eight), 8 * peak(estimate));
    assert.equal(eight.layers.find((l) => l.id === fc1)?.outputShape, '8 × 128');
    const webgpu = await host.setEp('webgpu');
    assert.equal(webgpu.ep, 'webgpu');
    assert.notEqual(webgpu.totals.totalPeakBytes, eight.totals.totalPeakBytes);
    assert.deepEqual(page.estimates.at(-1), webgpu);
  });

  it('previews an edit without doing it, and the edit keeps what was promised', async () => {
    const preview = await host.preview({ type: 'quantize', layerIds: [fc1], options: int8 });
    assert.equal(preview.changedLayers, 1);
    assert.equal(preview.beforeBytes, (128 * 128 + 128) * 4);
    assert.equal(document.hasEdits, false);
    const after = await host.quantize([fc1], int8);
    assert.deepEqual(after.totals, preview.after);
    assert.deepEqual(after.edits[0]?.layerIds, [fc1]);
    assert.equal(after.edits[0].afterBytes, preview.afterBytes);
  });

  it('quantizes to blocks of 4 bits', async () => {
    const { layers, edits } = await host.quantize([fc1], blocks4);
    const layer = layers.find((l) => l.id === fc1);
    assert.equal(layer?.change?.label, 'int4');
    assert.ok(layer.change.afterBytes < layer.change.beforeBytes / 5);
    assert.equal(edits.length, 1);
  });

  const conv = '/f/f.3/f.3.0/Conv';
  const channels = { kind: 'channels', importance: 'l1', ratio: 0.5, repair: 'none' } as const;

  it('predicts the time of a run by the kernels of the last check, on the CPU', async () => {
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

  it('learns what stands in the way of removing channels', async () => {
    const preview = await host.preview({ type: 'prune', layerIds: ['/fc2/Gemm'], options: channels });
    assert.equal(preview.changedLayers, 0);
    assert.deepEqual(
      preview.groups?.map((g) => [g.channels, g.blocked]),
      [[{ before: 10, after: 10 }, 'graph output "logits" has these channels']],
    );
  });

  it('is given the last ten reports when it is loaded, as they were', async () => {
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

  it('learns what training takes, at the chosen dims, and which cards hold it', async () => {
    await host.setDims({ batch: 64 });
    const choice = {
      optimizer: 'adamw',
      optimizerBits: 32,
      precision: 'float32',
      isCheckpointed: false,
    } as const;
    const adam = await host.training(choice);
    const sgd = await host.training({ ...choice, optimizer: 'sgd' });
    const bytes = (view: typeof adam, name: string) => view.parts.find((p) => p.name === name)?.bytes ?? 0;
    // two float32 states for each trained element
    assert.equal(bytes(adam, 'optimizer'), 8 * adam.trainableCount);
    assert.equal(bytes(sgd, 'optimizer'), 0);
    assert.equal((adam.peakBytes ?? 0) - (sgd.peakBytes ?? 0), 8 * adam.trainableCount);
    assert.equal(adam.cards[0]?.memoryBytes, 4 * 2 ** 30);
    assert.deepEqual(await host.cards(2 ** 50), []);
  });

  it('is told how much channels and weights matter, read once', async () => {
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
    assert.deepEqual((await host.importance('/fc2/Gemm', channels)).parts, []);
    assert.match((await host.importance(conv, { ...zeros, method: 'wanda' })).note ?? '', /calibration data/);
  });

  it('is told of layers that one scale serves badly, until it asks for something else or for no more', async () => {
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

  it('is told the last measurement when it is loaded anew', async () => {
    const view: SensitivityView = {
      ...{ what: '', measure: 'similarity', original: 1, data: '', samples: 64, ep: 'cpu', ratios: [0.1] },
      ...{ layers: [], done: 1, total: 1, state: 'done' },
    };
    webviewHost.showSensitivity(view);
    const opened = await host.open();
    assert.ok(opened.kind === 'model');
    assert.deepEqual([opened.view.sensitivity, page.sensitivities], [view, [view]]);
  });

  it('opens its dialog where the text asks for it', async () => {
    webviewHost.startPrune([conv]);
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(page.pruned, [[conv]]);
  });

  it('learns why a layer cannot be changed', async () => {
    const { blocked, changedLayers } = await host.preview({
      type: 'quantize',
      layerIds: ['/f/f.2/MaxPool'],
      options: int8,
    });
    assert.equal(changedLayers, 0);
    assert.deepEqual(
      blocked.map((b) => b.layerId),
      ['/f/f.2/MaxPool'],
    );
    assert.match(blocked[0]?.reason ?? '', /MaxPool/);
  });

  it('reverts layers and single edits', async () => {
    const original = await host.setDims({ batch: 1 });
    await host.quantize([fc1, '/fc2/Gemm'], int8);
    await host.prune(['/f/f.0/f.0.0/Conv'], {
      kind: 'zeros',
      method: 'magnitude',
      ratio: 0.5,
      scope: 'layer',
    });
    const two = await host.revertLayers([fc1]);
    assert.deepEqual(
      two.edits.map((e) => e.layerIds),
      [['/fc2/Gemm'], ['/f/f.0/f.0.0/Conv']],
    );
    const one = await host.revertEdit(0);
    assert.deepEqual(
      one.edits.map((e) => e.type),
      ['prune'],
    );
    const none = await host.revertEdit(0);
    assert.deepEqual(none.layers, original.layers);
    assert.equal(none.isDirty, false);
  });

  it('is told the largest batch, and the cost of a layer', async () => {
    const { batch } = await host.largestBatch(16 * 1024 * 1024);
    assert.ok((batch ?? 0) > 8);
    const tooSmall = await host.largestBatch(1024);
    assert.equal(tooSmall.batch, undefined);
    assert.match(tooSmall.note ?? '', /batch 1 needs/);
    const facts = await host.describeLayer(fc1);
    assert.ok(facts.some((f) => f.label === 'output shape' && f.value === '1 × 128'));
    assert.deepEqual(await host.describeLayer('no such layer'), []);
  });

  it('stays in step with another page of the same document', async () => {
    const [a, b] = channel();
    const services = { devices: new Devices(), viewStates, checks, kernelTimes, runner: noRunner };
    const other = new WebviewHost(a, document, services);
    const otherPage = new Page();
    createPeer<WebviewApi, HostApi>(b, otherPage);
    const changed = await host.quantize([fc1], int8);
    await host.setDims({ batch: 4 });
    assert.deepEqual(otherPage.estimates[0], changed);
    assert.equal(otherPage.estimates[1]?.symbols[0]?.value, 4);
    assert.equal(page.estimates.length, 2);
    other.dispose();
  });

  it('refuses what makes no sense, and goes on', async () => {
    await assert.rejects(host.setDims({ batch: 0 }), /at least 1/);
    await assert.rejects(host.setDims({ batch: 1.5 }), RpcError);
    await assert.rejects(host.setEp('abacus'), /abacus/);
    await assert.rejects(host.quantize([], int8), /no layer/);
    await assert.rejects(
      host.prune([fc1], { kind: 'zeros', method: 'magnitude', ratio: 2, scope: 'layer' }),
      /ratio/,
    );
    assert.equal((await host.setDims({ batch: 2 })).symbols[0]?.value, 2);
  });

  it('has its view state remembered', async () => {
    const uri = inWorkspace('fmnist_cnn.onnx');
    await host.saveViewState({ sort: 'weights' });
    assert.deepEqual(viewStates.get(uri), { sort: 'weights' });
  });

  it('gets a page that explains where the file cannot be read', async () => {
    const uri = inWorkspace('no-model.onnx');
    await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode('no model at all'));
    await open(uri);
    const opened = await host.open();
    assert.ok(opened.kind === 'error');
    assert.equal(opened.view.title, 'This is not an ONNX model');
    assert.ok(opened.view.details.some((d) => d.label === 'File' && d.value.endsWith('no-model.onnx')));
    assert.ok(opened.view.advice.length > 0);
    await assert.rejects(host.setDims({ batch: 2 }), RpcError);
  });
});
