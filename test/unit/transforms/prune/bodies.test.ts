/** Channels inside the bodies of If and Loop: what goes leaves the model as if it had been zero there. */
import assert from 'node:assert/strict';
import path from 'node:path';
import * as ort from 'onnxruntime-node';
import { openModel } from '../../../../src/onnx/index.ts';
import type { Model } from '../../../../src/onnx/model.ts';
import { applyRecipe, compareRounds, pruneGroups } from '../../../../src/transforms/index.ts';
import { node } from '../../../support/model-builder.ts';
import { recipe } from '../edits.ts';
import { branch, ifModel, loopModel } from './body-nets.ts';
import { Net } from './net.ts';
import { zeroedBodies } from './zeroed-bodies.ts';
import { channels, feeds, furthest, run, type Feeds } from './zeroed.ts';

const root = path.resolve(import.meta.dirname, '../../../..');
const edit = channels();

/** Layers inside branches that got smaller. */
async function check(model: Model, input: Feeds): Promise<number> {
  const { model: pruned, changes } = applyRecipe(model, recipe(edit));
  const inside = changes.filter(
    (c) => c.status === 'applied' && /_branch\/|\/body\//.test(c.node) && c.afterBytes < c.beforeBytes,
  );
  const [before, want, got] = [
    await run(model, input),
    await run(await zeroedBodies(model, edit), input),
    await run(pruned, input),
  ];
  for (const [name, { dims }] of Object.entries(before)) assert.deepEqual(got[name]?.dims, dims, name);
  assert.ok(furthest(want, got) < 1e-4, `differs by ${furthest(want, got)}`);
  assert.ok(furthest(want, before) > 1e-6, 'zeroing changes nothing');
  return inside.length;
}

describe('removed channels inside bodies', function () {
  this.timeout(60_000);

  it('of both branches of an If, each by itself; what they capture keeps its dims', async () => {
    const model = ifModel();
    for (const sign of [1, -1]) {
      const x = new ort.Tensor(
        'float32',
        Float32Array.from({ length: 8 }, (_, i) => sign * (1 + i / 8)),
        [2, 4],
      );
      // the weight, its bias, and the weight that reads them
      assert.equal(await check(model, { x }), 6);
    }
    const { changes } = applyRecipe(model, recipe(edit));
    const change = changes.find((c) => c.node === 'if/then_branch/then.down');
    assert.match(
      applyRecipe(model, recipe(channels({ layers: { nodes: ['if/then_branch/then.down'] } }))).changes[0]
        ?.reason ?? '',
      /graph output "then.down.bias" has these channels/,
    );
    assert.equal(change?.afterBytes, 4 * 6 * 8);
  });

  it('of the body of a Loop, whose values keep their dims', async () => {
    const model = loopModel();
    assert.equal(await check(model, feeds({ x: [2, 8] })), 3);
    const [blocked] = applyRecipe(
      model,
      recipe(channels({ layers: { nodes: ['loop/body/body.down'] } })),
    ).changes;
    assert.match(blocked?.reason ?? '', /graph output "body.down.bias" has these channels/);
  });

  it('are made up for in the order in which the graphs run: before the body, in it, behind it', () => {
    const net = new Net();
    const deep = net.linear(net.relu(net.linear('x', 'before', [4, 8])), 'into', [8, 8]);
    const body = branch('body', deep, 10);
    net.nodes.push(
      node('ReduceSum', [deep], ['sum'], { name: 'sum', keepdims: 0 }),
      node('Greater', ['sum', net.weight('zero', [], 0)], ['cond'], { name: 'cond' }),
      node('If', ['cond'], ['y'], { name: 'if', then_branch: body, else_branch: branch('else', deep, 6) }),
    );
    const behind = net.linear(net.relu(net.linear('y', 'behind', [8, 6])), 'out', [6, 3]);
    const { repairs, warnings } = applyRecipe(
      net.build({ x: [2, 4] }, behind),
      recipe(channels({ repair: 'least-squares' })),
    );
    const inOrder = [...repairs].sort((a, b) => compareRounds(a.round, b.round));
    assert.deepEqual(
      inOrder.map((r) => [r.node, r.round]),
      [
        ['into', [0]],
        ['if/then_branch/body.down', [1, 0]],
        ['if/else_branch/else.down', [1, 0]],
        ['out', [2]],
      ],
    );
    assert.deepEqual(warnings, []);
  });

  it('asks for activations there by the name of the body', () => {
    const targetsOf = (model: Model, node: string) =>
      applyRecipe(model, recipe(channels({ importance: 'activation', layers: { nodes: [node] } })))
        .calibrationTargets;
    assert.deepEqual(targetsOf(ifModel(), 'if/then_branch/then.up'), [
      { tensor: 'if/then_branch › then.up.bias.relu', channelAxis: 1 },
    ]);
    // the turns come first
    assert.deepEqual(targetsOf(loopModel(), 'loop/body/body.up'), [
      { tensor: 'loop/body › body.up.bias.relu', channelAxis: 2 },
    ]);
  });

  // at 8 kHz the later ones take half as many samples
  const legacy = { input: [1, 1536], h: [2, 1, 64], c: [2, 1, 64] };
  const later = (rate: bigint) => ({ input: [1, Number(rate) * 0.036], state: [2, 1, 128] });
  for (const [name, groups, of, shapesAt] of [
    ['silero_vad_legacy', 12, 20, () => legacy],
    ['silero_vad_v5', 8, 10, later],
    ['silero_vad_v6', 8, 10, later],
  ] as const) {
    it(`of ${name}, at both rates`, async () => {
      const model = await openModel(path.join(root, `node_modules/@ricky0123/vad-web/dist/${name}.onnx`));
      try {
        const found = pruneGroups(model);
        const able = found.filter((g) => g.blocker === undefined && g.approximation === undefined);
        assert.deepEqual([able.length, found.length], [groups, of]);
        for (const rate of [16000n, 8000n]) {
          const sr = new ort.Tensor('int64', BigInt64Array.of(rate), []);
          assert.ok((await check(model, { ...feeds(shapesAt(rate)), sr })) >= groups);
        }
      } finally {
        await model.source.close();
      }
    });
  }
});
