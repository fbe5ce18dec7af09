/** Channel shuffles: which are found, what becomes of them, and that nothing else does. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isUnknown } from '../../../../src/analysis/dim.ts';
import { inferShapes } from '../../../../src/analysis/shapes/index.ts';
import { readTensor } from '../../../../src/onnx/index.ts';
import type { Model } from '../../../../src/onnx/model.ts';
import { applyRecipe, pruneGroups } from '../../../../src/transforms/index.ts';
import { traceModel } from '../../../../src/transforms/prune/channels/edit-plan.ts';
import { findShuffles, type Shuffle } from '../../../../src/transforms/prune/channels/shuffle.ts';
import { reopen } from '../../../support/model-builder.ts';
import { recipe } from '../edits.ts';
import { Net } from './net.ts';
import { randomShuffleNet } from './random-shuffles.ts';
import { SHUFFLE_ZOO } from './zoo-shuffle.ts';
import { channels, compare, feeds } from './zeroed.ts';

function shufflesOf(model: Model): Shuffle[] {
  const { values } = inferShapes(model).main;
  return findShuffles(model.graph, (name) => {
    const type = values.get(name);
    return type?.kind === 'tensor' && !isUnknown(type.shape) ? type.shape : undefined;
  });
}

interface Form {
  readonly name: string;
  readonly input: readonly (number | string)[];
  readonly open: readonly number[];
  readonly perm: readonly number[];
  readonly close: readonly number[];
  /** The dim, and its indices in their new order; undefined where it is no shuffle. */
  readonly found: readonly [axis: number, from: readonly number[]] | undefined;
}

const SIX = [0, 2, 4, 1, 3, 5];
const FORMS: readonly Form[] = [
  {
    name: 'five dims',
    input: ['n', 6, 4, 4],
    ...{ open: [-1, 3, 2, 4, 4], perm: [0, 2, 1, 3, 4], close: [-1, 6, 4, 4], found: [1, SIX] },
  },
  {
    name: 'four dims, height and width as one',
    input: ['n', 6, 4, 4],
    ...{ open: [-1, 3, 2, 16], perm: [0, 2, 1, 3], close: [-1, 6, 4, 4], found: [1, SIX] },
  },
  {
    name: 'batch and groups apart, the batch known',
    input: [2, 6, 4, 4],
    ...{ open: [2, 3, 2, 4, 4], perm: [0, 2, 1, 3, 4], close: [2, 6, 4, 4], found: [1, SIX] },
  },
  {
    name: 'height of a symbol',
    input: [1, 6, 'h', 4],
    ...{ open: [1, 3, 2, -1, 4], perm: [0, 2, 1, 3, 4], close: [1, 6, -1, 4], found: [1, SIX] },
  },
  {
    name: 'channels last',
    input: ['n', 4, 4, 6],
    ...{ open: [-1, 4, 4, 3, 2], perm: [0, 1, 2, 4, 3], close: [-1, 4, 4, 6], found: [3, SIX] },
  },
  {
    name: 'three factors',
    input: ['n', 8, 4, 4],
    ...{ open: [-1, 2, 2, 2, 4, 4], perm: [0, 3, 2, 1, 4, 5], close: [-1, 8, 4, 4] },
    found: [1, [0, 4, 2, 6, 1, 5, 3, 7]],
  },
  {
    name: 'two of three factors',
    input: ['n', 8, 4, 4],
    ...{ open: [-1, 2, 2, 2, 4, 4], perm: [0, 1, 3, 2, 4, 5], close: [-1, 8, 4, 4] },
    found: [1, [0, 2, 1, 3, 4, 6, 5, 7]],
  },
  {
    name: 'nothing moves',
    input: ['n', 6, 4, 4],
    ...{ open: [-1, 3, 2, 4, 4], perm: [0, 1, 2, 3, 4], close: [-1, 6, 4, 4], found: undefined },
  },
  {
    name: 'channels change places with rows',
    input: [1, 4, 4, 4],
    ...{ open: [1, 4, 4, 4], perm: [0, 2, 1, 3], close: [1, 4, 4, 4], found: undefined },
  },
  {
    name: 'another shape in the end',
    input: [1, 6, 4, 4],
    ...{ open: [1, 3, 2, 4, 4], perm: [0, 2, 1, 3, 4], close: [1, 6, 16], found: undefined },
  },
];

function netOf({ input, open, perm, close }: Form, isSeen = false): Model {
  const net = new Net();
  net.op('Reshape', ['x', net.shape('s1', open)], 'open');
  net.op('Transpose', ['open'], 'turn', { perm });
  net.op('Reshape', ['turn', net.shape('s2', close)], 'close');
  if (isSeen) net.op('Relu', ['turn'], 'other');
  return net.build({ x: input }, 'close');
}

