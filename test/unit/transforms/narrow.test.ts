/** float64 becomes float32; the model is called as before, and gives what it gave. */
import assert from 'node:assert/strict';
import * as ort from 'onnxruntime-node';
import { readTensor } from '../../../src/onnx/index.ts';
import { DataType, type Graph, type Model } from '../../../src/onnx/model.ts';
import { analyze } from '../../../src/analysis/index.ts';
import { applyRecipe, describeEdit, type CleanEdit } from '../../../src/transforms/index.ts';
import {
  bytesOf,
  graph,
  ints,
  model,
  node,
  ramp,
  reopen,
  tensor,
  value,
  type GraphSpec,
} from '../../support/model-builder.ts';
import { listing, quantize, recipe } from './edits.ts';
import { run } from './prune/zeroed.ts';

const { double, float, bool } = DataType;
const narrow: CleanEdit = { type: 'clean', unused: false, narrow: true };
const doubles = (name: string, dims: readonly number[], values: readonly number[]) =>
  tensor(name, double, dims, bytesOf(Float64Array.from(values)));

/** y = relu(x·W) · 0.5 where its sum is over 1, else x·W; nodes without names, as exporters leave them. */
function net(spec: Partial<GraphSpec> = {}): Model {
  const branch = (...nodes: Parameters<typeof node>[]): Graph =>
    graph({ outputs: [value('b', [2, 32], double)], nodes: nodes.map((n) => node(...n)) });
  return model(
    graph({
      inputs: [value('x', [2, 32], double)],
      outputs: [value('y', [2, 32], double), value('sum', [], double)],
      initializers: [doubles('W', [32, 32], ramp(1024)), doubles('one', [], [1]), doubles('half', [], [0.5])],
      nodes: [
        node('MatMul', ['x', 'W'], ['h']),
        node('ReduceSum', ['h'], ['sum'], { keepdims: 0 }),
        node('Greater', ['sum', 'one'], ['cond']),
        node('If', ['cond'], ['y'], {
          then_branch: branch(['Relu', ['h'], ['r']], ['Mul', ['r', 'half'], ['b']]),
          else_branch: branch(['Identity', ['h'], ['b']]),
        }),
      ],
      ...spec,
    }),
    { opset: 17 },
  );
}

const x = (sign: number) => ({
  x: new ort.Tensor(
    'float64',
    Float64Array.from(ramp(64), (v) => sign * v),
    [2, 32],
  ),
});

async function assertNear(before: Model, after: Model): Promise<void> {
  for (const sign of [1, -1]) {
    const [want, got] = [await run(before, x(sign)), await run(after, x(sign))];
    for (const [name, { data, type }] of Object.entries(want)) {
      assert.equal(got[name]!.type, type);
      const found = [...(got[name]!.data as Float64Array)];
      const wanted = [...(data as Float64Array)];
      const most = Math.max(...wanted.map(Math.abs));
      assert.ok(found.every((v, i) => Math.abs(v - wanted[i]!) <= 1e-5 * most));
    }
  }
}

const tensors = (m: Model, ...edits: CleanEdit[]) => applyRecipe(m, recipe(...edits)).tensors;

