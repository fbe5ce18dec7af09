/** Layers that an edit removed keep a row, behind the layer before them, by which they come back. */
import assert from 'node:assert/strict';
import { Base } from '../../../extension/session/base.ts';
import { Snapshot } from '../../../extension/session/snapshot.ts';
import { layersOf } from '../../../extension/views/layers.ts';
import { removeLayers } from '../../../src/transforms/index.ts';
import { recipe } from '../transforms/edits.ts';
import { blocks } from '../transforms/prune/blocks-oracle.ts';
import { BLOCK_ZOO } from '../transforms/prune/zoo-blocks.ts';

describe('layers that were removed', () => {
  const { model } = BLOCK_ZOO.find((c) => c.name === 'in a row')!;
  const snapshot = new Snapshot(new Base(model), recipe(blocks('add2', 'add3')));
  const options = { dims: { batch: 2 } };
  const rows = layersOf(snapshot, snapshot.estimate(options), snapshot.estimateBefore(options));

  it('have rows of nothing, with what they were', () => {
    const original = snapshot.base
      .analysis()
      .estimate(options)
      .layers.map((l) => l.id);
    assert.deepEqual(
      rows.map((r) => r.id),
      original,
    );
    const gone = rows.find((r) => r.id === 'f2.up')!;
    assert.deepEqual([gone.nodes, gone.parameterBytes, gone.activationBytes, gone.macs], [[], 0, 0, 0]);
    assert.equal(gone.before?.parameterBytes, 4 * (8 * 12 + 12));
    assert.ok(rows.find((r) => r.id === 'f1.up')!.parameterBytes > 0);
  });

  it('name the block by which they come back', () => {
    const [change] = snapshot.layers().changes('f2.up');
    assert.equal(change?.by, 'add2');
    assert.deepEqual(removeLayers(snapshot.recipe, ['f2.up', 'add2']).edits, [blocks('add3')]);
  });
});
