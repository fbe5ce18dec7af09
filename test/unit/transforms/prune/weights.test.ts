/** Pruning: exactly k elements, the same ones whatever the chunks, in place or in a copy. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readTensor, streamTensor } from '../../../../src/onnx/index.ts';
import { DataType, type TensorRef } from '../../../../src/onnx/model.ts';
import { applyRecipe } from '../../../../src/transforms/index.ts';
import { constant, floats, graph, model, node, ramp, tensor, value } from '../../../support/model-builder.ts';
import { decode, initializer, listing, numbers, prune, quantize, recipe } from '../edits.ts';

function layer(W: TensorRef, extra: { bias?: TensorRef; other?: string } = {}) {
  const tensors = extra.bias === undefined ? [W] : [W, extra.bias];
  return model(
    graph({
      inputs: [value('x')],
      outputs: [value('y')],
      initializers: tensors,
      nodes: [
        node('Gemm', ['x', 'W', ...(extra.bias === undefined ? [] : ['b'])], ['y'], { name: 'fc' }),
        ...(extra.other === undefined ? [] : [node('Neg', [extra.other], ['z'], { name: 'neg' })]),
      ],
    }),
  );
}

describe('magnitude pruning', () => {
  it('zeroes the smallest magnitudes, the lower index first among equals', async () => {
    const m = layer(floats('W', [2, 4], [3, -1, 2, 1, -2, 0.5, -4, 1]));
    const { model: p } = applyRecipe(m, recipe(prune({ ratio: 0.5 })));
    // 0.5, then three of the magnitude 1 at indices 1, 3, 7: four in all
    assert.deepEqual(await numbers(p, 'W'), [3, 0, 2, 0, -2, 0, -4, 0]);
    const fewer = applyRecipe(m, recipe(prune({ ratio: 0.25 }))).model; // 2 of 8: 0.5 and the first of the ones
    assert.deepEqual(await numbers(fewer, 'W'), [3, 0, 2, 1, -2, 0, -4, 1]);
  });

  it('counts elements, not rows: round(ratio · n)', async () => {
    for (const [ratio, zeros] of [
      [0, 0],
      [0.1, 2], // 1.5
      [0.5, 8], // 7.5
      [1, 15],
    ] as const) {
      const { model: p } = applyRecipe(layer(floats('W', [3, 5], ramp(15))), recipe(prune({ ratio })));
      const found = (await numbers(p, 'W')).filter((v) => v === 0).length;
      const before = ramp(15).filter((v) => v === 0).length;
      assert.equal(found, Math.max(zeros, before), `ratio ${ratio}`);
    }
  });

  it('is the same as sorting, for any values and ratio', async () => {
    const values = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), {
      minLength: 1,
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(values, fc.double({ min: 0, max: 1, noNaN: true }), async (list, ratio) => {
        const m = layer(floats('W', [1, list.length], list));
        const order = list
          .map((v, i) => [Math.abs(v), i] as const)
          .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
        const expected = [...list];
        for (const [, i] of order.slice(0, Math.round(ratio * list.length))) expected[i] = 0;
        const found = await numbers(applyRecipe(m, recipe(prune({ ratio }))).model, 'W');
        assert.deepEqual(found.map(Math.fround), expected.map(Math.fround));
      }),
      { numRuns: 200 },
    );
  });

  it('prunes float16 by its own bits', async () => {
    // 1, -2, 0.5, 4
    const bits = new Uint8Array(Uint16Array.from([0x3c00, 0xc000, 0x3800, 0x4400]).buffer);
    const { model: p } = applyRecipe(layer(tensor('W', DataType.float16, [2, 2], bits)), recipe(prune()));
    assert.deepEqual(await numbers(p, 'W'), [0, 0xc000, 0, 0x4400]);
  });

  it('prunes the bias, too, where asked', async () => {
    const m = layer(floats('W', [1, 4], [1, 2, 3, 4]), { bias: floats('b', [4], [4, 3, 2, 1]) });
    const without = applyRecipe(m, recipe(prune())).model;
    assert.deepEqual(await numbers(without, 'b'), [4, 3, 2, 1]);
    const { model: p, changes } = applyRecipe(m, recipe(prune({ bias: true })));
    assert.deepEqual(await numbers(p, 'b'), [4, 3, 0, 0]);
    assert.deepEqual([changes[0]!.beforeBytes, changes[0]!.afterBytes], [32, 32]);
  });

  it('finds the bias of a MatMul in the Add behind it', async () => {
    const m = model(
      graph({
        inputs: [value('x')],
        outputs: [value('y')],
        initializers: [floats('W', [2, 2], ramp(4)), floats('b', [2], [1, 2])],
        nodes: [
          node('MatMul', ['x', 'W'], ['m'], { name: 'mm' }),
          node('Add', ['b', 'm'], ['y'], { name: 'add' }),
        ],
      }),
    );
    const { model: p } = applyRecipe(m, recipe(prune({ bias: true })));
    assert.deepEqual(await numbers(p, 'b'), [0, 2]);
  });
});

describe('random pruning', () => {
  const m = layer(
    floats(
      'W',
      [100, 100],
      Array.from({ length: 10_000 }, () => 1),
    ),
  );
  const zeros = async (seed: number, ratio = 0.3) => {
    const { model: p } = applyRecipe(m, recipe(prune({ method: 'random', ratio, seed })));
    return (await numbers(p, 'W')).flatMap((v, i) => (v === 0 ? [i] : []));
  };

  it('takes exactly the share, the same elements for the same seed and others for another', async () => {
    const [a, b, c] = [await zeros(7), await zeros(7), await zeros(8)];
    assert.equal(a.length, 3000);
    assert.deepEqual(a, b);
    assert.equal(c.length, 3000);
    // two independent choices of 30 % share 9 % of all: 900, standard deviation about 21
    const both = c.filter((i) => new Set(a).has(i)).length;
    assert.ok(both > 780 && both < 1020, `${both} in common`);
  });

  it('is spread evenly', async () => {
    const perQuarter = [0, 0, 0, 0];
    for (const i of await zeros(1, 0.5)) perQuarter[Math.floor(i / 2500)]! += 1;
    for (const n of perQuarter) assert.ok(Math.abs(n - 1250) < 120, String(perQuarter));
  });
});

describe('a pruned weight in the graph', () => {
  it('keeps its name where only pruned layers use it, in a Constant as well', async () => {
    const m = model(
      graph({
        inputs: [value('x')],
        outputs: [value('y')],
        nodes: [
          constant('W', floats('', [1, 4], [1, 2, 3, 4])),
          node('MatMul', ['x', 'W'], ['y'], { name: 'mm' }),
        ],
      }),
    );
    const { model: p } = applyRecipe(m, recipe(prune()));
    const a = p.graph.nodes[0]!.attributes.get('value');
    assert.ok(a?.kind === 'tensor');
    assert.deepEqual(await decode(p, a.value), [0, 0, 3, 4]);
    assert.equal(p.graph.nodes[1], m.graph.nodes[1]);
  });

  it('is a copy where something else uses the weight', async () => {
    const m = layer(floats('W', [1, 4], [1, 2, 3, 4]), { other: 'W' });
    const { model: p, warnings } = applyRecipe(m, recipe(prune()));
    assert.equal(listing(p.graph)[0], 'Gemm(x, W_pruned) -> y');
    assert.deepEqual(await numbers(p, 'W'), [1, 2, 3, 4]);
    assert.deepEqual(await numbers(p, 'W_pruned'), [0, 0, 3, 4]);
    assert.deepEqual(
      warnings.map((w) => w.code),
      ['shared-weight-copied', 'no-dense-saving'],
    );
  });

  it('can be quantized afterwards, in one recipe', async () => {
    const m = layer(floats('W', [1, 4], [1, 2, 3, 4]));
    const { model: p, changes } = applyRecipe(m, recipe(prune(), quantize()));
    assert.deepEqual(await numbers(p, 'W_quantized'), [0, 0, 95, 127]); // 3 · 127 / 4 = 95.25
    assert.deepEqual(
      changes.map((c) => c.status),
      ['applied', 'applied'],
    );
  });

  it('cannot be pruned once it is quantized, nor quantized twice', () => {
    const m = layer(floats('W', [1, 4], [1, 2, 3, 4]));
    const { changes } = applyRecipe(m, recipe(quantize(), prune(), quantize()));
    assert.deepEqual(
      changes.map((c) => c.reason),
      [
        undefined,
        'already quantized by edit 1 (dynamic-int8): prune first, then quantize',
        'already quantized by edit 1 (dynamic-int8)',
      ],
    );
  });
});

describe('weights that cannot be read', () => {
  for (const [title, edit] of [
    ['quantizing', quantize()],
    ['pruning', prune()],
  ] as const) {
    it(`${title} NaN or an infinity fails with the tensor, the element and the node`, async () => {
      for (const bad of [NaN, Infinity, -Infinity]) {
        const m = layer(floats('W', [2, 2], [1, 2, bad, 4]));
        const { model: changed } = applyRecipe(m, recipe(edit));
        const name = edit.type === 'prune' ? 'W' : 'W_quantized';
        await assert.rejects(readTensor(changed, initializer(changed, name)), {
          name: 'OnnxError',
          kind: 'unsupported',
          message: /tensor "W" holds NaN or an infinity at element 2;.*node fc/,
        });
      }
    });

    it(`${title} data that are cut short fails with the tensor and the node`, async () => {
      const m = layer({ ...floats('W', [2, 2], [1, 2, 3, 4]), dims: [2, 3] });
      const { model: changed } = applyRecipe(m, recipe(edit));
      const name = edit.type === 'prune' ? 'W' : 'W_quantized';
      await assert.rejects(readTensor(changed, initializer(changed, name)), /tensor "W".*node fc/);
    });
  }

  it('can be read again after a failure', async () => {
    let fails = true;
    const bytes = new Uint8Array(Float32Array.from([1, 2]).buffer);
    const W: TensorRef = {
      name: 'W',
      dataType: DataType.float,
      dims: [1, 2],
      location: {
        kind: 'computed',
        byteLength: 8,
        produce: async function* () {
          await Promise.resolve();
          if (fails) throw new Error('disk');
          yield bytes;
        },
      },
    };
    const { model: changed } = applyRecipe(layer(W), recipe(quantize()));
    await assert.rejects(readTensor(changed, initializer(changed, 'W_quantized')), /disk/);
    fails = false;
    assert.deepEqual(await numbers(changed, 'W_quantized'), [64, 127]); // 63.5 → 64 (even)
  });
});

it('a stream of a changed weight comes in pieces, not as a whole', async () => {
  const n = 2 ** 20 + 3; // 4 MiB and a bit
  const W = floats('W', [1, n], []);
  const whole = { ...W, location: { kind: 'inline', bytes: new Uint8Array(4 * n) } } as const;
  const { model: changed } = applyRecipe(layer(whole), recipe(quantize()));
  const sizes: number[] = [];
  for await (const piece of streamTensor(changed, initializer(changed, 'W_quantized'), {
    chunkBytes: 2 ** 18,
  })) {
    sizes.push(piece.length);
  }
  assert.ok(Math.max(...sizes) <= 2 ** 19, String(sizes));
  assert.equal(
    sizes.reduce((a, b) => a + b, 0),
    n,
  );
});
