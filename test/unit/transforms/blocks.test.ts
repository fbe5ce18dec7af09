/** Blocks: the kernel against plain arithmetic and ONNX Runtime's figures, and the nodes that stand for a layer. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readTensor } from '../../../src/onnx/index.ts';
import { attributeInt, DataType, type Model, type TensorRef } from '../../../src/onnx/model.ts';
import { applicability, applyRecipe } from '../../../src/transforms/index.ts';
import { SCRATCH_BYTES } from '../../../src/transforms/kernels/block-tiles.ts';
import {
  blocksPerChannel,
  quantizeBlock,
  quantizeBlocks,
  type BlockForm,
  type BlockTarget,
} from '../../../src/transforms/kernels/blocks.ts';
import { sharedMemory } from '../../../src/transforms/shared-memory.ts';
import {
  float,
  floats,
  graph,
  model,
  node,
  ramp,
  tensor,
  value,
  type NodeSpec,
} from '../../support/model-builder.ts';
import { blocks, initializer, listing, numbers, prune, quantize, recipe } from './edits.ts';

const scratch = sharedMemory.take(SCRATCH_BYTES);

/** In shared memory that was used before. */
function targetFor(depth: number, width: number, form: BlockForm, firstChannel = 0): BlockTarget {
  const count = (width - firstChannel) * blocksPerChannel(depth, form);
  const packedBytes = (count * form.blockSize * form.bits) / 8;
  const { buffer, byteOffset } = sharedMemory.take(packedBytes + 5 * count).fill(0xaa);
  return {
    packed: new Uint8Array(buffer, byteOffset, packedBytes),
    firstChannel,
    channels: width - firstChannel,
    blocks: blocksPerChannel(depth, form),
    scales: new Float32Array(buffer, byteOffset + packedBytes, count),
    zeroPoints: new Uint8Array(buffer, byteOffset + packedBytes + 4 * count, count),
  };
}

const FORMS: BlockForm[] = ([2, 4, 8] as const).flatMap((bits) =>
  [16, 64].flatMap((blockSize) =>
    [true, false].map((isSymmetric): BlockForm => ({ bits, blockSize, isSymmetric })),
  ),
);

