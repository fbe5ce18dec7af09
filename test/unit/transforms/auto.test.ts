/** Forms chosen by EP and error, and the error that each form makes. */
import assert from 'node:assert/strict';
import type { Model } from '../../../src/onnx/model.ts';
import {
  applyRecipe,
  chooseForms,
  parseRecipe,
  serializeRecipe,
  weightSqnr,
  type Edit,
} from '../../../src/transforms/index.ts';
import { floats, graph, model, node, value } from '../../support/model-builder.ts';
import { blocks, cast, numbers, prune, quantize, recipe } from './edits.ts';
import { calibrationOf, staticEdit } from './static/support.ts';

/** About normal, the same each time; one outlier per row where asked. */
function normal(rows: number, columns: number, outlier = 0): number[] {
  let state = 1;
  const uniform = () => (state = (state * 48271) % 2147483647) / 2147483647;
  return Array.from({ length: rows * columns }, (_, i) =>
    i % columns === 3 && outlier > 0 ? outlier : uniform() + uniform() + uniform() + uniform() - 2,
  );
}

const W = normal(64, 32);

/** x [n, 64] → fc [64, 32], with outliers in one channel → out [32, 16]; conv beside them. */
function layers(): Model {
  return model(
    graph({
      inputs: [value('x', ['n', 64]), value('image', [1, 2, 8, 8])],
      outputs: [value('y'), value('z')],
      initializers: [
        floats('W', [64, 32], W),
        floats('V', [32, 16], normal(32, 16, 400)),
        floats('K', [4, 2, 3, 3], normal(8, 9)),
      ],
      nodes: [
        node('MatMul', ['x', 'W'], ['h'], { name: 'fc' }),
        node('Gemm', ['h', 'V'], ['y'], { name: 'out' }),
        node('Conv', ['image', 'K'], ['z'], { name: 'conv' }),
      ],
    }),
  );
}

const sqnr = (values: readonly number[], made: readonly number[]): number => {
  const [signal, noise] = values.reduce<[number, number]>(
    ([s, n], v, i) => [s + v * v, n + (v - made[i]!) ** 2] as [number, number],
    [0, 0],
  );
  return 10 * Math.log10(signal / noise);
};

/** The number that 16 bits of a normal float16, or of 0, stand for. */
const half = (bits: number): number => {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
};

const close = (found: number | undefined, expected: number) =>
  assert.ok(Math.abs(found! - expected) < 1e-4, `${found} dB, expected ${expected}`);

