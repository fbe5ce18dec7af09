/** What the page asks of the model, its estimate and its figures, and how it stays in step. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { EstimateView } from '../../src/protocol.ts';
import { RpcError } from '../../src/rpc.ts';
import { inWorkspace } from './host.ts';
import { eachOnSample, fc1, int8, OpenedPage } from './opened-page.ts';

describe('The page', () => {
  const opened = eachOnSample();

  it('gets the graph, at the dims that are chosen', async () => {
    const { host } = opened();
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
    const { host } = opened();
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

  it('gets what the file itself says while the figures are computed, where it asks that soon', async () => {
    const { host, page } = opened();
    const early = await host.openEarly();
    const answer = await host.open();
    assert.ok(early !== undefined && answer.kind === 'model');
    const { model, estimate } = answer.view;
    assert.deepEqual(early.model, model);
    assert.ok(early.estimate.isEarly === true && estimate.isEarly === undefined);
    const fixed = (view: EstimateView) =>
      view.layers.map(({ id, name, opType, outputType, parameterBytes }) => [id, name, opType, outputType, parameterBytes]); // prettier-ignore
    assert.deepEqual(fixed(early.estimate), fixed(estimate));
    assert.deepEqual(early.estimate.symbols, estimate.symbols);
    const { parameterCount, parameterBytes, ...others } = early.estimate.totals;
    assert.deepEqual([parameterCount, parameterBytes], [estimate.totals.parameterCount, estimate.totals.parameterBytes]); // prettier-ignore
    assert.deepEqual(Object.values(others).flat().filter((v) => v !== undefined && v !== false), []); // prettier-ignore
    assert.deepEqual(page.estimates, []);
    assert.equal(await host.openEarly(), undefined);
  });

  it('gets no such thing where an edit has changed the layers', async () => {
    await opened().host.quantize([fc1], int8);
    const { host, webviewHost } = opened().another();
    assert.equal(await host.openEarly(), undefined);
    webviewHost.dispose();
  });

  it('gets the model, and the estimate at other dims and EPs', async () => {
    const { host, page } = opened();
    const answer = await host.open();
    assert.ok(answer.kind === 'model');
    assert.deepEqual(answer.view.eps, ['cpu', 'webgpu', 'cuda', 'tensorrt', 'dml', 'coreml']);
    const { estimate } = answer.view;
    const eight = await host.setDims({ batch: 8 });
    const peak = (view: EstimateView): number => view.totals.peakActivationBytes ?? assert.fail();
    assert.equal(peak(eight), 8 * peak(estimate));
    assert.equal(eight.layers.find((l) => l.id === fc1)?.outputShape, '8 × 128');
    const webgpu = await host.setEp('webgpu');
    assert.equal(webgpu.ep, 'webgpu');
    assert.notEqual(webgpu.totals.totalPeakBytes, eight.totals.totalPeakBytes);
    assert.deepEqual(page.estimates.at(-1), webgpu);
  });

  it('learns what training takes, at the chosen dims, and which cards hold it', async () => {
    const { host } = opened();
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

  it('is told the largest batch, and the cost of a layer', async () => {
    const { host } = opened();
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
    const { host, page } = opened();
    const other = opened().another();
    const changed = await host.quantize([fc1], int8);
    await host.setDims({ batch: 4 });
    assert.deepEqual(other.page.estimates[0], changed);
    assert.equal(other.page.estimates[1]?.symbols[0]?.value, 4);
    assert.equal(page.estimates.length, 2);
    other.webviewHost.dispose();
  });

  it('gets what the document is when it asks, not what it was when the page began to load', async () => {
    const other = opened().another();
    await opened().host.setDims({ batch: 4 });
    const asked = await other.host.open();
    assert.equal(asked.kind === 'model' && asked.view.estimate.symbols[0]?.value, 4);
    other.webviewHost.dispose();
  });

  it('refuses what makes no sense, and goes on', async () => {
    const { host } = opened();
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
    const { host, viewStates } = opened();
    const uri = inWorkspace('fmnist_cnn.onnx');
    await host.saveViewState({ sort: 'weights' });
    assert.deepEqual(viewStates.get(uri), { sort: 'weights' });
  });

  it('gets a page that explains where the file cannot be read', async () => {
    const uri = inWorkspace('no-model.onnx');
    await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode('no model at all'));
    const broken = await OpenedPage.open(uri);
    const answer = await broken.host.open();
    assert.ok(answer.kind === 'error');
    assert.equal(answer.view.title, 'This is not an ONNX model');
    assert.ok(answer.view.details.some((d) => d.label === 'File' && d.value.endsWith('no-model.onnx')));
    assert.ok(answer.view.advice.length > 0);
    await assert.rejects(broken.host.setDims({ batch: 2 }), RpcError);
    broken.dispose();
  });
});
