/** LSTM in dynamic int8: matrices turned, one scale per direction or per gate. */
import assert from 'node:assert/strict';
import type { Model } from '../../../src/onnx/model.ts';
import { applicability, applyRecipe } from '../../../src/transforms/index.ts';
import { floats, graph, model, node, ramp, value } from '../../support/model-builder.ts';
import { initializer, listing, numbers, quantize, recipe } from './edits.ts';

const [D, H, I] = [2, 3, 5];
const W = ramp(D * 4 * H * I);
const R = ramp(D * 4 * H * H).reverse();

function lstm(attributes: { layout?: number } = {}, dims = [D, 4 * H, I]): Model {
  return model(
    graph({
      inputs: [value('x', ['s', 'b', I])],
      outputs: [value('y')],
      initializers: [
        floats('W', dims, W),
        floats('R', [D, 4 * H, H], R),
        floats('B', [D, 8 * H], ramp(D * 8 * H)),
      ],
      nodes: [node('LSTM', ['x', 'W', 'R', 'B'], ['y'], { name: 'lstm', hidden_size: H, ...attributes })],
    }),
  );
}

describe('dynamic int8 of an LSTM', () => {
  for (const granularity of ['per-tensor', 'per-channel'] as const) {
    it(`is within half a step of the weights, ${granularity}`, async () => {
      const { model: m, changes } = applyRecipe(lstm(), recipe(quantize({ granularity })));
      assert.deepEqual(listing(m.graph), [
        'DynamicQuantizeLSTM(x, W_quantized, R_quantized, B, , , , , W_scale, W_zero_point, R_scale, R_zero_point) -> y',
      ]);
      const perChannel = granularity === 'per-channel';
      for (const [name, values, columns] of [
        ['W', W, I],
        ['R', R, H],
      ] as const) {
        assert.deepEqual(initializer(m, `${name}_quantized`).dims, [D, columns, 4 * H]);
        const scaleDims = perChannel ? [D, 4 * H] : [D];
        assert.deepEqual(initializer(m, `${name}_scale`).dims, scaleDims);
        assert.deepEqual(initializer(m, `${name}_zero_point`).dims, scaleDims);
        const [q, scales] = [await numbers(m, `${name}_quantized`), await numbers(m, `${name}_scale`)];
        values.forEach((v, at) => {
          const [d, gate, i] = [
            Math.floor(at / (4 * H * columns)),
            Math.floor(at / columns) % (4 * H),
            at % columns,
          ];
          const scale = scales[perChannel ? d * 4 * H + gate : d]!;
          const found = q[(d * columns + i) * 4 * H + gate]! * scale;
          assert.ok(Math.abs(found - v) <= 0.501 * scale, `${name}[${at}]: ${found} for ${v}`);
        });
      }
      const scaleBytes = 2 * 5 * D * (perChannel ? 4 * H : 1);
      assert.deepEqual(
        changes.map((c) => [c.beforeBytes, c.afterBytes]),
        [[4 * (D * 4 * H * (I + H) + D * 8 * H), D * 4 * H * (I + H) + scaleBytes + 4 * D * 8 * H]],
      );
    });
  }

  it('takes uint8 about 128, where that is asked', async () => {
    const made = async (weightType: 'int8' | 'uint8') => {
      const { model: m } = applyRecipe(lstm(), recipe(quantize({ granularity: 'per-channel', weightType })));
      const read = (name: string) => numbers(m, `W_${name}`);
      return { q: await read('quantized'), scale: await read('scale'), zero: await read('zero_point') };
    };
    const [signed, unsigned] = [await made('int8'), await made('uint8')];
    assert.deepEqual([...new Set(unsigned.zero)], [128]);
    const steps = unsigned.q.map((q, i) => (q - 128) * unsigned.scale[i % (4 * H)]!);
    signed.q.forEach((q, i) => {
      const scale = signed.scale[i % (4 * H)]!;
      assert.ok(Math.abs(q * scale - steps[i]!) <= 1.01 * scale, `W[${i}]`);
    });
  });

  const refused: [string, Model, RegExp][] = [
    ['the batch first', lstm({ layout: 1 }), /^DynamicQuantizeLSTM takes the sequence first/],
    ['a matrix of two dims', lstm({}, [D * 4 * H, I]), /^W "W" has 2 dims, not 3$/],
  ];
  for (const [title, m, reason] of refused) {
    it(`leaves alone ${title}`, () => {
      const verdict = applicability(m).get('lstm')!.quantize;
      assert.match(verdict.ok ? 'ok' : verdict.reason, reason);
    });
  }
});
