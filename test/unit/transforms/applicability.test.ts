/** What can be done to a node, and the reasons where nothing can. */
import assert from 'node:assert/strict';
import { DataType, type Model } from '../../../src/onnx/model.ts';
import { applicability, applyRecipe } from '../../../src/transforms/index.ts';
import {
  constant,
  float,
  floats,
  graph,
  model,
  node,
  ramp,
  tensor,
  value,
} from '../../support/model-builder.ts';
import { listing, numbers, prune, quantize, recipe } from './edits.ts';

const W = floats('W', [2, 2], ramp(4));

function one(options: {
  op?: string;
  inputs?: readonly string[];
  before?: readonly Parameters<typeof node>[];
  initializers?: readonly (typeof W)[];
  extraInputs?: readonly string[];
  opset?: number;
  irVersion?: number;
}): Model {
  const main = node(options.op ?? 'MatMul', options.inputs ?? ['x', 'W'], ['y'], { name: 'n' });
  return model(
    graph({
      inputs: [value('x'), ...(options.extraInputs ?? []).map((n) => value(n))],
      outputs: [value('y')],
      initializers: options.initializers ?? [W],
      nodes: [...(options.before ?? []).map((args) => node(...args)), main],
    }),
    options,
  );
}

const half = tensor('W', DataType.float16, [2, 2], new Uint8Array(8));
const bytes = tensor('W', DataType.int8, [2, 2], new Uint8Array(4));

const cases: { title: string; model: Model; quantize: RegExp | true; prune: RegExp | true }[] = [
  { title: 'a constant B', model: one({}), quantize: true, prune: true },
  {
    title: 'B from another node',
    model: one({ before: [['Neg', ['x'], ['W'], { name: 'neg' }]], initializers: [] }),
    quantize: /^B is not constant: Neg "neg" computes it$/,
    prune: /^B is not constant/,
  },
  {
    title: 'B as graph input',
    model: one({ initializers: [], extraInputs: ['W'] }),
    quantize: /"W" is a graph input/,
    prune: /graph input/,
  },
  {
    title: 'an initializer that is a graph input, too',
    model: one({ extraInputs: ['W'] }),
    quantize: /B "W" is also a graph input \(overridable\)/,
    prune: /overridable/,
  },
  {
    title: 'the same under IR version 3, where it cannot be overridden',
    model: one({ extraInputs: ['W'], irVersion: 3 }),
    quantize: true,
    prune: true,
  },
  {
    title: 'a float16 weight',
    model: one({ initializers: [half] }),
    quantize: /is float16, not float32/,
    prune: true,
  },
  {
    title: 'an int8 weight',
    model: one({ initializers: [bytes], op: 'MatMulInteger' }),
    quantize: /^already quantized: MatMulInteger$/,
    prune: /^already quantized/,
  },
  {
    title: 'a weight behind DequantizeLinear',
    model: one({
      initializers: [bytes, floats('s', [], [1])].map((t, i) => (i === 0 ? { ...t, name: 'Q' } : t)),
      before: [['DequantizeLinear', ['Q', 's'], ['W'], { name: 'dq' }]],
    }),
    quantize: /^already quantized: B comes from DequantizeLinear "dq"$/,
    prune: /^already quantized/,
  },
  {
    title: 'a weight without elements',
    model: one({ initializers: [floats('W', [2, 0], [])] }),
    quantize: /B "W" has no elements/,
    prune: /B "W" has no elements/,
  },
  {
    title: 'two constants',
    model: one({ inputs: ['W', 'W'] }),
    quantize: /both inputs are constant/,
    prune: true,
  },
  {
    title: 'an operator without weights',
    model: one({ op: 'Add' }),
    quantize: /does not apply to Add/,
    prune: /pruning does not apply to Add/,
  },
  {
    title: 'a GRU',
    model: one({ op: 'GRU', inputs: ['x', 'W', 'W'] }),
    quantize: /does not apply to GRU/,
    prune: true,
  },
  { title: 'opset 6', model: one({ opset: 6 }), quantize: /needs opset 11, the model has 6/, prune: true },
  {
    title: 'opset 9 with operators that stay the same',
    model: one({ opset: 9 }),
    quantize: true,
    prune: true,
  },
  {
    title: 'opset 9 with an Upsample',
    model: one({ opset: 9, before: [['Upsample', ['x'], ['u'], { name: 'up' }]] }),
    quantize: /Upsample "up" means something else from opset 10 on/,
    prune: true,
  },
];

describe('applicability', () => {
  for (const c of cases) {
    it(`of ${c.title}`, () => {
      const found = applicability(c.model).get('n');
      for (const kind of ['quantize', 'prune'] as const) {
        const verdict = found![kind];
        const expected = c[kind];
        if (expected === true)
          assert.deepEqual(verdict, { ok: true, weightBytes: verdict.ok ? verdict.weightBytes : 0 });
        else assert.match(verdict.ok ? 'ok' : verdict.reason, expected);
      }
    });
  }

  it('tells layers from operators that never have weights', () => {
    const m = one({ before: [['Relu', ['x'], ['r'], { name: 'relu' }]], inputs: ['r', 'W'] });
    const found = applicability(m);
    assert.deepEqual(
      [...found].map(([id, a]) => [id, a.isLayer]),
      [
        ['relu', false],
        ['n', true],
      ],
    );
  });
});

