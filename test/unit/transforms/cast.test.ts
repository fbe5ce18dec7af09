/** float16: the kernel against exact arithmetic, and where Casts stand. */
import assert from 'node:assert/strict';
import { readTensor } from '../../../src/onnx/index.ts';
import { DataType, type Model, type Value } from '../../../src/onnx/model.ts';
import type { CastEdit, Edit } from '../../../src/transforms/recipe/recipe.ts';
import { applicability, applyRecipe } from '../../../src/transforms/index.ts';
import { toBfloat16 } from '../../../src/transforms/kernels/bfloat16.ts';
import { toFloat16 } from '../../../src/transforms/kernels/float16.ts';
import { constant, floats, graph, ints, model, node, ramp, value } from '../../support/model-builder.ts';
import { cast, decode, initializer, listing, quantize, recipe } from './edits.ts';

/** All finite float16 from 0 on, as numbers, by their bits. */
const HALVES = Array.from({ length: 0x7c00 }, (_, bits) => {
  const [exponent, fraction] = [bits >> 10, bits & 0x3ff];
  return exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
});

function bitsOf(values: readonly number[]): number[] {
  return [...new Uint16Array(toFloat16({ values: Float32Array.from(values) }).buffer)];
}

describe('toFloat16', () => {
  it('keeps what float16 can say, of both signs', () => {
    assert.deepEqual(
      bitsOf(HALVES),
      HALVES.map((_, bits) => bits),
    );
    assert.deepEqual(
      bitsOf(HALVES.map((v) => -v)),
      HALVES.map((_, bits) => bits | 0x8000),
    );
  });

  it('rounds to nearest, halves to even', () => {
    const next = new Float32Array(1);
    const word = new Int32Array(next.buffer);
    const beside = (v: number, step: number): number => {
      next[0] = v;
      word[0]! += step;
      return next[0];
    };
    // from the second on: what is not 0 does not become 0
    const middles = HALVES.slice(1, -1).map((v, i) => (v + HALVES[i + 2]!) / 2);
    assert.deepEqual(
      bitsOf(middles),
      middles.map((_, i) => i + 1 + ((i + 1) % 2)),
    );
    assert.deepEqual(
      bitsOf(middles.map((v) => beside(v, -1))),
      middles.map((_, i) => i + 1),
    );
    assert.deepEqual(
      bitsOf(middles.map((v) => beside(v, 1))),
      middles.map((_, i) => i + 2),
    );
  });

  it('keeps finite what is finite, and away from 0 what is not 0', () => {
    const values = [65519, 65520, 3e38, -3e38, 1e-45, -1e-10, 2 ** -25, Infinity, -Infinity, NaN];
    const expected = [0x7bff, 0x7bff, 0x7bff, 0xfbff, 1, 0x8001, 1, 0x7c00, 0xfc00, 0x7e00];
    assert.deepEqual(bitsOf(values), expected);
    assert.deepEqual(bitsOf([]), []);
  });
});

describe('toBfloat16', () => {
  const bits = (...values: readonly number[]) => [
    ...new Uint16Array(toBfloat16({ values: Float32Array.from(values) }).buffer),
  ];

  it('rounds to nearest, halves to even', () => {
    // 1 + 2^-8 is half way between 1 and 1 + 2^-7, 1 + 3 · 2^-8 between that and 1 + 2^-6
    assert.deepEqual(
      bits(1, 1 + 2 ** -8, 1 + 2 ** -8 + 2 ** -20, 1 + 3 * 2 ** -8),
      [0x3f80, 0x3f80, 0x3f81, 0x3f82],
    );
    assert.deepEqual(bits(-1, -(1 + 3 * 2 ** -8), 0, -0), [0xbf80, 0xbf82, 0, 0x8000]);
  });

  it('keeps finite what is finite, and away from 0 what is not 0', () => {
    const values = [3.4e38, -3.4e38, 1e-45, -1e-45, Infinity, -Infinity, NaN];
    assert.deepEqual(bits(...values), [0x7f7f, 0xff7f, 1, 0x8001, 0x7f80, 0xff80, 0x7fc0]);
    assert.deepEqual(bits(), []);
  });
});

