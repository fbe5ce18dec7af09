/** float16: the kernel against exact arithmetic, and where Casts stand. */
import assert from 'node:assert/strict';
import { readTensor } from '../../../src/onnx/index.ts';
import type { Model } from '../../../src/onnx/model.ts';
import { applicability, applyRecipe } from '../../../src/transforms/index.ts';
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

  it("keeps Resize's scales float32", () => {
    const resize = model(
      graph({
        inputs: [value('x', [1, 1, 2, 2])],
        outputs: [value('y', [1, 1, 4, 4])],
        initializers: [floats('W', [1, 1, 1, 1], [2]), floats('scales', [4], [1, 1, 2, 2])],
        nodes: [
          node('Conv', ['x', 'W'], ['c'], { name: 'conv' }),
          node('Resize', ['c', '', 'scales'], ['y'], { name: 'resize' }),
        ],
      }),
    );
    const { model: m } = applyRecipe(resize, recipe(cast()));
    assert.ok(listing(m.graph).includes('Resize(c_float16, , scales) -> y_float16'));
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
});
