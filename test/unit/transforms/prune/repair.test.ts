/** Repair: what channels that go did is taken over by those that stay, layer by layer. */
import assert from 'node:assert/strict';
import type * as ort from 'onnxruntime-node';
import type { CalibratedOptions } from '../../../../src/calibrated.ts';
import { readTensor } from '../../../../src/onnx/index.ts';
import type { Model } from '../../../../src/onnx/model.ts';
import { applyRecipe, type Edit, type LayerSelector } from '../../../../src/transforms/index.ts';
import type { ChannelImportance, ChannelRepair } from '../../../../src/transforms/recipe/prune-channels.ts';
import { floats } from '../../../support/model-builder.ts';
import { TestFolder } from '../../runtime/numpy-files.ts';
import { Workers } from '../../runtime/worker-bundle.ts';
import { recipe } from '../edits.ts';
import { Net } from './net.ts';
import { residual, squared, withData, type Case } from './repair-cases.ts';
import { shuffled } from './random-shuffles.ts';
import { channels, feeds, run } from './zeroed.ts';

/** The hidden channels' second half is the first half, weaker: nothing is lost when it goes. */
function redundant(kind: 'Gemm' | 'MatMul' | 'Conv'): Case {
  const net = new Net();
  const [half, out] = [4, 3];
  const rows = Array.from({ length: half }, () => Array.from({ length: 5 }, () => net.random()));
  const all = [...rows, ...rows.map((r) => r.map((w) => 0.1 * w))];
  if (kind === 'Conv') {
    net.tensors.push(floats('first.w', [8, 5, 1, 1], all.flat()));
    net.op('Conv', ['x', 'first.w'], 'first');
    const y = net.conv(net.relu('first'), 'second', [out, 8]);
    return { model: net.build({ x: [1, 5, 4, 4] }, y), input: feeds({ x: [1, 5, 4, 4] }) };
  }
  net.tensors.push(
    floats(
      'first.w',
      [5, 8],
      all[0]!.flatMap((_, i) => all.map((r) => r[i]!)),
    ),
  );
  const hidden = net.relu(net.op('MatMul', ['x', 'first.w'], 'first'));
  const y = kind === 'Gemm' ? net.gemm(hidden, 'second', [8, out]) : net.linear(hidden, 'second', [8, out]);
  return { model: net.build({ x: [32, 5] }, y), input: feeds({ x: [32, 5] }) };
}

/** Of eight hidden channels two large ones are there twice; four small ones are not. */
function alike(kind: 'MatMul' | 'Conv'): Case {
  const net = new Net();
  const rows = Array.from({ length: 6 }, () => Array.from({ length: 5 }, () => net.random()));
  const all = [...rows.slice(0, 2), ...rows.slice(0, 2), ...rows.slice(2).map((r) => r.map((w) => 0.2 * w))];
  if (kind === 'Conv') {
    net.tensors.push(floats('first.w', [8, 5, 1, 1], all.flat()));
    net.op('Conv', ['x', 'first.w'], 'first');
    const shape = { x: [8, 5, 12, 12] } as const;
    const y = net.conv(net.relu('first'), 'second', [3, 8], { kernel: 3 });
    return { model: net.build(shape, y), input: feeds(shape) };
  }
  const turned = rows[0]!.flatMap((_, i) => all.map((r) => r[i]!));
  net.tensors.push(floats('first.w', [5, 8], turned));
  const hidden = net.relu(net.op('MatMul', ['x', 'first.w'], 'first'));
  const y = net.linear(hidden, 'second', [8, 3]);
  return { model: net.build({ x: [32, 5] }, y), input: feeds({ x: [32, 5] }) };
}

/** Each of two groups reads four channels, of which the second two are the first two, weaker. */
function redundantGroups(isPadded = false): Case {
  const net = new Net();
  const rows = Array.from({ length: 4 }, () => Array.from({ length: 5 }, () => net.random()));
  const weak = rows.map((r) => r.map((w) => 0.1 * w));
  const all = [...rows.slice(0, 2), ...weak.slice(0, 2), ...rows.slice(2), ...weak.slice(2)];
  net.tensors.push(floats('first.w', [8, 5, 1, 1], all.flat()));
  net.op('Conv', ['x', 'first.w'], 'first');
  const hidden = net.relu('first');
  const y = isPadded
    ? net.op('Conv', [hidden, net.weight('second.w', [6, 4, 3, 3])], 'second', {
        ...{ group: 2, strides: [2, 2], auto_pad: 'SAME_UPPER' },
      })
    : net.conv(hidden, 'second', [6, 8], { group: 2, kernel: 3 });
  return { model: net.build({ x: [4, 5, 6, 6] }, y), input: feeds({ x: [4, 5, 6, 6] }) };
}