/** MatMul → Relu → TopK (stays float32) → Neg; `second` reads the Relu as well. */
function chain(): Model {
  return model(
    graph({
      inputs: [value('x', [2, 4])],
      outputs: [value('y', [2, 1])],
      initializers: [floats('W', [4, 4], ramp(16)), floats('V', [1, 1], [0.5])],
      nodes: [
        node('MatMul', ['x', 'W'], ['a'], { name: 'first' }),
        node('Relu', ['a'], ['b'], { name: 'relu' }),
        constant('k', ints('', [1])),
        node('TopK', ['b', 'k'], ['t', 'i'], { name: 'top' }),
        node('Neg', ['t'], ['n'], { name: 'neg' }),
        node('Mul', ['n', 'V'], ['y'], { name: 'scale' }),
      ],
    }),
  );
}

describe('cast to float16', () => {
  it('puts Casts only where values pass between float16 and float32', async () => {
    const { model: m, changes } = applyRecipe(chain(), recipe(cast()));
    assert.deepEqual(listing(m.graph), [
      'Cast(x) -> x_float16',
      'MatMul(x_float16, W_float16) -> a_float16',
      'Relu(a_float16) -> b_float16',
      'Cast(b_float16) -> b',
      'Constant() -> k',
      'TopK(b, k) -> t, i',
      'Cast(t) -> t_float16',
      'Neg(t_float16) -> n_float16',
      'Mul(n_float16, V_float16) -> y_float16',
      'Cast(y_float16) -> y',
    ]);
    assert.deepEqual([...m.graph.initializers.keys()], ['W_float16', 'V_float16']);
    assert.deepEqual(await decode(m, initializer(m, 'V_float16')), [0x3800]);
    assert.equal((await readTensor(m, initializer(m, 'W_float16'))).length, 32);
    assert.deepEqual(
      changes.map((c) => [c.node, c.status, c.beforeBytes, c.afterBytes]),
      [
        ['first', 'applied', 64, 32],
        ['relu', 'applied', 0, 0],
        ['neg', 'applied', 0, 0],
        ['scale', 'applied', 4, 2],
      ],
    );
    assert.deepEqual(
      [m.graph.inputs[0], m.graph.outputs[0]],
      [chain().graph.inputs[0], chain().graph.outputs[0]],
    );
  });

  it('leaves nodes alone that would only add Casts', () => {
    const { model: m, changes } = applyRecipe(chain(), recipe(cast({ layers: { nodes: ['neg'] } })));
    assert.equal(m.graph.nodes.length, 6);
    assert.match(changes[0]!.reason ?? '', /its neighbours stay float32/);
  });

  it('casts one value once for all who need it', () => {
    const shared = model(
      graph({
        inputs: [value('x', [4])],
        outputs: [value('y', [4]), value('z', [4])],
        initializers: [floats('W', [4], ramp(4))],
        nodes: [node('Mul', ['x', 'W'], ['y'], { name: 'a' }), node('Add', ['x', 'W'], ['z'], { name: 'b' })],
      }),
    );
    const { model: m } = applyRecipe(shared, recipe(cast()));
    assert.equal(listing(m.graph).filter((l) => l.startsWith('Cast(x)')).length, 1);
    assert.deepEqual([...m.graph.initializers.keys()], ['W_float16']);
  });

  it('says why a node stays float32', () => {
    const { changes } = applyRecipe(chain(), recipe(quantize(), cast()));
    const reasons = new Map(changes.filter((c) => c.edit === 1).map((c) => [c.node, c.reason]));
    assert.equal(reasons.get('first'), 'already quantized by edit 1 (dynamic-int8)');
    assert.equal(reasons.get('scale'), undefined);
    const verdicts = applicability(chain(), cast());
    assert.deepEqual(verdicts.get('top')!.cast, { ok: false, reason: 'float16 does not apply to TopK' });
    assert.deepEqual(verdicts.get('first')!.cast, { ok: true, weightBytes: 64 });
  });

  it('keeps float32 what it is told to', () => {
    const reasons = (options: Partial<CastEdit>) => {
      const { model: m, changes } = applyRecipe(chain(), recipe(cast(options)));
      const kept = changes.filter((c) => c.reason === 'it is to stay float32').map((c) => c.node);
      return [kept, listing(m.graph).filter((l) => l.startsWith('MatMul'))];
    };
    const isFloat = [['first'], ['MatMul(x, W) -> a']];
    assert.deepEqual(reasons({ keepFloat32: { glob: 'f*' } }), isFloat);
    assert.deepEqual(reasons({ keepOps: ['MatMul', 'Conv'] }), isFloat);
  });

  it('once more for other layers: no Cast between them, in either order', () => {
    const pair = (...ids: [string, string]) =>
      applyRecipe(two(), recipe(...ids.map((id) => cast({ layers: { nodes: [id] } })))).model;
    const expected = [
      'Cast(x) -> x_float16',
      'MatMul(x_float16, W_float16) -> a_float16',
      'MatMul(a_float16, V_float16) -> y_float16',
      'Cast(y_float16) -> y',
    ];
    assert.deepEqual(listing(pair('first', 'second').graph), expected);
    assert.deepEqual(listing(pair('second', 'first').graph), expected);
  });

  it('beside another form, and beside another type', () => {
    const after = (...edits: readonly Edit[]) => listing(applyRecipe(two(), recipe(...edits)).model.graph);
    const first = cast({ layers: { nodes: ['first'] } });
    const lines = after(first, quantize({ layers: { nodes: ['second'] } }));
    assert.deepEqual(lines.slice(1, 4), [
      'MatMul(x_float16, W_float16) -> a_float16',
      'Cast(a_float16) -> a',
      'DynamicQuantizeLinear(a) -> a_quantized, a_scale, a_zero_point',
    ]);
    assert.deepEqual(after(first, cast({ to: 'bfloat16', layers: { nodes: ['second'] } })), [
      'Cast(x) -> x_float16',
      'MatMul(x_float16, W_float16) -> a_float16',
      'Cast(a_float16) -> a',
      'Cast(a) -> a_bfloat16',
      'MatMul(a_bfloat16, V_bfloat16) -> y_bfloat16',
      'Cast(y_bfloat16) -> y',
    ]);
  });
});

