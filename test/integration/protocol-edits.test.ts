/** How the page previews, does and reverts edits. */
import assert from 'node:assert/strict';
import type { BlocksOptions, EstimateView } from '../../src/protocol.ts';
import { eachOnSample, fc1, fc2, int8 } from './opened-page.ts';

const blocks4: BlocksOptions = {
  ...{ form: 'blocks', bits: 4, blockSize: 32 },
  ...{ isSymmetric: false, algorithm: 'round', operator: 'MatMulNBits' },
};

describe('Edits by the page', () => {
  const opened = eachOnSample();

  it('casts a layer to float16: half the weights', async () => {
    const { host } = opened();
    const of = (view: EstimateView): number =>
      view.layers.find((l) => l.id === fc1)?.parameterBytes ?? assert.fail();
    const before = of(await host.setDims({ batch: 1 }));
    assert.equal(of(await host.cast([fc1], { to: 'float16', keepIo: true })), before / 2);
  });

  it('previews an edit without doing it, and the edit keeps what was promised', async () => {
    const { document, host } = opened();
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
    const { host } = opened();
    const { layers, edits } = await host.quantize([fc1], blocks4);
    const layer = layers.find((l) => l.id === fc1);
    assert.equal(layer?.change?.label, 'int4');
    assert.ok(layer.change.afterBytes < layer.change.beforeBytes / 5);
    assert.equal(edits.length, 1);
  });

  it('learns why a layer cannot be changed', async () => {
    const { host } = opened();
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
    const { host } = opened();
    const original = await host.setDims({ batch: 1 });
    await host.quantize([fc1, fc2], int8);
    await host.prune(['/f/f.0/f.0.0/Conv'], {
      kind: 'zeros',
      method: 'magnitude',
      ratio: 0.5,
      scope: 'layer',
    });
    const two = await host.revertLayers([fc1]);
    assert.deepEqual(
      two.edits.map((e) => e.layerIds),
      [[fc2], ['/f/f.0/f.0.0/Conv']],
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
});
