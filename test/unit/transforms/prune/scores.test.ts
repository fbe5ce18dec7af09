/** The importance that is shown is the one that decides. */
import assert from 'node:assert/strict';
import { readTensor } from '../../../../src/onnx/index.ts';
import { applyRecipe, channelScores, channelsKept, pruneGroups } from '../../../../src/transforms/index.ts';
import { recipe } from '../edits.ts';
import { channels } from './zeroed.ts';
import { ZOO } from './zoo.ts';

function network(name: string) {
  const found = ZOO.find((z) => z.name === name);
  assert.ok(found, `${name} is in the zoo`);
  return found.model;
}

describe('channelScores', () => {
  it('ranks the channels as the edit does', async () => {
    const model = network('residual');
    const [group] = pruneGroups(model).filter((g) => g.blocker === undefined);
    assert.ok(group);
    const node = group.layers[0]!;
    const [found] = await channelScores(model, node, { importance: 'l1' });
    assert.ok(found);
    assert.deepEqual([found.layers, found.channels], [group.layers, group.channels]);
    assert.equal(found.scores.length, group.units);
    const mean = found.scores.reduce((sum, s) => sum + s, 0) / found.scores.length;
    assert.ok(Math.abs(mean - 1) < 1e-6);
    const kept = channelsKept(group, 0.5);
    const order = [...found.scores.keys()].sort((a, b) => found.scores[b]! - found.scores[a]!);
    const stays = order.slice(0, kept).sort((a, b) => a - b);
    const { model: pruned } = applyRecipe(model, recipe(channels({ layers: { nodes: [node] }, ratio: 0.5 })));
    const weight = model.graph.nodes.find((n) => n.name === node)!.inputs[1]!;
    const [before, after] = await Promise.all(
      [model, pruned].map((m) => readTensor(m, m.graph.initializers.get(weight)!)),
    );
    const rows = (data: Uint8Array, count: number, picked: readonly number[]) =>
      picked.flatMap((i) => [...data].slice((i * data.length) / count, ((i + 1) * data.length) / count));
    assert.deepEqual([...after!], rows(before!, group.channels, stays));
  });

  it('gives none where none can go, or the node makes none', async () => {
    const model = network('residual');
    const blocked = pruneGroups(model).find((g) => g.blocker !== undefined);
    assert.ok(blocked);
    assert.deepEqual(await channelScores(model, blocked.layers[0]!, { importance: 'l2' }), []);
    assert.deepEqual(await channelScores(model, 'no such node', { importance: 'l2' }), []);
  });
});