/** x → first → a → second → y */
function two(): Model {
  return model(
    graph({
      inputs: [value('x', [2, 4])],
      outputs: [value('y', [2, 4])],
      initializers: [floats('W', [4, 4], ramp(16)), floats('V', [4, 4], ramp(16))],
      nodes: [
        node('MatMul', ['x', 'W'], ['a'], { name: 'first' }),
        node('MatMul', ['a', 'V'], ['y'], { name: 'second' }),
      ],
    }),
  );
}

describe('cast of inputs and outputs', () => {
  const types = (values: readonly Value[]) =>
    values.map(({ type }) => (type?.kind === 'tensor' ? type.elemType : undefined));

  it('gives them the type, without any Cast', () => {
    const { model: m, warnings } = applyRecipe(two(), recipe(cast({ keepIo: false })));
    assert.deepEqual(listing(m.graph), [
      'MatMul(x, W_float16) -> a_float16',
      'MatMul(a_float16, V_float16) -> y',
    ]);
    assert.deepEqual(
      [types(m.graph.inputs), types(m.graph.outputs)],
      [[DataType.float16], [DataType.float16]],
    );
    assert.deepEqual(warnings, []);
  });

  it('puts Casts behind inputs and before outputs of what stays float32', () => {
    const edit = cast({ keepIo: false, keepFloat32: { nodes: ['first'] } });
    assert.deepEqual(listing(applyRecipe(two(), recipe(edit)).model.graph), [
      'Cast(x) -> x_float32',
      'MatMul(x_float32, W) -> a',
      'Cast(a) -> a_float16',
      'MatMul(a_float16, V_float16) -> y',
    ]);
    const other = cast({ keepIo: false, keepFloat32: { nodes: ['second'] } });
    assert.deepEqual(listing(applyRecipe(two(), recipe(other)).model.graph), [
      'MatMul(x, W_float16) -> a_float16',
      'Cast(a_float16) -> a',
      'MatMul(a, V) -> y_float32',
      'Cast(y_float32) -> y',
    ]);
  });

  it('before what quantizes an input', () => {
    const edits = [cast({ keepIo: false, layers: { nodes: ['second'] } }), quantize()];
    assert.deepEqual(listing(applyRecipe(two(), recipe(...edits)).model.graph).slice(0, 2), [
      'Cast(x) -> x_float32',
      'DynamicQuantizeLinear(x_float32) -> x_quantized, x_scale, x_zero_point',
    ]);
  });

  it('renames what subgraphs capture, keeps constants and other types', () => {
    const branch = (name: string) =>
      graph({ outputs: [value(name, [2, 4])], nodes: [node('Neg', ['x'], [name])] });
    const nested = model(
      graph({
        inputs: [value('x', [2, 4]), value('c', [], DataType.bool)],
        outputs: [value('y', [2, 4]), value('W', [4, 4])],
        initializers: [floats('W', [4, 4], ramp(16))],
        nodes: [
          node('If', ['c'], ['b'], { name: 'if', then_branch: branch('t'), else_branch: branch('e') }),
          node('MatMul', ['b', 'W'], ['y'], { name: 'fc' }),
        ],
      }),
    );
    const { model: m, warnings } = applyRecipe(nested, recipe(cast({ keepIo: false, keepOps: ['If'] })));
    assert.deepEqual(listing(m.graph), [
      'Cast(x) -> x_float32',
      'If(c) -> b',
      'Cast(b) -> b_float16',
      'MatMul(b_float16, W_float16) -> y',
    ]);
    const inner = m.graph.nodes[1]!.attributes.get('then_branch');
    assert.deepEqual(inner?.kind === 'graph' ? listing(inner.value) : [], ['Neg(x_float32) -> t']);
    assert.deepEqual(types(m.graph.inputs), [DataType.float16, DataType.bool]);
    assert.deepEqual(types(m.graph.outputs), [DataType.float16, DataType.float]);
    assert.deepEqual(
      warnings.filter((w) => w.code === 'io-kept').map((w) => w.message),
      ['"W" stays float32: it is a constant'],
    );
  });
});