/** A depthwise Conv behind one that reads fewer channels than it did. */
function separable(): Case {
  const net = new Net();
  const stem = net.relu(net.conv('x', 'stem', [8, 2], { kernel: 3 }));
  const point = net.relu(net.conv(stem, 'point', [8, 8]));
  const depth = net.relu(net.conv(point, 'depth', [8, 8], { group: 8, kernel: 3 }));
  const shape = { x: [32, 2, 16, 16] } as const;
  return { model: net.build(shape, net.conv(depth, 'out', [3, 8])), input: feeds(shape) };
}

/** Between two grouped Convs a shuffle that becomes a Gather; a group's eight channels are multiples of one. */
function behindShuffle(): Case {
  const net = new Net();
  const rows = Array.from({ length: 3 }, () => Array.from({ length: 2 }, () => net.random()));
  net.tensors.push(
    floats(
      'stem.w',
      [6, 2, 1, 1],
      rows.flatMap((r) => [...r, ...r.map((w) => 0.5 * w)]),
    ),
  );
  const stem = net.relu(net.op('Conv', ['x', 'stem.w'], 'stem'));
  const image = { name: net.conv(stem, 'first', [24, 6], { group: 3, bias: false }), channels: 24, side: 6 };
  const y = net.conv(shuffled(net, 'mixed', image, 3, 0), 'second', [6, 24], { group: 3, kernel: 3 });
  const shape = { x: [32, 2, 6, 6] } as const;
  return { model: net.build(shape, y), input: feeds(shape) };
}

