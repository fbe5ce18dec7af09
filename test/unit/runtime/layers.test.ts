/** Values inside of two models, compared: the error is found where it was put. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { nodeIds, openModel, readTensor, saveModel, type TensorRef } from '../../../src/onnx/index.ts';
import { RunnerError } from '../../../src/runtime/index.ts';
import { TestFolder } from './numpy-files.ts';
import { models, samples, Workers } from './worker-bundle.ts';

const cnn = path.join(samples, 'fmnist_cnn.onnx');

describe('layers compared', () => {
  const workers = new Workers();
  const folder = new TestFolder();
  const data = { kind: 'numpy', path: path.join(models, 'fmnist-calib-256.npz') } as const;

  it('show the error from the layer on whose weights were changed', async () => {
    const changed = folder.file('changed.onnx');
    const model = await openModel(cnn);
    const convs = model.graph.nodes.filter((n) => n.opType === 'Conv');
    const third = convs[2];
    const name = third?.inputs[1] ?? '';
    const weights = model.graph.initializers.get(name);
    assert.ok(third !== undefined && weights !== undefined);
    const bytes = (await readTensor(model, weights)).slice();
    const values = new Float32Array(bytes.buffer);
    values.forEach((v, i) => (values[i] = v * 1.1));
    const edited: TensorRef = {
      ...weights,
      smallData: undefined,
      location: { kind: 'inline', bytes },
      range: undefined,
    };
    const initializers = new Map(model.graph.initializers).set(name, edited);
    await saveModel(
      { ...model, graph: { ...model.graph, initializers, range: undefined }, range: undefined },
      changed,
    );
    const ids = nodeIds(model.graph.nodes);
    const place = model.graph.nodes.indexOf(third);
    await model.source.close();

    const request = { original: cnn, compressed: changed, ep: 'cpu', data, dims: {}, batchSize: 4 } as const;
    const report = await workers.shared.compareLayers(request);
    assert.equal(report.data, 'fmnist-calib-256.npz, 8 of 256 samples');
    assert.deepEqual(
      report.layers.map((l) => l.node),
      ids,
    );
    for (const [i, layer] of report.layers.entries()) {
      assert.equal(layer.sqnrDb === Infinity, i < place, `${layer.node}: ${layer.sqnrDb} dB`);
    }
    // 10 % too much of the product, less what the bias makes of it
    assert.ok(Math.abs((report.layers[place]?.sqnrDb ?? 0) - 20) < 3);
    const often = await workers.shared.compareLayers({ ...request, maxPassBytes: 1_600_000 });
    assert.deepEqual(often.layers, report.layers);
  });

  it('of other names are compared where they are said to be the same', async () => {
    const compressed = path.join(samples, 'fmnist_cnn.onnx');
    const values = [{ original: 'logits', compressed: 'logits' }];
    const report = await workers.shared.compareLayers({
      original: cnn,
      compressed,
      ep: 'cpu',
      data,
      dims: {},
      values,
    });
    assert.deepEqual(
      report.layers.map((l) => [l.output, l.sqnrDb]),
      [['logits', Infinity]],
    );
  });

  it('of models with nothing in common are refused', async () => {
    const values = [{ original: 'logits', compressed: 'none' }];
    await assert.rejects(
      workers.shared.compareLayers({ original: cnn, compressed: cnn, ep: 'cpu', data, dims: {}, values }),
      (error: unknown) => error instanceof RunnerError && /no value in common/.test(error.message),
    );
  });
});