describe('cast to bfloat16', () => {
  it('converts weights, and raises the opset to what the operators need', async () => {
    const { model: m } = applyRecipe(two(), recipe(cast({ to: 'bfloat16' })));
    assert.equal(m.opsetImports[0]!.version, two().opsetImports[0]!.version);
    assert.equal(initializer(m, 'V_bfloat16').dataType, DataType.bfloat16);
    const [first, second] = ramp(16);
    const expected = [...new Uint32Array(Float32Array.of(first!, second!).buffer)].map((w) => w >>> 16);
    const found = (await decode(m, initializer(m, 'V_bfloat16'))).slice(0, 2);
    // ramp's values may round up by one
    found.forEach((bits, i) => assert.ok(bits === expected[i] || bits === expected[i]! + 1));
    const conv = (opset: number, other: string) =>
      model(
        graph({
          inputs: [value('x', [1, 2, 4, 4])],
          outputs: [value('y')],
          initializers: [floats('W', [2, 2, 1, 1])],
          nodes: [
            node('Conv', ['x', 'W'], ['h'], { name: 'conv' }),
            node(other, ['h'], ['y'], { name: 'n' }),
          ],
        }),
        { opset },
      );
    assert.equal(
      applyRecipe(conv(17, 'Relu'), recipe(cast({ to: 'bfloat16' }))).model.opsetImports[0]!.version,
      22,
    );
    const { changes } = applyRecipe(conv(17, 'DFT'), recipe(cast({ to: 'bfloat16' })));
    assert.equal(
      changes[0]!.reason,
      'needs opset 22, the model has 17, and DFT "n" means something else from opset 20 on',
    );
  });
});