describe('repair after channels are gone', () => {
  const workers = new Workers();
  const folder = new TestFolder();

  const repaired = <T>(
    of: Case,
    edits: readonly Edit[],
    use: (changed: Model) => Promise<T>,
    options: Partial<CalibratedOptions> = {},
  ): Promise<T> => withData(of, edits, use, { folder, runner: () => workers.shared, ...options });

  async function error(
    of: Case,
    repair: ChannelRepair,
    layers: LayerSelector = { all: true },
  ): Promise<number> {
    const [before] = Object.values(await run(of.model, of.input));
    return repaired(of, [channels({ layers, repair })], async (changed) => {
      const [after] = Object.values(await run(changed, of.input));
      return squared(before!, after!);
    });
  }

  const first = { nodes: ['first'] };

  for (const kind of ['Gemm', 'MatMul', 'Conv'] as const) {
    it(`${kind}: least squares takes over what the others did, the bias their mean`, async () => {
      const of = redundant(kind);
      const [none, bias, fitted] = [
        await error(of, 'none', first),
        await error(of, 'bias', first),
        await error(of, 'least-squares', first),
      ];
      assert.ok(bias < 0.9 * none, `bias: ${bias} of ${none}`);
      assert.ok(fitted < 0.01 * none, `least squares: ${fitted} of ${none}`);
    });
  }

  for (const isPadded of [false, true])
    it(`a Conv with groups${isPadded ? ', padded by auto_pad' : ''}: least squares takes over what the others of a group did`, async () => {
      const of = redundantGroups(isPadded);
      const [none, fitted] = [await error(of, 'none', first), await error(of, 'least-squares', first)];
      assert.ok(fitted < 0.01 * none, `least squares: ${fitted} of ${none}`);
    });

  for (const importance of ['l1', 'activation'] as const) {
    it(`behind a shuffle that becomes a Gather, by ${importance}`, async () => {
      const of = behindShuffle();
      const [before] = Object.values(await run(of.model, of.input));
      const errorOf = (repair: ChannelRepair): Promise<number> =>
        repaired(of, [channels({ layers: first, importance, repair })], async (changed) => {
          assert.ok(changed.graph.nodes.some((n) => n.opType === 'Gather'));
          const [after] = Object.values(await run(changed, of.input));
          return squared(before!, after!);
        });
      const [none, fitted] = [await errorOf('none'), await errorOf('least-squares')];
      assert.ok(fitted < 0.01 * none, `least squares: ${fitted} of ${none}`);
    });
  }

  it('a depthwise Conv is fitted to what it reads by then, as near to its old outputs as its weights allow', async () => {
    const of = separable();
    const depth = async (model: Model): Promise<ort.Tensor> => {
      const outputs = [...model.graph.outputs, { name: 'depth' }];
      return (await run({ ...model, graph: { ...model.graph, outputs } }, of.input))['depth']!;
    };
    const before = await depth(of.model);
    const edit = channels({ layers: { nodes: ['stem', 'point'] }, repair: 'least-squares' });
    assert.deepEqual(
      applyRecipe(of.model, recipe(edit)).repairs.map((r) => [r.node, r.round]),
      [
        ['point', [0]],
        ['depth', [1]],
        ['out', [2]],
      ],
    );
    await repaired(of, [edit], async (changed) => {
      const after = await depth(changed);
      const [own, old] = await Promise.all(
        [changed, of.model].map(async (m) => numbers(m, m.graph.initializers.get('depth.w')!)),
      );
      const kept = Array.from({ length: 4 }, (_, i) => closest(old!, own!.subarray(9 * i, 9 * i + 9)));
      // of what least squares leaves, nothing lies along what a channel reads
      const point = changed.graph.nodes.find((n) => n.name === 'depth')!.inputs[0]!;
      const outputs = [...changed.graph.outputs, { name: point }];
      const { [point]: read } = await run({ ...changed, graph: { ...changed.graph, outputs } }, of.input);
      for (const [i, c] of kept.entries()) {
        const [x, got, want] = [plane(read!, i), plane(after, i), plane(before, c)];
        const miss = got.map((v, k) => v - want[k]!);
        const along = mean(miss.map((m, k) => m * x[k]!)) - mean(miss) * mean(x);
        assert.ok(Math.abs(mean(miss)) < 1e-4, `channel ${c}: mean ${mean(miss)}`);
        assert.ok(along ** 2 <= 1e-4 * variance(miss) * variance(x), `channel ${c}: ${along}`);
      }
    });
  });

  for (const kind of ['MatMul', 'Conv'] as const)
    it(`${kind}: by reconstruction, channels go that others can stand in for, however large they are`, async () => {
      const of = alike(kind);
      const left = async (importance: ChannelImportance): Promise<number> => {
        const [before] = Object.values(await run(of.model, of.input));
        const edit = channels({ layers: first, importance, repair: 'least-squares', ratio: 0.25 });
        return repaired(of, [edit], async (changed) =>
          squared(before!, Object.values(await run(changed, of.input))[0]!),
        );
      };
      const [activation, reconstruction] = [await left('activation'), await left('reconstruction')];
      assert.ok(activation > 1e-3 && reconstruction < 1e-2 * activation, `${reconstruction}, ${activation}`);
    });

  it('puts into the bias of a 1 × 1 Conv what channels that never change add', async () => {
    const net = new Net();
    const weights = Array.from({ length: 40 }, (_, i) => (i < 20 ? net.random() : 0));
    const ones = Array.from({ length: 8 }, () => 1);
    net.tensors.push(floats('first.w', [8, 5, 1, 1], weights), floats('first.b', [8], ones));
    net.op('Conv', ['x', 'first.w', 'first.b'], 'first');
    const model = net.build({ x: [1, 5, 4, 4] }, net.conv(net.relu('first'), 'second', [3, 8]));
    const of = { model, input: feeds({ x: [1, 5, 4, 4] }) };
    const [none, fitted] = [await error(of, 'none', first), await error(of, 'least-squares', first)];
    assert.ok(none > 1e-3 && fitted < 1e-8 * none, `${fitted} of ${none}`);
  });

  it('goes on from what the layers before give by then, shortcuts included', async () => {
    const of = residual(false);
    const none = await error(of, 'none');
    const statistics = await error(of, 'statistics');
    const fitted = await error(of, 'least-squares');
    assert.ok(statistics < none, `statistics: ${statistics} of ${none}`);
    assert.ok(fitted < 0.4 * none && fitted < statistics, `least squares: ${fitted} of ${none}`);
  });

  it('gives a BatchNormalization the mean and variance that it now sees', async () => {
    const of = residual(true);
    const edit = channels({ repair: 'statistics' });
    await repaired(of, [edit], async (changed) => {
      for (const name of ['a1', 'b2', 'c2']) {
        const norm = changed.graph.nodes.find((n) => n.name === `${name}.norm`)!;
        const outputs = [...changed.graph.outputs, { name }];
        const seen = await run({ ...changed, graph: { ...changed.graph, outputs } }, of.input);
        const [mean, variance] = await Promise.all(
          norm.inputs.slice(3).map(async (input) => {
            return numbers(changed, changed.graph.initializers.get(input)!);
          }),
        );
        const { data, dims } = seen[name] as ort.Tensor;
        const plane = dims[2]! * dims[3]!;
        mean!.forEach((m, c) => {
          const own = [...(data as Float32Array)].filter((_, i) => Math.floor(i / plane) % dims[1]! === c);
          const now = own.reduce((a, b) => a + b, 0) / own.length;
          const spread = own.reduce((a, b) => a + (b - now) ** 2, 0) / own.length;
          assert.ok(Math.abs(m - now) < 1e-4 * (1 + Math.abs(now)), `${name} ${c}: mean ${m}, is ${now}`);
          assert.ok(Math.abs(variance![c]! - spread) < 1e-3 * (1 + spread), `${name} ${c}: variance`);
        });
      }
    });
  });

  it('adds a bias where the layer has none', async () => {
    const net = new Net();
    const hidden = net.relu(net.conv('x', 'first', [8, 5]));
    const model = net.build({ x: [1, 5, 4, 4] }, net.conv(hidden, 'second', [3, 8], { bias: false }));
    const of = { model, input: feeds({ x: [1, 5, 4, 4] }) };
    const plan = applyRecipe(model, recipe(channels({ layers: first, repair: 'bias' })));
    assert.equal(plan.model.graph.nodes.find((n) => n.name === 'second')?.inputs.length, 3);
    assert.ok((await error(of, 'bias', first)) < (await error(of, 'none', first)));
  });

  it('works out the layers of one depth in one run, and says how far it is', async () => {
    const net = new Net();
    const x = net.relu(net.conv('x', 'stem', [8, 2], { kernel: 3 }));
    const sides = ['a', 'b'].map((name) => net.relu(net.conv(x, name, [4, 8])));
    const joined = net.op('Concat', sides, 'joined', { axis: 1 });
    const model = net.build({ x: [32, 2, 6, 6] }, net.conv(joined, 'out', [3, 8]));
    const of = { model, input: feeds({ x: [32, 2, 6, 6] }) };
    const edit = channels({ repair: 'least-squares' });
    const { repairs } = applyRecipe(model, recipe(edit));
    assert.deepEqual(
      repairs.map((r) => [r.node, r.round]),
      [
        ['a', [0]],
        ['b', [0]],
        ['out', [1]],
      ],
    );
    const fractions: number[] = [];
    const onProgress = ({ fraction }: { fraction: number }) => void fractions.push(fraction);
    await repaired(of, [edit], () => Promise.resolve(), { onProgress });
    assert.deepEqual(
      fractions,
      [...fractions].sort((a, b) => a - b),
    );
    assert.equal(fractions.at(-1), 1);
  });

  it('stops when it is told to', async () => {
    const stop = new AbortController();
    const onProgress = () => stop.abort();
    const work = repaired(
      redundant('Gemm'),
      [channels({ layers: first, repair: 'least-squares' })],
      () => Promise.resolve(),
      {
        signal: stop.signal,
        onProgress,
      },
    );
    await assert.rejects(work, { kind: 'cancelled' });
  });

  it('says what to do where calibration is missing, when the tensor is asked for', async () => {
    const { model, input } = redundant('Gemm');
    const plan = applyRecipe(model, recipe(channels({ layers: first, repair: 'least-squares' })));
    assert.deepEqual(
      plan.repairs.map((r) => r.node),
      ['second'],
    );
    await assert.rejects(
      run(plan.model, input),
      /repair of "second" needs calibration data: run the model on samples first/,
    );
  });

  it('follows another edit of what a layer reads, and not one of what it gives', async () => {
    const of = redundant('Gemm');
    const [before] = Object.values(await run(of.model, of.input));
    const after = (repair: ChannelRepair): Promise<number> => {
      const edits = [channels({ layers: first, ratio: 0.25 }), channels({ layers: first, repair })];
      assert.deepEqual(applyRecipe(of.model, recipe(...edits)).warnings, []);
      return repaired(of, edits, async (changed) =>
        squared(before!, Object.values(await run(changed, of.input))[0]!),
      );
    };
    const [none, fitted] = [await after('none'), await after('least-squares')];
    assert.ok(fitted < 0.7 * none, `${fitted} of ${none}`);
    const chain = residual(false).model;
    const given = [
      channels({ layers: { nodes: ['stem'] } }),
      channels({ layers: { nodes: ['a1'] }, repair: 'bias' }),
    ];
    assert.deepEqual(
      applyRecipe(chain, recipe(...given)).warnings.map((w) => [w.code, w.node]),
      [['repair-left-out', 'a2']],
    );
  });
});

const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
const variance = (list: readonly number[]): number => mean(list.map((v) => v * v)) - mean(list) ** 2;

/** Of one channel, in all samples. */
function plane({ data, dims }: ort.Tensor, channel: number): number[] {
  const size = dims[2]! * dims[3]!;
  return [...(data as Float32Array)].filter((_, i) => Math.floor(i / size) % dims[1]! === channel);
}

/** The old kernel that a new one comes from: the fit leaves it near. */
function closest(old: Float32Array, own: Float32Array): number {
  const distances = Array.from({ length: old.length / own.length }, (_, c) =>
    own.reduce((sum, w, k) => sum + (w - old[c * own.length + k]!) ** 2, 0),
  );
  return distances.indexOf(Math.min(...distances));
}

async function numbers(model: Model, tensor: Parameters<typeof readTensor>[1]): Promise<Float32Array> {
  return new Float32Array(Uint8Array.from(await readTensor(model, tensor)).buffer);
}
