/** Blocks beyond MatMulNBits: tables of a Gather, a DequantizeLinear before the operator, 2 bits, dynamic int8 tables. */
import assert from 'node:assert/strict';
import { readTensor } from '../../../src/onnx/index.ts';
import { attributeInt, DataType, type Model } from '../../../src/onnx/model.ts';
import { applicability, applyRecipe, type BlocksEdit } from '../../../src/transforms/index.ts';
import { floats, graph, model, node, ramp, tensor, value } from '../../support/model-builder.ts';
import { blocks, initializer, listing, numbers, quantize, recipe } from './edits.ts';

const [ROWS, VALUES] = [9, 32];
const table = ramp(ROWS * VALUES);

function lookup(dims: readonly number[] = [ROWS, VALUES], axis = 0): Model {
  return model(
    graph({
      inputs: [value('i', ['n'], DataType.int64)],
      outputs: [value('y')],
      initializers: [floats('E', dims, ramp(dims.reduce((a, b) => a * b)))],
      nodes: [node('Gather', ['E', 'i'], ['y'], { name: 'emb', axis })],
    }),
  );
}

/** Integers of `bits` bits, low bits first. */
async function unpacked(m: Model, name: string, bits: number): Promise<number[]> {
  const bytes = await readTensor(m, initializer(m, name));
  const perByte = 8 / bits;
  return [...bytes].flatMap((b) =>
    Array.from({ length: perByte }, (_, i) => (b >> (i * bits)) & (2 ** bits - 1)),
  );
}

describe('blocks of a Gather', () => {
  for (const bits of [2, 4, 8] as const) {
    it(`of ${bits} bits are within half a step of the table`, async () => {
      const { model: m, changes } = applyRecipe(lookup(), recipe(blocks({ bits })));
      assert.deepEqual(listing(m.graph), [
        `GatherBlockQuantized(E_Q${bits}, i, E_scales, E_zero_points) -> y`,
      ]);
      const [made] = m.graph.nodes;
      const names = ['bits', 'block_size', 'gather_axis', 'quantize_axis'];
      assert.deepEqual(
        names.map((name) => attributeInt(made!, name)),
        [bits, 16, 0, 1],
      );
      assert.deepEqual(initializer(m, `E_Q${bits}`).dims, [ROWS, (VALUES * bits) / 8]);
      const [q, scales] = [await unpacked(m, `E_Q${bits}`, bits), await numbers(m, 'E_scales')];
      const zeros = await unpacked(m, 'E_zero_points', bits);
      // two blocks to a row; a row of zero points is padded to a byte
      const zerosPerRow = Math.max(2, 8 / bits);
      table.forEach((v, i) => {
        const row = Math.floor(i / VALUES);
        const block = Math.floor((i % VALUES) / 16);
        const scale = scales[2 * row + block]!;
        const found = (q[i]! - zeros[row * zerosPerRow + block]!) * scale;
        // a zero point rounded to the nearest integer shifts the range by up to half a step
        assert.ok(Math.abs(found - v) <= 1.001 * scale, `${i}: ${found} for ${v}`);
      });
      const sizes = [...m.graph.initializers.values()].map((t) => t.location);
      const bytes = sizes.reduce((sum, l) => sum + (l.kind === 'computed' ? l.byteLength : 0), 0);
      assert.deepEqual(
        changes.map((c) => c.afterBytes),
        [bytes],
      );
    });
  }

  const cases: [string, Model, Partial<BlocksEdit>, RegExp][] = [
    ['columns', lookup([ROWS, VALUES], 1), {}, /^it gathers columns, not rows$/],
    ['rows that are not whole blocks', lookup([4, 40]), {}, /^a row of 40 values is not whole blocks of 16$/],
    ['three dims', lookup([2, 16, 16]), {}, /has 3 dims, not 2$/],
    ['a DequantizeLinear', lookup(), { operator: 'DequantizeLinear' }, /^DequantizeLinear would expand/],
  ];
  for (const [title, m, options, reason] of cases) {
    it(`leaves alone ${title}`, () => {
      const verdict = applicability(m, blocks(options)).get('emb')!.quantize;
      assert.match(verdict.ok ? 'ok' : verdict.reason, reason);
    });
  }
});

describe('a Gather', () => {
  it('is a layer only where it looks up a table', () => {
    const shapes = model(
      graph({
        inputs: [value('x'), value('i', ['n'], DataType.int64)],
        outputs: [value('y'), value('z')],
        initializers: [floats('E', [ROWS, VALUES], table), floats('v', [3], [1, 2, 3])],
        nodes: [
          node('Gather', ['x', 'i'], ['y'], { name: 'dim' }),
          node('Gather', ['v', 'i'], ['u'], { name: 'vector' }),
          node('Gather', ['E', 'i'], ['z'], { name: 'table' }),
        ],
      }),
    );
    const found = applicability(shapes);
    assert.deepEqual(
      [...found].map(([id, { isLayer }]) => [id, isLayer]),
      [
        ['dim', false],
        ['vector', false],
        ['table', true],
      ],
    );
    const { changes } = applyRecipe(shapes, recipe(quantize()));
    assert.deepEqual(
      changes.map((c) => c.node),
      ['table'],
    );
  });

  it('of int8 is dequantized behind the lookup, with one scale', async () => {
    const { model: m, changes } = applyRecipe(lookup(), recipe(quantize({ granularity: 'per-channel' })));
    assert.deepEqual(listing(m.graph), [
      'Gather(E_quantized, i) -> y_quantized',
      'DequantizeLinear(y_quantized, E_scale, E_zero_point) -> y',
    ]);
    const [q, [scale]] = [await numbers(m, 'E_quantized'), await numbers(m, 'E_scale')];
    table.forEach((v, i) => assert.ok(Math.abs(q[i]! * scale! - v) <= 0.501 * scale!));
    assert.deepEqual(
      changes.map((c) => c.afterBytes),
      [ROWS * VALUES + 5],
    );
  });
});