describe('a recipe that cannot be applied', () => {
  it('leaves the model the very object it was, and says why', () => {
    const m = one({ extraInputs: ['W'] });
    const edit = quantize({ layers: { nodes: ['n', 'nowhere'] } });
    const { model: same, changes } = applyRecipe(m, recipe(edit));
    assert.equal(same, m);
    assert.deepEqual(
      changes.map((c) => [c.node, c.status, c.beforeBytes, c.afterBytes]),
      [
        ['n', 'blocked', 16, 16],
        ['nowhere', 'blocked', 0, 0],
      ],
    );
    assert.equal(changes[1]!.reason, 'the model has no node of that id');
  });

  it('warns where a glob selects nothing, and not where it selects a layer', () => {
    const codes = (glob: string) =>
      applyRecipe(one({}), recipe(quantize({ layers: { glob } }))).warnings.map((w) => w.code);
    assert.deepEqual(codes('/encoder/**'), ['no-layer-selected']);
    assert.deepEqual(codes('n*'), []);
  });
});

describe('the opset', () => {
  it('becomes 11, with attributes that moved to inputs rewritten', async () => {
    const m = model(
      graph({
        inputs: [value('x')],
        outputs: [value('y')],
        initializers: [W],
        nodes: [
          node('Clip', ['x'], ['c'], { name: 'clip', max: float(6) }),
          node('Slice', ['c'], ['s'], {
            name: 'slice',
            starts: [0],
            ends: [2],
            axes: [1],
          }),
          node('Pad', ['s'], ['p'], { name: 'pad', pads: [0, 0, 0, 1] }),
          node('BatchNormalization', ['p'], ['b'], { name: 'bn', spatial: 1 }),
          node('MatMul', ['b', 'W'], ['y'], { name: 'n' }),
        ],
      }),
      { opset: 8 },
    );
    const { model: raised, warnings } = applyRecipe(m, recipe(quantize()));
    assert.deepEqual(raised.opsetImports, [{ domain: '', version: 11 }]);
    assert.deepEqual(listing(raised.graph).slice(0, 4), [
      'Clip(x, , clip_max) -> c',
      'Slice(c, slice_starts, slice_ends, slice_axes) -> s',
      'Pad(s, pad_pads) -> p',
      'BatchNormalization(p) -> b',
    ]);
    assert.deepEqual(
      raised.graph.nodes.slice(0, 4).map((n) => n.attributes.size),
      [0, 0, 0, 0],
    );
    assert.deepEqual(await numbers(raised, 'clip_max'), [6]);
    assert.deepEqual(await numbers(raised, 'slice_ends'), [2]);
    assert.deepEqual(await numbers(raised, 'pad_pads'), [0, 0, 0, 1]);
    assert.deepEqual(
      warnings.map((w) => w.code),
      ['opset-raised'],
    );
  });

  it('stays where pruning alone does not need it', () => {
    const { model: m, warnings } = applyRecipe(one({ opset: 9 }), recipe(prune()));
    assert.deepEqual(m.opsetImports, [{ domain: '', version: 9 }]);
    assert.deepEqual(
      warnings.map((w) => w.code),
      ['no-dense-saving'],
    );
  });
});

describe('IR version 3', () => {
  it('becomes 4, and initializers leave the graph inputs', () => {
    const { model: m, warnings } = applyRecipe(one({ extraInputs: ['W'], irVersion: 3 }), recipe(quantize()));
    assert.equal(m.irVersion, 4);
    assert.deepEqual(
      m.graph.inputs.map((i) => i.name),
      ['x'],
    );
    assert.ok(warnings.some((w) => w.code === 'ir-version-raised'));
  });
});

describe('metadata', () => {
  it('records the recipe and keeps an earlier one', () => {
    const first = applyRecipe(one({}), recipe(prune())).model;
    assert.deepEqual(
      first.metadata.map((e) => e.key),
      ['vram_lens.recipe'],
    );
    const second = applyRecipe(first, recipe(quantize())).model;
    assert.deepEqual(
      second.metadata.map((e) => [
        e.key,
        (JSON.parse(e.value) as { edits: { type: string }[] }).edits[0]!.type,
      ]),
      [
        ['vram_lens.recipe.1', 'prune'],
        ['vram_lens.recipe', 'quantize'],
      ],
    );
  });
});

it('a weight in a Constant is as good as an initializer', () => {
  const m = model(
    graph({
      inputs: [value('x')],
      nodes: [constant('W', W), node('MatMul', ['x', 'W'], ['y'], { name: 'n' })],
    }),
  );
  assert.equal(applicability(m).get('n')!.quantize.ok, true);
});
