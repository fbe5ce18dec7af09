/** Values of bodies, handed out by the main graph: what each branch or turn has, and nothing for what did not run. */
import assert from 'node:assert/strict';
import path from 'node:path';
import * as ort from 'onnxruntime-node';
import { bodyValue } from '../../../src/analysis/calibration.ts';
import { cutTo, modelStream, openModel, readTensor, saveModel, subgraphs } from '../../../src/onnx/index.ts';
import type { Graph, Model, TensorRef } from '../../../src/onnx/model.ts';
import { lifted } from '../../../src/runtime/lift.ts';
import { withCalibration } from '../../../src/calibrated.ts';
import { applyRecipe } from '../../../src/transforms/index.ts';
import { graph, model, node, value } from '../../support/model-builder.ts';
import { recipe } from '../transforms/edits.ts';
import { branch, ifInLoopModel, ifInScanModel, ifModel, loopModel } from '../transforms/prune/body-nets.ts';
import { Net } from '../transforms/prune/net.ts';
import { channels, feeds, run, type Feeds } from '../transforms/prune/zeroed.ts';
import { npy, npz, TestFolder } from './numpy-files.ts';
import { Workers } from './worker-bundle.ts';

const vad = path.resolve(import.meta.dirname, '../../../node_modules/@ricky0123/vad-web/dist');

/** With those values as outputs; the types of what came from bodies. */
async function fetched(model: Model, values: readonly string[], input: Feeds) {
  const own = lifted(model, values);
  const outputs = [...own.model.graph.outputs, ...values.map((name) => ({ name }))];
  const graph = { ...own.model.graph, outputs, range: undefined };
  return { found: await run({ ...own.model, graph, range: undefined }, input), types: own.types };
}

const x = (sign: number, width: number) =>
  new ort.Tensor(
    'float32',
    Float32Array.from({ length: 2 * width }, (_, i) => sign * (1 + i / 8)),
    [2, width],
  );

/** Those values of the graph, and its output, where `x` comes in. */
async function inline(body: Graph, names: readonly string[], input: ort.Tensor) {
  const outputs = [...names.map((name) => value(name)), ...body.outputs];
  const whole = model({ ...body, inputs: [value('x', input.dims)], outputs });
  const found = await run(whole, { x: input });
  return outputs.map(({ name }) => found[name] as ort.Tensor & { data: Float32Array });
}