const OPSET = { opset: 21, irVersion: 10 };

function product(op: 'MatMul' | 'Gemm', dims: [number, number], options = OPSET): Model {
  const { opset, irVersion } = options;
  const made = model(
    graph({
      inputs: [value('x')],
      outputs: [value('y')],
      initializers: [floats('W', dims, ramp(dims[0] * dims[1]))],
      nodes: [node(op, ['x', 'W'], ['y'], op === 'Gemm' ? { name: 'fc', transB: 1 } : { name: 'fc' })],
    }),
  );
  return { ...made, irVersion, opsetImports: [{ domain: '', version: opset }] };
}

describe('a blocked DequantizeLinear', () => {
  const by = (options: Partial<BlocksEdit> = {}) => blocks({ operator: 'DequantizeLinear', ...options });
  // odd sizes: rows that end within a byte and within a block
  const weights: [string, 'MatMul' | 'Gemm', [number, number], number][] = [
    ['MatMul', 'MatMul', [37, 5], 0],
    ['transposed Gemm', 'Gemm', [5, 37], 1],
  ];
  for (const [title, op, dims, axis] of weights) {
    for (const bits of [4, 8] as const) {
      for (const isSymmetric of [true, false]) {
        it(`of a ${title}, ${bits} bits${isSymmetric ? ', symmetric' : ''}: what MatMulNBits has`, async () => {
          const m = applyRecipe(product(op, dims), recipe(by({ bits, isSymmetric }))).model;
          assert.equal(m.graph.nodes[1]!.inputs[1], 'W_dequantized');
          assert.equal(attributeInt(m.graph.nodes[0]!, 'axis'), axis);
          const types = {
            4: [DataType.uint4, DataType.int4],
            8: [DataType.uint8, DataType.int8],
          };
          assert.equal(initializer(m, `W_Q${bits}`).dataType, types[bits][isSymmetric ? 1 : 0]);
          const other = applyRecipe(product(op, dims), recipe(blocks({ bits, isSymmetric }))).model;
          const [K, N, perChannel] = [37, 5, 3];
          const [mine, theirs] = [
            await unpacked(m, `W_Q${bits}`, bits),
            await unpacked(other, `W_Q${bits}`, bits),
          ];
          const [s, t] = [await numbers(m, 'W_scales'), await numbers(other, 'W_scales')];
          const middle = isSymmetric ? 2 ** (bits - 1) : 0;
          for (let n = 0; n < N; n++) {
            for (let k = 0; k < K; k++) {
              const at = axis === 0 ? k * N + n : n * K + k;
              const q = theirs[n * perChannel * 16 + k]!;
              assert.equal(mine[at], (q - middle) & (2 ** bits - 1));
              const block = Math.floor(k / 16);
              assert.equal(s[axis === 0 ? block * N + n : n * perChannel + block], t[n * perChannel + block]);
            }
          }
        });
      }
    }
  }

  const refused: [string, Model, Partial<BlocksEdit>, RegExp][] = [
    [
      'an opset too old to be raised',
      product('MatMul', [32, 4], { opset: 6, irVersion: 10 }),
      {},
      /^needs opset 21, the model has 6$/,
    ],
    ['2 bits', product('MatMul', [32, 4]), { bits: 2 }, /^DequantizeLinear takes 2 bits from opset 25 on/],
    [
      'an accuracy level',
      product('MatMul', [32, 4]),
      { accuracyLevel: 4 },
      /^DequantizeLinear has no accuracy level$/,
    ],
  ];
  for (const [title, m, options, reason] of refused) {
    it(`is refused for ${title}`, () => {
      const verdict = applicability(m, by(options)).get('fc')!.quantize;
      assert.match(verdict.ok ? 'ok' : verdict.reason, reason);
    });
  }

  for (const [bits, irVersion] of [
    [4, 10],
    [8, 8],
  ] as const) {
    it(`of ${bits} bits raises the opset to 21 and the IR version to ${irVersion}`, () => {
      const before = product('MatMul', [32, 4], { opset: 17, irVersion: 8 });
      const { model: m, warnings } = applyRecipe(before, recipe(by({ bits })));
      assert.deepEqual([m.opsetImports, m.irVersion], [[{ domain: '', version: 21 }], irVersion]);
      assert.deepEqual(
        warnings.map((w) => w.code),
        ['opset-raised', ...(irVersion === 8 ? [] : ['ir-version-raised'])],
      );
    });
  }

  it('names what is not finite', async () => {
    const bad = product('MatMul', [32, 4]);
    const W = tensor(
      'W',
      DataType.float,
      [32, 4],
      new Uint8Array(Float32Array.from({ length: 128 }, (_, i) => (i === 70 ? NaN : i)).buffer),
    );
    const m = applyRecipe(
      { ...bad, graph: { ...bad.graph, initializers: new Map([['W', W]]) } },
      recipe(by()),
    ).model;
    await assert.rejects(
      readTensor(m, initializer(m, 'W_scales')),
      /tensor "W" holds NaN or an infinity at element 70;/,
    );
  });
});