describe('weightSqnr', () => {
  for (const granularity of ['per-tensor', 'per-channel'] as const) {
    it(`is that of the integers written: dynamic int8, ${granularity}`, async () => {
      const r = recipe(quantize({ granularity }));
      const found = await weightSqnr(layers(), r);
      const m = applyRecipe(layers(), r).model;
      const [q, scales] = [await numbers(m, 'W_quantized'), await numbers(m, 'W_scale')];
      const made = q.map((v, i) => v * scales[scales.length === 1 ? 0 : i % 32]!);
      close(found.get('fc')?.sqnrDb, sqnr(W.map(Math.fround), made));
      assert.deepEqual([...found.keys()], ['fc', 'out', 'conv']);
    });
  }

  for (const bits of [2, 4, 8] as const) {
    it(`is that of the integers written: ${bits}-bit blocks`, async () => {
      const r = recipe(blocks({ bits, layers: { nodes: ['fc'] }, isSymmetric: true }));
      const found = await weightSqnr(layers(), r);
      const m = applyRecipe(layers(), r).model;
      const [packed, scales] = [await numbers(m, `W_Q${bits}`), await numbers(m, 'W_scales')];
      const made = W.map((_, i) => {
        const [k, n] = [Math.floor(i / 32), i % 32];
        const bit = (n * 64 + k) * bits;
        const q = (packed[bit >> 3]! >> (bit & 7)) & (2 ** bits - 1);
        return (q - 2 ** (bits - 1)) * scales[n * 4 + Math.floor(k / 16)]!;
      });
      close(found.get('fc')?.sqnrDb, sqnr(W.map(Math.fround), made));
    });
  }

  for (const to of ['float16', 'bfloat16'] as const) {
    it(`is that of the floats written: ${to}, weights and biases together`, async () => {
      const r = recipe(cast({ to, layers: { nodes: ['fc', 'bias'] } }));
      const B = [...normal(1, 32), 0, Infinity].slice(2);
      const m = model(
        graph({
          inputs: [value('x', ['n', 64])],
          outputs: [value('y')],
          initializers: [floats('W', [64, 32], W), floats('B', [32], B)],
          nodes: [
            node('MatMul', ['x', 'W'], ['h'], { name: 'fc' }),
            node('Add', ['h', 'B'], ['y'], { name: 'bias' }),
          ],
        }),
      );
      const found = await weightSqnr(m, r);
      const made = (await numbers(applyRecipe(m, r).model, `W_${to}`)).map((bits) =>
        to === 'bfloat16' ? new Float32Array(Uint32Array.of(bits << 16).buffer)[0]! : half(bits),
      );
      close(found.get('fc')?.sqnrDb, sqnr(W.map(Math.fround), made));
      // an infinity stays one: it adds nothing to either sum
      const rest = found.get('bias')?.sqnrDb ?? NaN;
      assert.ok(rest > 40 && rest < 90, `${rest} dB`);
    });
  }

  for (const granularity of ['per-tensor', 'per-channel'] as const) {
    it(`is that of the integers written: both weights of an LSTM, ${granularity}`, async () => {
      const [hidden, inputs] = [8, 6];
      const [w, u] = [normal(4 * hidden, inputs), normal(4 * hidden, hidden, 3)];
      const m = model(
        graph({
          inputs: [value('x', [5, 1, inputs])],
          outputs: [value('y')],
          initializers: [floats('W', [1, 4 * hidden, inputs], w), floats('R', [1, 4 * hidden, hidden], u)],
          nodes: [node('LSTM', ['x', 'W', 'R'], ['y'], { name: 'lstm', hidden_size: hidden })],
        }),
      );
      const r = recipe(quantize({ granularity }));
      const changed = applyRecipe(m, r).model;
      const back = async (name: string, columns: number) => {
        const [q, s] = [await numbers(changed, `${name}_quantized`), await numbers(changed, `${name}_scale`)];
        // written turned: [inputs, 4 · hidden]
        return Array.from({ length: q.length }, (_, i) => {
          const [row, column] = [Math.floor(i / columns), i % columns];
          return q[column * 4 * hidden + row]! * s[s.length === 1 ? 0 : row]!;
        });
      };
      const made = [...(await back('W', inputs)), ...(await back('R', hidden))];
      close((await weightSqnr(m, r)).get('lstm')?.sqnrDb, sqnr([...w, ...u].map(Math.fround), made));
    });

    it(`is that of the integers written: static int8, ${granularity}`, async () => {
      const r = recipe(staticEdit({ granularity, layers: { nodes: ['fc'] } }));
      const calibration = calibrationOf({ x: [-1, 1], h: [-9, 9] });
      const m = applyRecipe(layers(), r, { calibration }).model;
      const [q, scales] = [await numbers(m, 'W_quantized'), await numbers(m, 'W_scale')];
      const made = q.map((v, i) => v * scales[scales.length === 1 ? 0 : i % 32]!);
      // without any calibration: weights alone tell it
      close((await weightSqnr(layers(), r)).get('fc')?.sqnrDb, sqnr(W.map(Math.fround), made));
    });
  }

  it('leaves out what is blocked, and tells how far it is', async () => {
    const steps: [number, number][] = [];
    const edits: Edit[] = [prune({ layers: { nodes: ['conv'] } }), blocks()];
    const found = await weightSqnr(layers(), recipe(...edits), {
      onProgress: (done, total) => steps.push([done, total]),
    });
    // blocks are not for a Conv: it stays pruned
    assert.deepEqual([...found.keys()], ['fc', 'out', 'conv']);
    // 64 · 32, 32 · 16 and 8 · 9 float32
    assert.deepEqual(steps, [
      [8192, 10528],
      [10240, 10528],
      [10528, 10528],
    ]);
  });

  it('can be stopped', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await assert.rejects(weightSqnr(layers(), recipe(blocks()), { signal }), /enough/);
  });
});

describe('chooseForms', () => {
  const choose = (ep: 'cpu' | 'webgpu', minSqnrDb: number) =>
    chooseForms(layers(), { ep, minSqnrDb, layers: { all: true } });

  it('takes fewer bits where the bound allows it, more where it does not', async () => {
    const forms = async (minSqnrDb: number) =>
      (await choose('webgpu', minSqnrDb)).layers.map(({ form }) => form);
    assert.deepEqual(await forms(0), ['2-bit blocks', '2-bit blocks', undefined]);
    assert.deepEqual((await forms(18))[0], '4-bit blocks');
    assert.deepEqual((await forms(40))[0], '8-bit blocks');
  });

  it('keeps the bound, and says why a layer stays as it is', async () => {
    const { layers: found } = await choose('webgpu', 35);
    for (const { form, sqnrDb } of found) if (form !== undefined) assert.ok(sqnrDb! >= 35);
    const conv = found.find((l) => l.node === 'conv');
    assert.match(conv?.reason ?? '', /^no form of it stays small on webgpu$/);
    const { layers: none, edits } = await choose('webgpu', 200);
    assert.match(none[0]?.reason ?? '', /^8-bit blocks keep \d+\.\d dB of 200 dB at best$/);
    assert.deepEqual(edits, []);
  });

  it('gives plain edits that replay, with the bytes they were chosen for', async () => {
    const { edits, layers: found } = await choose('cpu', 30);
    const text = serializeRecipe(recipe(...edits));
    const { changes } = applyRecipe(layers(), parseRecipe(text));
    const bytes = new Map(changes.map((c) => [c.node, c.afterBytes]));
    for (const { node: id, afterBytes, form } of found)
      if (form !== undefined) assert.equal(bytes.get(id), afterBytes);
    assert.ok(changes.every((c) => c.status === 'applied'));
    // a Conv on the CPU stays small in dynamic int8 only
    assert.equal(found.find((l) => l.node === 'conv')?.form, 'dynamic int8');
  });

  it('can be stopped', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    const options = { ep: 'cpu', minSqnrDb: 30, layers: { all: true }, signal } as const;
    await assert.rejects(chooseForms(layers(), options), /enough/);
  });
});