describe('quantizeBlocks', () => {
  it('gives what ONNX Runtime gives', () => {
    // onnxruntime.capi._pybind_state.quantize_matmul_4bits, 1.32, of [16, 1]: -0.8, -0.7, …, 0.7
    const values = Float32Array.from({ length: 16 }, (_, i) => (i - 8) / 10);
    const shared = { values, start: 0, isTransposed: false, depth: 16, width: 1, scratch };
    for (const [isSymmetric, scale, zeroPoint, packed] of [
      [true, 0.10000000149011612, 8, [16, 50, 84, 118, 152, 186, 220, 254]],
      [false, 0.10000000149011612, 8, [16, 50, 84, 118, 152, 186, 220, 254]],
    ] as const) {
      const form = { bits: 4, blockSize: 16, isSymmetric } as const;
      const target = targetFor(16, 1, form);
      quantizeBlocks({ ...shared, form, target });
      assert.deepEqual([target.scales[0], target.zeroPoints[0]], [scale, zeroPoint]);
      assert.deepEqual([...target.packed], packed);
    }
  });

  it('by vectors is the same as block by block, for any values, shape and form', () => {
    // halves, their neighbours, zeros of both signs, tiny and huge ones among ordinary values
    const odd = fc.constantFrom(0, -0, 0.5, 1.5, -2.5, 0.5 - 2 ** -25, 1e-45, 1e-38, 3e38, -3e38);
    const element = fc.oneof(
      fc.float({ noNaN: true, noDefaultInfinity: true }),
      fc.float({ min: -1, max: 1, noNaN: true }),
      odd,
    );
    const shape = fc.tuple(fc.integer({ min: 16, max: 150 }), fc.integer({ min: 14, max: 50 }));
    const pool = fc.array(element, { minLength: 50, maxLength: 400 });
    fc.assert(
      fc.property(
        shape,
        pool,
        fc.constantFrom(...FORMS),
        fc.boolean(),
        ([depth, width], list, form, isTransposed) => {
          const values = Float32Array.from({ length: depth * width }, (_, i) => list[(i * 7) % list.length]!);
          const [found, expected] = [targetFor(depth, width, form), targetFor(depth, width, form)];
          const { badIndex } = quantizeBlocks({
            values,
            start: 0,
            isTransposed,
            depth,
            width,
            form,
            target: found,
            scratch,
          });
          assert.equal(badIndex, -1);
          const perChannel = blocksPerChannel(depth, form);
          const [kStride, nStride] = isTransposed ? [1, depth] : [width, 1];
          for (let n = 0; n < width; n++) {
            for (let b = 0; b < perChannel; b++) {
              const from = n * nStride + b * form.blockSize * kStride;
              const count = Math.min(form.blockSize, depth - b * form.blockSize);
              quantizeBlock({ values, from, stride: kStride, count }, form, expected, n, b);
            }
          }
          assert.deepEqual(found, expected);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('fills one target from pieces of rows', () => {
    for (const form of FORMS) {
      for (const isTransposed of [false, true]) {
        const [depth, width] = [3 * form.blockSize + 5, 37];
        const values = Float32Array.from(ramp(depth * width));
        const whole = targetFor(depth, width, form);
        const shared = { isTransposed, depth, width, form, scratch };
        quantizeBlocks({ ...shared, values, start: 0, target: whole });
        const pieces = targetFor(depth, width, form);
        const step = isTransposed ? 5 * depth : form.blockSize * width;
        for (let start = 0; start < values.length; start += step) {
          quantizeBlocks({ ...shared, values: values.subarray(start, start + step), start, target: pieces });
        }
        assert.deepEqual(pieces, whole);
      }
    }
  });

  it('fills a target of some channels, however wide the rows', () => {
    for (const [form, width, isTransposed] of [
      [{ bits: 4, blockSize: 16, isSymmetric: false }, 37, false],
      // loaded in parts of rows
      [{ bits: 4, blockSize: 32, isSymmetric: false }, 5003, false],
      [{ bits: 8, blockSize: 256, isSymmetric: true }, 3000, false],
      // loaded in parts of channels
      [{ bits: 2, blockSize: 32, isSymmetric: false }, 20_011, true],
    ] as const) {
      const [depth, channels] = isTransposed ? [width, 35] : [2 * form.blockSize + 3, width];
      const values = Float32Array.from({ length: depth * channels }, (_, i) => Math.sin(i * 1.7));
      const whole = targetFor(depth, channels, form);
      const shared = { values, start: 0, isTransposed, depth, width: channels, form, scratch };
      assert.equal(quantizeBlocks({ ...shared, target: whole }).badIndex, -1);
      const expected = targetFor(depth, channels, form);
      for (let n = 0; n < channels; n++) {
        const [from, stride] = isTransposed ? [n * depth, 1] : [n, channels];
        for (let b = 0; b < whole.blocks; b++) {
          const count = Math.min(form.blockSize, depth - b * form.blockSize);
          const strided = { values, from: from + b * form.blockSize * stride, stride, count };
          quantizeBlock(strided, form, expected, n, b);
        }
      }
      assert.deepEqual(whole, expected);
      if (isTransposed) continue;
      const some = targetFor(depth, channels, form, 21);
      quantizeBlocks({ ...shared, target: some });
      const perChannel = whole.packed.length / channels;
      assert.deepEqual([...some.packed], [...whole.packed.subarray(21 * perChannel)]);
      assert.deepEqual([...some.scales], [...whole.scales.subarray(21 * whole.blocks)]);
    }
  });

  it('takes sums that are too large for infinities of no value', () => {
    const form = { bits: 4, blockSize: 16, isSymmetric: false } as const;
    const values = new Float32Array(16 * 16).fill(3e38);
    const target = targetFor(16, 16, form);
    const shared = { values, start: 0, isTransposed: false, depth: 16, width: 16, form, target, scratch };
    assert.equal(quantizeBlocks(shared).badIndex, -1);
    values[200] = Infinity;
    assert.equal(quantizeBlocks(shared).badIndex, 200);
  });

  it('finds what is not finite, in a tile and at the edge', () => {
    for (const at of [3, 16 * 17 + 16]) {
      for (const bad of [NaN, Infinity, -Infinity]) {
        const values = Float32Array.from(ramp(32 * 17));
        values[at] = bad;
        const form = { bits: 4, blockSize: 16, isSymmetric: false } as const;
        const target = targetFor(32, 17, form);
        const found = quantizeBlocks({
          values,
          start: 0,
          isTransposed: false,
          depth: 32,
          width: 17,
          form,
          target,
          scratch,
        });
        assert.equal(found.badIndex, at);
      }
    }
  });
});

function layer(op: 'MatMul' | 'Gemm', W: TensorRef, attributes: NodeSpec = {}, c = false): Model {
  return model(
    graph({
      inputs: [value('x')],
      outputs: [value('y')],
      initializers: c ? [W, floats('c', [20], ramp(20))] : [W],
      nodes: [node(op, c ? ['x', 'W', 'c'] : ['x', 'W'], ['y'], { ...attributes, name: 'fc' })],
    }),
  );
}

const W = floats('W', [40, 20], ramp(800));

describe('blocks of MatMul', () => {
  it('puts one MatMulNBits in its place, and imports its domain', () => {
    const {
      model: m,
      changes,
      warnings,
    } = applyRecipe(layer('MatMul', W), recipe(blocks({ accuracyLevel: 4 })));
    assert.deepEqual(listing(m.graph), ['MatMulNBits(x, W_Q4, W_scales, W_zero_points) -> y']);
    const [made] = m.graph.nodes;
    assert.deepEqual(
      ['K', 'N', 'bits', 'block_size', 'accuracy_level'].map((name) => attributeInt(made!, name)),
      [40, 20, 4, 16, 4],
    );
    assert.deepEqual(m.opsetImports, [
      { domain: '', version: 17 },
      { domain: 'com.microsoft', version: 1 },
    ]);
    // K = 40 is 3 blocks of 16: 20 · 3 · 8 bytes, 20 · 3 scales, 20 · 2 bytes of zero points
    const sizes = ['W_Q4', 'W_scales', 'W_zero_points'].map((name) => initializer(m, name).dims);
    assert.deepEqual(sizes, [
      [20, 3, 8],
      [20, 3],
      [20, 2],
    ]);
    assert.deepEqual(
      changes.map((c) => [c.status, c.beforeBytes, c.afterBytes, c.nodesAfter]),
      [['applied', 3200, 480 + 240 + 40, ['fc_Q4']]],
    );
    assert.deepEqual(warnings, []);
  });

  it('has no zero points where symmetric, and no accuracy level unless asked', () => {
    const edit = blocks({ bits: 8, isSymmetric: true });
    const { model: m } = applyRecipe(layer('MatMul', W), recipe(edit));
    assert.deepEqual(listing(m.graph), ['MatMulNBits(x, W_Q8, W_scales) -> y']);
    assert.equal(m.graph.nodes[0]!.attributes.has('accuracy_level'), false);
  });

  it('makes the same tensors in whatever order they are read', async () => {
    const names = ['W_Q4', 'W_scales', 'W_zero_points'];
    const read = async (order: readonly string[]) => {
      const { model: m } = applyRecipe(layer('MatMul', W), recipe(blocks()));
      const found = new Map<string, number[]>();
      for (const name of order) found.set(name, [...(await readTensor(m, initializer(m, name)))]);
      return names.map((name) => found.get(name));
    };
    const expected = await read(names);
    assert.deepEqual(
      expected.map((bytes) => bytes!.length),
      [480, 240, 40],
    );
    assert.deepEqual(await read([...names].reverse()), expected);
    assert.deepEqual(await read([...names, ...names]), expected);
  });

  it('leaves 8 in the unused half of a row of zero points', async () => {
    const { model: m } = applyRecipe(layer('MatMul', W), recipe(blocks()));
    const bytes = await readTensor(m, initializer(m, 'W_zero_points'));
    for (let row = 0; row < 20; row++) assert.equal(bytes[2 * row + 1]! >> 4, 8);
  });
});

describe('blocks of Gemm', () => {
  it('takes a transposed B as it lies: the same bytes as of the turned matrix', async () => {
    const turned = Array.from({ length: 800 }, (_, i) => ramp(800)[(i % 40) * 20 + Math.floor(i / 40)]!);
    const transposed = layer('Gemm', floats('W', [20, 40], turned), { transB: 1 });
    const [a, b] = [transposed, layer('MatMul', W)].map((m) => applyRecipe(m, recipe(blocks())).model);
    for (const name of ['W_Q4', 'W_scales', 'W_zero_points']) {
      assert.deepEqual(
        await readTensor(a!, initializer(a!, name)),
        await readTensor(b!, initializer(b!, name)),
      );
    }
  });

  it('puts alpha into the scales, beta into C, and turns a transposed A', async () => {
    const attributes = { alpha: float(0.5), beta: float(3), transA: 1 };
    const { model: m } = applyRecipe(layer('Gemm', W, attributes, true), recipe(blocks()));
    assert.deepEqual(listing(m.graph), [
      'Transpose(x) -> x_Transposed',
      'Mul(c, fc_beta) -> c_scaled',
      'MatMulNBits(x_Transposed, W_Q4, W_scales, W_zero_points) -> y_MatMul',
      'Add(y_MatMul, c_scaled) -> y',
    ]);
    const plain = applyRecipe(layer('MatMul', W), recipe(blocks())).model;
    assert.deepEqual(
      await numbers(m, 'W_scales'),
      (await numbers(plain, 'W_scales')).map((s) => Math.fround(s * 0.5)),
    );
  });
});

describe('what cannot be cut into blocks', () => {
  const cases: [string, Model, RegExp | true][] = [
    ['a matrix', layer('MatMul', W), true],
    [
      'a matrix with K up to half the block',
      layer('MatMul', floats('W', [8, 20], ramp(160))),
      /^K is smaller than the block: 8 of 16 weights$/,
    ],
    ['a matrix with K above half the block', layer('MatMul', floats('W', [9, 20], ramp(180))), true],
    ['three dims', layer('MatMul', floats('W', [1, 16, 2], ramp(32))), /^B "W" has 3 dims, not 2$/],
    [
      'float16',
      layer('MatMul', tensor('W', DataType.float16, [16, 1], new Uint8Array(32))),
      /is float16, not float32/,
    ],
    [
      'a Conv',
      model(graph({ initializers: [W], nodes: [node('Conv', ['x', 'W'], ['y'], { name: 'fc' })] })),
      /^blocks does not apply to Conv$/,
    ],
  ];
  for (const [title, m, expected] of cases) {
    it(title, () => {
      const verdict = applicability(m, blocks()).get('fc')!.quantize;
      if (expected === true) assert.equal(verdict.ok, true);
      else assert.match(verdict.ok ? 'ok' : verdict.reason, expected);
    });
  }

  it('what another edit has quantized already', () => {
    const { changes } = applyRecipe(layer('MatMul', W), recipe(prune(), quantize(), blocks()));
    assert.deepEqual(
      changes.map((c) => c.reason),
      [undefined, undefined, 'already quantized by edit 2 (dynamic-int8)'],
    );
  });

  it('NaN, named with tensor, element and node', async () => {
    const bad = floats('W', [16, 2], [...ramp(31), NaN]);
    const { model: m } = applyRecipe(layer('MatMul', bad), recipe(blocks()));
    await assert.rejects(readTensor(m, initializer(m, 'W_Q4')), {
      kind: 'unsupported',
      message: /tensor "W" holds NaN or an infinity at element 31;.*node fc/,
    });
  });
});
