/** Fused attention in dynamic int8: QAttention, its inputs and tensors, its answer on ONNX Runtime, and what it lacks. */
import assert from 'node:assert/strict';
import * as ort from 'onnxruntime-node';
import type { EpName } from '../../../src/analysis/index.ts';
import { thisMachine } from '../../../src/machine.ts';
import { DataType, type Model } from '../../../src/onnx/model.ts';
import {
  applicability,
  applyRecipe,
  chooseForms,
  recipeWarnings,
  recommendForm,
  weightSqnr,
} from '../../../src/transforms/index.ts';
import { floats, graph, model, node, value, type NodeSpec } from '../../support/model-builder.ts';
import { initializer, listing, numbers, quantize, recipe } from './edits.ts';
import { channels, run, type Feeds } from './prune/zeroed.ts';

const [BATCH, SEQ, HIDDEN, HEADS, PAST] = [2, 3, 8, 2, 2];
const domain = 'com.microsoft';

/** Between -1 and 1, the same for the same count. */
function noise(count: number): number[] {
  let state = count;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

const W = noise(HIDDEN * 3 * HIDDEN);
const BIAS = noise(3 * HIDDEN);

interface Spec {
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
  readonly attributes?: NodeSpec;
  readonly dims?: readonly number[];
  readonly bias?: readonly number[];
}

function attention({
  inputs = ['W', 'b'],
  outputs = ['y'],
  attributes = {},
  dims,
  bias = BIAS,
}: Spec = {}): Model {
  return model(
    graph({
      inputs: [
        value('x', [BATCH, SEQ, HIDDEN]),
        ...(inputs.includes('mask') ? [value('mask', [BATCH, PAST + SEQ], DataType.int32)] : []),
        ...(inputs.includes('past') ? [value('past', [2, BATCH, HEADS, PAST, HIDDEN / HEADS])] : []),
        ...(inputs.includes('other') ? [value('other')] : []),
      ],
      outputs: outputs.map((name) => value(name)),
      initializers: [floats('W', dims ?? [HIDDEN, 3 * HIDDEN], W), floats('b', [3 * HIDDEN], bias)],
      nodes: [
        node('Attention', ['x', ...inputs], outputs, {
          domain,
          name: 'attn',
          num_heads: HEADS,
          ...attributes,
        }),
      ],
    }),
    { opset: 17, opsets: { [domain]: 1 } },
  );
}

const feeds: Feeds = { x: new ort.Tensor('float32', noise(BATCH * SEQ * HIDDEN), [BATCH, SEQ, HIDDEN]) };
const withPast: Feeds = {
  ...feeds,
  mask: new ort.Tensor('int32', [1, 0, 1, 1, 1, 1, 1, 1, 0, 1], [BATCH, PAST + SEQ]),
  past: new ort.Tensor('float32', noise(2 * BATCH * PAST * HIDDEN), [2, BATCH, HEADS, PAST, HIDDEN / HEADS]),
};

function sqnrDb(want: ort.Tensor | undefined, got: ort.Tensor | undefined): number {
  const [a, b] = [want?.data as Float32Array, got?.data as Float32Array];
  assert.equal(a.length, b.length);
  const power = (of: Float32Array) => of.reduce((sum, v) => sum + v * v, 0);
  return 10 * Math.log10(power(a) / power(a.map((v, i) => v - (b[i] ?? NaN))));
}

describe('dynamic int8 of fused attention', () => {
  it('puts DynamicQuantizeLinear and QAttention in its place, each input where it belongs', () => {
    const spec = {
      inputs: ['W', 'b', 'mask', 'past'],
      outputs: ['y', 'present'],
      attributes: { unidirectional: 1 },
    };
    const { model: m, changes } = applyRecipe(attention(spec), recipe(quantize()));
    assert.deepEqual(listing(m.graph), [
      'DynamicQuantizeLinear(x) -> x_quantized, x_scale, x_zero_point',
      'QAttention(x_quantized, W_quantized, b, x_scale, W_scale, mask, x_zero_point, W_zero_point, past) -> y, present',
    ]);
    assert.deepEqual([...m.graph.nodes[1]!.attributes.keys()], ['num_heads', 'unidirectional']);
    assert.deepEqual([...m.graph.initializers.keys()], ['b', 'W_quantized', 'W_scale', 'W_zero_point']);
    const [count, bias] = [HIDDEN * 3 * HIDDEN, 4 * 3 * HIDDEN];
    assert.deepEqual(
      changes.map((c) => [c.node, c.status, c.beforeBytes, c.afterBytes]),
      [['attn', 'applied', 4 * count + bias, count + 5 + bias]],
    );
  });

  it('has one scale per column of Q, K and V where asked, within half a step of the weights', async () => {
    const { model: m } = applyRecipe(attention(), recipe(quantize({ granularity: 'per-channel' })));
    assert.deepEqual(initializer(m, 'W_scale').dims, [3 * HIDDEN]);
    assert.deepEqual(initializer(m, 'W_zero_point').dims, [3 * HIDDEN]);
    const [q, scales] = [await numbers(m, 'W_quantized'), await numbers(m, 'W_scale')];
    assert.equal(new Set(scales).size, 3 * HIDDEN);
    W.forEach((v, at) => {
      const scale = scales[at % (3 * HIDDEN)]!;
      assert.ok(Math.abs(q[at]! * scale - v) <= 0.501 * scale, `W[${at}]`);
    });
  });

  const runs: [string, Spec, Feeds][] = [
    ['with a bias', {}, feeds],
    ['with a mask and a cache', { inputs: ['W', 'b', 'mask', 'past'], outputs: ['y', 'present'] }, withPast],
    ['with a scale of its own', { attributes: { scale: 0.9 } }, feeds],
    [
      'that says that Q, K and V are of one size',
      { attributes: { qkv_hidden_sizes: [HIDDEN, HIDDEN, HIDDEN] } },
      feeds,
    ],
  ];
  for (const granularity of ['per-tensor', 'per-channel'] as const)
    for (const weightType of ['int8', 'uint8'] as const)
      for (const [title, spec, fed] of runs) {
        it(`runs on ONNX Runtime close to float32: ${granularity} ${weightType}, ${title}`, async () => {
          const m = attention(spec);
          const applied = applyRecipe(m, recipe(quantize({ granularity, weightType })));
          assert.equal(applied.changes[0]?.status, 'applied');
          const [want, got] = [await run(m, fed), await run(applied.model, fed)];
          for (const name of spec.outputs ?? ['y']) {
            const db = sqnrDb(want[name], got[name]);
            const least = weightType === 'int8' && thisMachine().int8Overflows === true ? 9 : 25;
            assert.ok(db > least && db < 70, `${name}: ${db} dB`);
          }
        });
      }

  it('gives a node without a bias, which QAttention would refuse, one of zeros', async () => {
    const bare = attention({ inputs: ['W'] });
    const { model: m, changes } = applyRecipe(bare, recipe(quantize({ weightType: 'uint8' })));
    assert.deepEqual(await numbers(m, 'attn_bias'), new Array(3 * HIDDEN).fill(0));
    const count = HIDDEN * 3 * HIDDEN;
    assert.deepEqual(
      changes.map((c) => [c.beforeBytes, c.afterBytes]),
      [[4 * count, count + 5 + 4 * 3 * HIDDEN]],
    );
    const want = await run(attention({ bias: new Array(3 * HIDDEN).fill(0) }), feeds);
    const db = sqnrDb(want['y'], (await run(m, feeds))['y']);
    assert.ok(db > 25 && db < 70, `${db} dB`);
  });

  it('takes the heads that pruning has left', async () => {
    const { graph: g, ...rest } = attention();
    const initializers = new Map(g.initializers).set('P', floats('P', [HIDDEN, 4], noise(4 * HIDDEN)));
    const nodes = [...g.nodes, node('MatMul', ['y', 'P'], ['z'], { name: 'projection' })];
    const projected = { ...rest, graph: { ...g, initializers, nodes, outputs: [value('z')] } };
    const layers = { nodes: ['attn'] };
    const { model: pruned } = applyRecipe(projected, recipe(channels({ layers })));
    const { model: m, changes } = applyRecipe(
      projected,
      recipe(channels({ layers }), quantize({ layers, weightType: 'uint8' })),
    );
    assert.deepEqual(
      changes.filter((c) => c.node === 'attn').map((c) => c.status),
      ['applied', 'applied'],
    );
    assert.deepEqual(initializer(m, 'W_quantized').dims, [HIDDEN, (3 * HIDDEN) / 2]);
    const db = sqnrDb((await run(pruned, feeds))['z'], (await run(m, feeds))['z']);
    assert.ok(db > 25 && db < 70, `${db} dB`);
  });

  const refused: [string, Spec, RegExp][] = [
    ['a bias of the scores', { inputs: ['W', 'b', '', '', 'other'] }, /^QAttention takes no attention_bias$/],
    [
      'a cache in place',
      { inputs: ['W', 'b', '', 'past', '', 'other'] },
      /^QAttention takes no past_sequence_length$/,
    ],
    ['rotary embedding', { attributes: { do_rotary: 1 } }, /^QAttention takes no rotary embedding/],
    [
      'values of another size',
      { attributes: { qkv_hidden_sizes: [4, 4, 16] } },
      /^QAttention needs Q, K and V of one size, not 4, 4, 16$/,
    ],
    [
      'weights that are computed',
      { inputs: ['other', 'b'] },
      /^weights is not constant: "other" is a graph input$/,
    ],
    ['weights of one dim', { dims: [HIDDEN * 3 * HIDDEN] }, /^weights "W" has 1 dims, not 2$/],
  ];
  for (const [title, spec, reason] of refused) {
    it(`leaves alone ${title}`, () => {
      const verdict = applicability(attention(spec)).get('attn')!.quantize;
      assert.match(verdict.ok ? 'ok' : verdict.reason, reason);
    });
  }

  it('is not that of ai.onnx, which has no weights of its own', () => {
    const standard = model(
      graph({
        inputs: [value('q'), value('k'), value('v')],
        outputs: [value('y')],
        nodes: [node('Attention', ['q', 'k', 'v'], ['y'], { name: 'attn' })],
      }),
      { opset: 23 },
    );
    const verdict = applicability(standard).get('attn')!.quantize;
    assert.equal(verdict.ok ? 'ok' : verdict.reason, 'dynamic int8 does not apply to Attention');
  });

  it('is small on the CPU, and said to leave WebGPU before it is applied', () => {
    const machine = { int8Overflows: false };
    const said = (ep: EpName) =>
      recipeWarnings(attention(), recipe(quantize()), ep, machine).map((w) => w.message);
    assert.deepEqual(said('cpu'), []);
    assert.match(
      said('webgpu').join(),
      /^On webgpu, dynamic int8 Attention \(1 layer\) leaves the device for the CPU; no form of Attention weights stays small there: QAttention has no WebGPU kernel/,
    );
    assert.equal(recommendForm('cpu', 'Attention')?.name, 'dynamic int8');
  });

  it('is what Auto chooses on the CPU, with the ratio that the weights keep', async () => {
    const m = attention();
    const { edits, layers } = await chooseForms(m, { ep: 'cpu', layers: { all: true }, minSqnrDb: 40 });
    assert.deepEqual(
      layers.map((l) => [l.node, l.form]),
      [['attn', 'dynamic int8']],
    );
    const measured = (await weightSqnr(m, recipe(...edits))).get('attn')!.sqnrDb;
    assert.equal(measured, layers[0]?.sqnrDb);
    assert.ok(measured !== undefined && measured >= 40, `${measured} dB`);
    const webgpu = await chooseForms(m, { ep: 'webgpu', layers: { all: true }, minSqnrDb: 40 });
    assert.deepEqual(webgpu.edits, []);
  });
});