describe('values of bodies', function () {
  this.timeout(60_000);

  it('of a branch are what its nodes make, and empty where the other one runs', async () => {
    const model = ifModel();
    const keys = [
      bodyValue('if/then_branch', 'then.up.bias.relu'),
      bodyValue('if/else_branch', 'else.up.bias.relu'),
    ];
    for (const [sign, ran, name] of [
      [1, 0, 'then'],
      [-1, 1, 'else'],
    ] as const) {
      const { found } = await fetched(model, keys, { x: x(sign, 4) });
      const body = branch(name, 'in.bias', name === 'then' ? 12 : 6);
      const inline = {
        ...model.graph,
        nodes: [...model.graph.nodes.filter((n) => n.name.startsWith('in')), ...body.nodes],
        initializers: new Map([...model.graph.initializers, ...body.initializers]),
        outputs: [value(`${name}.up.bias.relu`)],
      };
      const want = await run({ ...model, graph: inline }, { x: x(sign, 4) });
      assert.deepEqual(found[keys[ran]!]?.data, want[`${name}.up.bias.relu`]?.data);
      assert.ok(found[keys[ran]!]!.data.length > 0);
      assert.deepEqual(found[keys[1 - ran]!]?.dims, [0]);
      const before = await run(model, { x: x(sign, 4) });
      for (const [output, { data }] of Object.entries(before)) assert.deepEqual(found[output]?.data, data);
    }
  });

  it('of a Loop are stacked turn by turn', async () => {
    const model = loopModel();
    const [state, hidden] = [bodyValue('loop/body', 'state'), bodyValue('loop/body', 'body.up.bias.relu')];
    const { found, types } = await fetched(model, [state, hidden], { x: x(1, 8) });
    assert.deepEqual(found[state]?.dims, [3, 2, 8]);
    assert.deepEqual(found[hidden]?.dims, [3, 2, 10]);
    assert.deepEqual([...found[state].data].slice(0, 16), [...x(1, 8).data]);
    assert.deepEqual([...types.keys()], [state, hidden]);
  });

  it('of a Scan are stacked along the first axis, whatever is said of its own outputs', async () => {
    const body = branch('body', 'row', 10);
    const scan = graph({
      inputs: [value('row', [8])],
      outputs: [value('body.down.bias', [8])],
      nodes: body.nodes,
      initializers: [...body.initializers.values()],
    });
    const net = new Net();
    const spec = { name: 'scan', body: scan, num_scan_inputs: 1, scan_output_axes: [1] };
    net.nodes.push(node('Scan', ['x'], ['y'], spec));
    const model = net.build({ x: [2, 8] }, 'y');
    const hidden = bodyValue('scan/body', 'body.up.bias.relu');
    const { found } = await fetched(model, [hidden], { x: x(1, 8) });
    assert.deepEqual(
      [found['y']?.dims, found[hidden]?.dims],
      [
        [8, 2],
        [2, 10],
      ],
    );
  });

  it('of a branch inside of a Loop are those of the turns that took it, in their order', async () => {
    const model = ifInLoopModel();
    const [even, odd] = ['then', 'else'].map((n) =>
      bodyValue(`loop/body/if/${n}_branch`, `${n}.up.bias.relu`),
    ) as [string, string];
    const { found } = await fetched(model, [even, odd], { x: x(1, 8) });
    let state: ort.Tensor & { data: Float32Array } = x(1, 8);
    const want: [number[], number[]] = [[], []];
    for (const turn of [0, 1, 2, 3]) {
      const name = turn % 2 === 0 ? 'then' : 'else';
      const own = await inline(branch(name, 'x', name === 'then' ? 12 : 6), [`${name}.up.bias.relu`], state);
      want[turn % 2]!.push(...own[0]!.data);
      state = own[1]!;
    }
    assert.deepEqual(
      [found[even]?.dims, found[odd]?.dims],
      [
        [2, 2, 12],
        [2, 2, 6],
      ],
    );
    assert.deepEqual([...(found[even]!.data as Float32Array)], want[0]);
    assert.deepEqual([...(found[odd]!.data as Float32Array)], want[1]);
    const before = await run(model, { x: x(1, 8) });
    for (const [output, { data }] of Object.entries(before)) assert.deepEqual(found[output]?.data, data);
  });

  it('of a branch inside of a Scan, whose outputs stay as they were', async () => {
    const model = ifInScanModel();
    const rows = new ort.Tensor(
      'float32',
      Float32Array.from({ length: 32 }, (_, i) => Math.sin(i)),
      [4, 8],
    );
    const key = bodyValue('scan/body/if/else_branch', 'else.up.bias.relu');
    const { found } = await fetched(model, [key], { x: rows });
    const want: number[] = [];
    // turns 1 and 3 see the third row and the first one
    for (const row of [2, 0]) {
      const one = new ort.Tensor('float32', rows.data.slice(8 * row, 8 * row + 8), [8]);
      const own = await inline(branch('else', 'x', 6), ['else.up.bias.relu'], one);
      want.push(...own[0]!.data);
    }
    assert.deepEqual(found[key]?.dims, [2, 6]);
    assert.deepEqual([...(found[key].data as Float32Array)], want);
    const before = await run(model, { x: rows });
    for (const [output, { data }] of Object.entries(before)) assert.deepEqual(found[output]?.data, data);
  });

  it('aside leave the nodes as they are', () => {
    const model = ifModel();
    const key = bodyValue('if/then_branch', 'then.up.bias.relu');
    const own = lifted(model, [key], { aside: true }).model.graph;
    assert.deepEqual(
      model.graph.nodes.filter((n) => !own.nodes.includes(n)),
      [],
    );
    const makers = own.nodes.filter((n) => n.outputs.includes(key));
    assert.equal(makers.length, 1);
    assert.equal(cutTo(lifted(model, [key], { aside: true }).model, ['y']).graph.nodes.length, 5);
  });

  it('are none where there is no such value', () => {
    const model = ifModel();
    const { types } = lifted(model, [bodyValue('if/then_branch', 'nothing'), 'in.bias', 'nothing']);
    assert.equal(types.size, 0);
  });
});