describe('channel shuffles', () => {
  for (const form of FORMS) {
    it(`${form.name}: ${form.found === undefined ? 'none' : 'found'}`, () => {
      const [found] = shufflesOf(netOf(form));
      assert.deepEqual(found && [found.axis, [...found.from]], form.found);
    });
  }

  it('not where the values in between are read by others', () => {
    assert.equal(shufflesOf(netOf(FORMS[0]!)).length, 1);
    assert.equal(shufflesOf(netOf(FORMS[0]!, true)).length, 0);
  });

  it('stay as they are where a Gather would free nothing', () => {
    const { model } = SHUFFLE_ZOO.find((z) => z.name === 'shuffle between dense convolutions')!;
    assert.equal(shufflesOf(model).length, 1);
    assert.equal(traceModel(model).trace.gathered.size, 0);
    const { model: pruned, warnings } = applyRecipe(model, recipe(channels()));
    assert.ok(!pruned.graph.nodes.some((n) => n.opType === 'Gather'));
    assert.ok(!warnings.some((w) => w.code === 'shuffle-gathered'));
  });

  it('become a Gather with renumbered indices, and the edit says so', async () => {
    const { model, inputs } = SHUFFLE_ZOO.find((z) => z.name.includes('does not divide'))!;
    const { applied, difference } = await compare(
      model,
      channels({ layers: { nodes: ['one.a'] }, ratio: 0.25 }),
      feeds(inputs),
    );
    assert.ok(difference < 1e-5, `differs by ${difference}`);
    const { graph } = await reopen(applied.model);
    const gather = graph.nodes.find((n) => n.opType === 'Gather')!;
    assert.ok(!graph.nodes.some((n) => n.opType === 'Transpose' || n.opType === 'Reshape'));
    const indices = graph.initializers.get(gather.inputs[1]!)!;
    // of eight units of three channels two went
    assert.deepEqual(indices.dims, [18]);
    const values = new BigInt64Array(
      Uint8Array.from(
        await readTensor(applied.model, applied.model.graph.initializers.get(gather.inputs[1]!)!),
      ).buffer,
    );
    assert.deepEqual(
      [...values].map(Number).toSorted((a, b) => a - b),
      Array.from({ length: 18 }, (_, i) => i),
    );
    const said = applied.warnings.find((w) => w.code === 'shuffle-gathered');
    assert.match(said?.message ?? '', /become a Gather each.*: one\.shuffled$/);
  });

  it('can be pruned again, once the Gather is in the file', async () => {
    const { model, inputs } = SHUFFLE_ZOO.find((z) => z.name.includes('does not divide'))!;
    const edit = channels({ layers: { nodes: ['one.a'] }, ratio: 0.25 });
    const once = await reopen(applyRecipe(model, recipe(edit)).model);
    const group = pruneGroups(once).find((g) => g.layers.includes('one.a'));
    assert.deepEqual([group?.channels, group?.units], [18, 6]);
    const { difference, effect, applied } = await compare(once, channels({ ratio: 0.5 }), feeds(inputs));
    assert.ok(difference < 1e-5 && effect > 1e-3, `differs by ${difference}, zeroing by ${effect}`);
    assert.equal(applied.changes.find((c) => c.node === 'one.a')?.status, 'applied');
  });

  it('what no units were found for is refused, and why is said', () => {
    // stem 6 and a's 9 channels beside each other are three groups of 5: the first has nothing of a
    const net = new Net();
    const stem = net.conv('x', 'stem', [6, 3]);
    const a = net.conv(stem, 'a', [9, 6], { group: 3 });
    const both = net.op('Concat', [stem, a], 'both', { axis: 1 });
    const b = net.conv(both, 'b', [9, 15], { group: 3 });
    const model = net.build({ x: [1, 3, 4, 4] }, net.conv(b, 'last', [2, 9]));
    const [change] = applyRecipe(model, recipe(channels({ layers: { nodes: ['a'] } }))).changes;
    assert.equal(change?.status, 'blocked');
    assert.match(
      change.reason ?? '',
      /none can go without the rest, as no smaller set was found .* of a, b$/,
    );
  });

  it('random chains of grouped convolutions and shuffles equal zeroed ones', async function () {
    const runs = Number(process.env['PRUNE_RUNS'] ?? 30);
    this.timeout(4_000 * runs);
    let gathered = 0;
    await fc.assert(
      fc.asyncProperty(randomShuffleNet, fc.constantFrom(0.25, 0.5, 0.8), async (model, ratio) => {
        const { difference, applied } = await compare(model, channels({ ratio }), feeds({ x: [1, 3, 4, 4] }));
        assert.ok(difference < 1e-3, `differs by ${difference}`);
        if (applied.warnings.some((w) => w.code === 'shuffle-gathered')) gathered++;
      }),
      { numRuns: runs },
    );
    assert.ok(gathered > runs / 4, `${gathered} of ${runs} had a shuffle that became a Gather`);
  });
});
