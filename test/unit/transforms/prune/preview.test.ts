/** What removing channels will save, told before any weight is read. */
import assert from 'node:assert/strict';
import { analyze } from '../../../../src/analysis/index.ts';
import { tensorByteLength } from '../../../../src/onnx/index.ts';
import type { Model } from '../../../../src/onnx/model.ts';
import { applyRecipe, parseRecipe, pruneGroups, serializeRecipe } from '../../../../src/transforms/index.ts';
import { encode, reopen } from '../../../support/model-builder.ts';
import { recipe } from '../edits.ts';
import { channels } from './zeroed.ts';
import { cached } from './zoo-attention.ts';
import { ZOO } from './zoo.ts';

function network(name: string): Model {
  const found = ZOO.find((z) => z.name === name);
  if (found === undefined) throw new Error(`no ${name} in the zoo`);
  return found.model;
}

/** The same, whose larger tensors cannot be read. */
function unreadable(model: Model): Model {
  const initializers = new Map(
    [...model.graph.initializers].map(([name, t]) => {
      if (t.dataType !== 1) return [name, t] as const;
      const location = {
        kind: 'computed',
        byteLength: tensorByteLength(t),
        produce: () => {
          throw new Error(`"${name}" is read`);
        },
      } as const;
      return [name, { ...t, location, smallData: undefined }] as const;
    }),
  );
  return { ...model, graph: { ...model.graph, initializers } };
}

describe('the plan of removed channels', () => {
  it('tells every layer that shrinks, and reads no weight', async () => {
    const model = network('residual');
    const edit = recipe(channels({ layers: { nodes: ['a'] } }));
    const plan = applyRecipe(unreadable(model), edit);
    // a makes 12 channels: its own weights, the normalization behind it, and b, which reads them
    assert.deepEqual(
      plan.changes.map((c) => [c.node, c.status, c.beforeBytes, c.afterBytes]),
      [
        ['a', 'applied', 4 * (12 * 8 * 9 + 12), 4 * (6 * 8 * 9 + 6)],
        ['a.bn', 'applied', 4 * 48, 4 * 24],
        ['b', 'applied', 4 * (8 * 12 * 9 + 8), 4 * (8 * 6 * 9 + 8)],
      ],
    );
    const [before, after] = [analyze(model).estimate(), analyze(plan.model).estimate()];
    const real = analyze(await reopen(applyRecipe(model, edit).model)).estimate();
    assert.equal(after.parameterBytes, real.parameterBytes);
    assert.equal(after.totalPeak.bytes, real.totalPeak.bytes);
    const macs = (e: typeof before) =>
      e.nodes.map((n) => [n.id, n.macs]).filter(([id]) => id === 'a' || id === 'b');
    assert.deepEqual(
      macs(before).map(([, n]) => Number(n) / 2),
      macs(after).map(([, n]) => n),
    );
  });

  it('keeps a number of channels that is a multiple of what is asked for', () => {
    const dims = (roundTo: number) =>
      applyRecipe(
        network('residual'),
        recipe(channels({ layers: { nodes: ['a'] }, ratio: 0.6, roundTo })),
      ).model.graph.initializers.get('a.w')?.dims[0];
    assert.deepEqual([1, 4, 8, 12].map(dims), [5, 8, 8, 12]);
  });

  it('comes to the same model for the same seed, through JSON as well', async () => {
    const model = network('MobileNet');
    const edit = recipe(channels({ importance: 'random', seed: 4, repair: 'none', roundTo: 2 }));
    const again = parseRecipe(serializeRecipe(edit));
    assert.deepEqual(again, edit);
    const [a, b] = [
      await encode(applyRecipe(model, edit).model),
      await encode(applyRecipe(model, again).model),
    ];
    assert.ok(Buffer.from(a).equals(b));
  });

  it('goes on from an earlier edit', () => {
    const half = channels({ layers: { nodes: ['a'] } });
    const { model, changes } = applyRecipe(network('residual'), recipe(half, half));
    assert.equal(model.graph.initializers.get('a.w')?.dims[0], 3);
    assert.ok(changes.every((c) => c.status === 'applied'));
  });

  it('is refused where no BatchNormalization scales the channels, and taken where one does', () => {
    const by = channels({ importance: 'batch-norm', layers: { nodes: ['a', 'c'] } });
    const { changes } = applyRecipe(network('residual'), recipe(by));
    assert.deepEqual(
      changes.filter((c) => c.node === 'a' || c.node === 'c').map((c) => [c.node, c.status]),
      [
        ['a', 'applied'],
        ['c', 'blocked'],
      ],
    );
    assert.match(
      changes.find((c) => c.node === 'c')?.reason ?? '',
      /no BatchNormalization scales these channels/,
    );
  });
});

describe('groups', () => {
  it('name what goes together, what it weighs and what blocks', () => {
    const groups = pruneGroups(network('residual'));
    const a = groups.find((g) => g.id === 'a');
    assert.deepEqual(
      { ...a, tensors: [...(a?.tensors ?? [])].sort() },
      {
        id: 'a',
        layers: ['a'],
        pulled: ['a.bn', 'b'],
        tensors: ['a.b', 'a.bn.bias', 'a.bn.mean', 'a.bn.scale', 'a.bn.var', 'a.w', 'b.w'],
        channels: 12,
        units: 12,
        bytesPerChannel: 4 * (8 * 9 + 1 + 4 + 8 * 9),
        blocker: undefined,
        approximation: undefined,
      },
    );
    assert.deepEqual(groups.find((g) => g.id === 'fc')?.blocker, {
      node: undefined,
      reason: 'graph output "fc" has these channels',
    });
    assert.deepEqual(groups.find((g) => g.id === 'stem')?.layers, ['stem', 'b']);
  });

  it('count heads, not channels, of attention', () => {
    const q = pruneGroups(network('GPT-like, grouped queries')).find((g) => g.layers.includes('attn.q'));
    assert.deepEqual([q?.channels, q?.units, q?.layers], [16, 2, ['attn.q', 'attn.k', 'attn.v']]);
  });

  it('stay where the cache of their heads is an input or an output of the model', () => {
    const reasons = (side: 'input' | 'output') =>
      new Set(
        pruneGroups(cached(side))
          .filter((g) => ['q', 'k', 'v'].some((id) => g.layers.includes(id)))
          .map((g) => g.blocker?.reason),
      );
    assert.deepEqual([...reasons('input')], ['graph input "past_k" has these channels']);
    assert.deepEqual([...reasons('output')], ['graph output "present_k" has these channels']);
  });

  it('are not tied by a bias that several layers share', () => {
    const model = network('shared biases');
    const groups = pruneGroups(model).filter((g) => g.blocker === undefined);
    assert.deepEqual(
      groups.map((g) => g.layers),
      [['a'], ['b', 'd'], ['c']],
    );
    const edit = channels({ layers: { nodes: ['a'] } });
    const { graph } = applyRecipe(model, recipe(edit)).model;
    const sizes = (name: string) => (graph.initializers.get(name)?.dims ?? []).join();
    const biasOf = (id: string) => graph.nodes.find((n) => n.name === id)?.inputs[2] ?? '';
    assert.deepEqual([biasOf('a'), biasOf('c'), biasOf('d')].map(sizes), ['4', '8', '8']);
    assert.equal(biasOf('c'), 'zeros');
    assert.equal(biasOf('b'), 'same');
    const all = applyRecipe(model, recipe(channels())).model.graph;
    assert.ok(!all.nodes.some((n) => n.opType === 'Identity'));
  });
});