describe('float64 made float32', () => {
  it('halves the weights, in bodies too; inputs and outputs stay, and so does what they give', async () => {
    const before = await reopen(net());
    const done = applyRecipe(before, recipe(narrow));
    assert.deepEqual(
      done.tensors.map((t) => [t.name, t.status, t.beforeBytes, t.afterBytes]),
      [
        ['W', 'applied', 8192, 4096],
        ['one', 'applied', 8, 4],
        ['half', 'applied', 8, 4],
      ],
    );
    const after = await reopen(done.model);
    assert.deepEqual(
      [...after.graph.inputs, ...after.graph.outputs].map(({ name, type }) => [
        name,
        type?.kind === 'tensor' && type.elemType,
      ]),
      [
        ['x', double],
        ['y', double],
        ['sum', double],
      ],
    );
    assert.deepEqual(listing(after.graph), [
      'Cast(x) -> x_float32',
      'MatMul(x_float32, W) -> h',
      'ReduceSum(h) -> sum_float32',
      'Greater(sum_float32, one) -> cond',
      'If(cond) -> y_float32',
      'Cast(y_float32) -> y',
      'Cast(sum_float32) -> sum',
    ]);
    assert.equal(analyze(after).elemTypeOf('h'), float);
    await assertNear(before, after);
  });

  it('renames a sparse constant that is an output, too, past the names of other sparse ones', async () => {
    const stored = (name: string, values: readonly number[], at: readonly number[]) => ({
      values: doubles(name, [values.length], values),
      indices: { ...ints('', at), dims: [at.length] },
      dims: [2, 32],
    });
    const withOutputs = (...outputs: string[]) =>
      net({
        outputs: outputs.map((name) => value(name, [2, 32], double)),
        initializers: [doubles('W', [32, 32], ramp(1024))],
        sparseInitializers: [stored('s', [3, -4], [1, 40]), stored('s_float32', [0.5], [7])],
        nodes: [
          node('MatMul', ['x', 'W'], ['h']),
          node('Add', ['h', 's'], ['k']),
          node('Identity', ['k'], ['y']),
        ],
      });
    const before = await reopen(withOutputs('y', 's'));
    const after = await reopen(applyRecipe(before, recipe(narrow)).model);
    assert.deepEqual(
      after.graph.sparseInitializers.map((s) => [s.values.name, s.values.dataType, s.dims]),
      [
        ['s_float32_2', float, [2, 32]],
        ['s_float32', float, [2, 32]],
      ],
    );
    assert.deepEqual(listing(after.graph), [
      'Cast(x) -> x_float32',
      'MatMul(x_float32, W) -> h',
      'Add(h, s_float32_2) -> k',
      'Identity(k) -> y_float32',
      'Cast(y_float32) -> y',
      'Cast(s_float32_2) -> s',
    ]);
    // ONNX Runtime runs none whose sparse constants are outputs: without, the same gives what it gave
    const inner = await reopen(withOutputs('y'));
    await assertNear(inner, await reopen(applyRecipe(inner, recipe(narrow)).model));
  });

  it('leaves ids as they were, so that edits of the same layers go on', async () => {
    const before = await reopen(net());
    const { model: after, changes } = applyRecipe(
      before,
      recipe(narrow, quantize({ layers: { nodes: ['MatMul_0'] } })),
    );
    assert.deepEqual(
      changes.map((c) => [c.node, c.status]),
      [['MatMul_0', 'applied']],
    );
    assert.ok(after.graph.nodes.some((n) => n.opType === 'MatMulInteger'));
    const { changes: alone } = applyRecipe(before, recipe(quantize({ layers: { nodes: ['MatMul_0'] } })));
    assert.equal(alone[0]?.status, 'blocked');
  });

  it('takes Constants, Casts and fills that name the type, and is the end of them', async () => {
    const before = await reopen(
      net({
        initializers: [ints('two', [2])],
        nodes: [
          node('Constant', [], ['W'], { value: doubles('', [32, 32], ramp(1024)) }),
          node('Cast', ['x'], ['low'], { to: float }),
          node('Cast', ['low'], ['high'], { to: double }),
          node('MatMul', ['high', 'W'], ['h']),
          node('ConstantOfShape', ['two'], ['fill'], { value: doubles('', [1], [3]) }),
          node('ReduceSum', ['fill'], ['sum'], { keepdims: 0 }),
          node('Identity', ['h'], ['y']),
        ],
      }),
    );
    const done = applyRecipe(before, recipe(narrow));
    assert.deepEqual(
      done.tensors.map((t) => t.name),
      ['W', 'fill'],
    );
    await assertNear(before, await reopen(done.model));
    assert.deepEqual(tensors(done.model, narrow), []);
  });

  it('keeps what is finite finite, and what is not 0 so', async () => {
    const values = [1e300, -1e300, 1e-300, -1e-300, 0, Infinity, 0.1];
    const before = await reopen(net({ initializers: [doubles('W', [1, 7], values)], nodes: [] }));
    const { graph: g, ...after } = applyRecipe(before, recipe(narrow)).model;
    const bytes = await readTensor({ ...after, graph: g }, g.initializers.get('W')!);
    const found = [...new Float32Array(bytes.slice().buffer)];
    const [largest, smallest] = [3.4028234663852886e38, 2 ** -149];
    assert.deepEqual(found, [largest, -largest, smallest, -smallest, 0, Infinity, Math.fround(0.1)]);
  });

  it('gives an output that is a constant by a Cast', async () => {
    const before = await reopen(
      net({
        outputs: [value('W', [32, 32], double), value('x', [2, 32], double)],
        initializers: [doubles('W', [32, 32], ramp(1024))],
        nodes: [node('Identity', ['x'], ['unused'])],
      }),
    );
    await assertNear(before, await reopen(applyRecipe(before, recipe(narrow)).model));
  });

  it('is refused with the reason where it cannot be told what becomes of it', () => {
    const foreign = net({
      nodes: [
        node('Odd', ['x', 'W'], ['y'], { domain: 'my.ops' }),
        node('Cast', ['one'], ['sum'], { to: double }),
      ],
    });
    const asSequence = net();
    const sequence = { kind: 'sequence', elem: asSequence.graph.inputs[0]?.type } as const;
    const replaced = net({ inputs: [value('x', [2, 32], double), value('one', [], double)] });
    for (const [m, reason] of [
      [foreign, 'whether my.ops.Odd takes float32 is not known'],
      [
        {
          ...asSequence,
          graph: { ...asSequence.graph, inputs: [{ name: 'x', type: sequence }] },
        },
        '"x" is no tensor, and holds float64',
      ],
      [replaced, '"one" is a graph input, too, which the caller may replace'],
    ] as const) {
      const done = applyRecipe(m, recipe(narrow));
      assert.equal(done.model, m);
      assert.deepEqual([...new Set(done.tensors.map((t) => t.reason))], [reason]);
    }
  });

  it('has nothing to do where there is no float64, and says what it does', () => {
    const before = model(
      graph({ inputs: [value('b', [], bool)], outputs: [value('y')], nodes: [node('Not', ['b'], ['y'])] }),
    );
    assert.equal(applyRecipe(before, recipe(narrow)).model, before);
    assert.equal(describeEdit(narrow), 'float64 to float32');
    assert.equal(
      describeEdit({ type: 'clean', unused: true, narrow: true }),
      'remove unused initializers, float64 to float32',
    );
  });
});