describe('values of bodies in real models', function () {
  this.timeout(60_000);
  const sizes = (rate: number) => ({ input: [1, rate * 0.036], state: [2, 1, 128] });
  for (const [name, shapesAt] of [
    ['silero_vad_legacy', () => ({ input: [1, 1536], h: [2, 1, 64], c: [2, 1, 64] })],
    ['silero_vad_v5', sizes],
    ['silero_vad_v6', sizes],
  ] as const)
    it(`of ${name} are those of the rate's branch, and leave its outputs as they were`, async () => {
      const model = await openModel(path.join(vad, `${name}.onnx`));
      try {
        const asked = applyRecipe(model, recipe(channels({ importance: 'activation' }))).calibrationTargets;
        const keys = [...new Set(asked.map((t) => t.tensor))];
        const ran = new Set<string>();
        for (const rate of [16000, 8000]) {
          const input = {
            ...feeds(shapesAt(rate)),
            sr: new ort.Tensor('int64', BigInt64Array.of(BigInt(rate)), []),
          };
          const { found } = await fetched(model, keys, input);
          const own = keys.filter((key) => found[key]!.data.length > 0);
          assert.equal(own.length, keys.length / 2);
          for (const key of own) ran.add(key);
          for (const [output, { data }] of Object.entries(await run(model, input)))
            assert.deepEqual(found[output]?.data, data);
        }
        assert.equal(ran.size, keys.length);
      } finally {
        await model.source.close();
      }
    });
});

describe('importance by activations inside of bodies', function () {
  this.timeout(120_000);
  const workers = new Workers();
  const folder = new TestFolder();

  /** Of the layer in the first branch, on four samples of one sign. */
  async function prunedBy<T>(
    sign: number,
    use: (pruned: Model, values: Float32Array) => Promise<T>,
  ): Promise<T> {
    const file = folder.file('if.onnx');
    await saveModel(ifModel(), file);
    const values = Float32Array.from({ length: 16 }, (_, i) => sign * (1.5 + Math.sin(i)));
    const data = await folder.write('x.npz', npz({ x: npy(values, { shape: [4, 4] }) }));
    const layers = { nodes: ['if/then_branch/then.up'] };
    const own = recipe(channels({ importance: 'activation', layers }));
    const calibration = { path: data, samples: 4, batchSize: 2 };
    const options = { runner: () => workers.shared, ep: 'cpu', dims: {} } as const;
    const model = await openModel(file);
    try {
      return await withCalibration(model, { ...own, calibration }, options, (applied) =>
        use(applied.model, values),
      );
    } finally {
      await model.source.close();
    }
  }

  it('keep the channels whose values there, times the weights that read them, are the largest', async () => {
    const kept = await prunedBy(1, async (pruned, values) => {
      const hidden = bodyValue('if/then_branch', 'then.up.bias.relu');
      const squares = new Float64Array(12);
      for (const at of [0, 8]) {
        const input = new ort.Tensor('float32', values.slice(at, at + 8), [2, 4]);
        const { found } = await fetched(ifModel(), [hidden], { x: input });
        const seen = found[hidden]!.data as Float32Array;
        assert.equal(seen.length, 24);
        seen.forEach((v, i) => (squares[i % 12]! += v * v));
      }
      const before = branch('then', 'in.bias', 12);
      const weights = (g: Graph, name: string) => floatsOf(pruned, g.initializers.get(name)!);
      const reading = await weights(before, 'then.down.w');
      const scores = squares.map(
        (sum, c) => Math.sqrt(sum) * reading.slice(8 * c, 8 * c + 8).reduce((n, w) => n + Math.abs(w), 0),
      );
      const want = [...scores.keys()]
        .sort((a, b) => scores[b]! - scores[a]!)
        .slice(0, 6)
        .sort((a, b) => a - b);
      const [own] = pruned.graph.nodes.filter((n) => n.opType === 'If').flatMap(subgraphs);
      const rows = (values: Float32Array, width: number) => [...values].slice(0, width);
      const all = rows(await weights(before, 'then.up.w'), 12);
      assert.deepEqual(
        rows(await weights(own!.graph, 'then.up.w'), 6),
        want.map((c) => all[c]),
      );
      return want;
    });
    assert.notDeepEqual(kept, [0, 1, 2, 3, 4, 5]);
  });

  it('is an error where no sample comes there', async () => {
    await assert.rejects(
      prunedBy(-1, async (pruned) => {
        for await (const chunk of modelStream(pruned)) assert.ok(chunk);
      }),
      /no sample of the calibration data reaches "if\/then_branch › then.up.bias.relu"/,
    );
  });
});

async function floatsOf(model: Model, tensor: TensorRef): Promise<Float32Array> {
  return new Float32Array(Uint8Array.from(await readTensor(model, tensor)).buffer);
}
