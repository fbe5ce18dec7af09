/** HQQ and GPTQ: the errors that they are there to make smaller, and what they need. */
import assert from 'node:assert/strict';
import type { Calibration, Gram } from '../../../src/analysis/index.ts';
import { readTensor } from '../../../src/onnx/index.ts';
import type { Model } from '../../../src/onnx/model.ts';
import { applicability, applyRecipe, weightSqnr, type BlocksEdit } from '../../../src/transforms/index.ts';
import { gptqFactor } from '../../../src/transforms/kernels/gptq-factor.ts';
import { floats, graph, model, node, value } from '../../support/model-builder.ts';
import { blocks, initializer, numbers, prune, recipe } from './edits.ts';

function randomly(seed: number): () => number {
  let state = seed;
  const uniform = () => (state = (state * 48271) % 2147483647) / 2147483647;
  return () => uniform() + uniform() + uniform() + uniform() - 2;
}

const [K, N, ROWS] = [64, 24, 400];
const next = randomly(7);
// a few large weights, as trained layers have them
const weights = Float32Array.from({ length: K * N }, (_, i) => next() * (i % 37 === 0 ? 4 : 1));
/** [ROWS, K]: inputs that go together, as activations do. */
const inputs = Array.from({ length: ROWS }, () => {
  const common = [next(), next(), next()];
  return Array.from({ length: K }, (_, k) => 0.3 * next() + common[k % 3]! * (1 + (k % 5)));
});

function gramOf(rows: readonly (readonly number[])[]): Gram {
  const matrix = new Float32Array(K * K);
  for (const row of rows) {
    for (let i = 0; i < K; i++) {
      for (let j = 0; j < K; j++) matrix[i * K + j]! += (row[i]! * row[j]!) / rows.length;
    }
  }
  const mean = Float32Array.from({ length: K }, (_, i) => rows.reduce((s, r) => s + r[i]!, 0) / rows.length);
  return { size: K, rows: rows.length, matrices: [matrix], means: [mean] };
}

const calibration: Calibration = {
  samples: ROWS,
  statistics: () => undefined,
  gram: (tensor, { kind }) => Promise.resolve(tensor === 'x' && kind === 'rows' ? gramOf(inputs) : undefined),
};

/** x · W, with W [K, N] in a MatMul, or [N, K] in a Gemm. */
function layer(op: 'MatMul' | 'Gemm'): Model {
  const turned = Array.from({ length: K * N }, (_, i) => weights[(i % K) * N + Math.floor(i / K)]!);
  const W = op === 'MatMul' ? floats('W', [K, N], [...weights]) : floats('W', [N, K], turned);
  return model(
    graph({
      inputs: [value('x', ['n', K])],
      outputs: [value('y')],
      initializers: [W],
      nodes: [node(op, ['x', 'W'], ['y'], op === 'Gemm' ? { name: 'fc', transB: 1 } : { name: 'fc' })],
    }),
  );
}

/** What MatMulNBits multiplies with, [K, N]. */
async function dequantized(m: Model, { bits, blockSize, isSymmetric }: BlocksEdit): Promise<Float64Array> {
  const packed = await readTensor(m, initializer(m, `W_Q${bits}`));
  const scales = await numbers(m, 'W_scales');
  const zeros = isSymmetric === true ? [] : await numbers(m, 'W_zero_points');
  const [perChannel, perByte] = [K / blockSize, 8 / bits];
  const zeroBytes = Math.ceil(perChannel / perByte);
  const at = (bytes: ArrayLike<number>, byte: number, i: number) =>
    (bytes[byte + Math.floor(i / perByte)]! >> ((i % perByte) * bits)) & (2 ** bits - 1);
  return Float64Array.from({ length: K * N }, (_, i) => {
    const [k, n] = [Math.floor(i / N), i % N];
    const block = Math.floor(k / blockSize);
    const zero = isSymmetric === true ? 2 ** (bits - 1) : at(zeros, n * zeroBytes, block);
    return (at(packed, (n * K * bits) / 8, k) - zero) * scales[n * perChannel + block]!;
  });
}

/** Signal-to-noise ratio of the outputs of `inputs`, in dB. */
function outputSqnr(made: Float64Array): number {
  let [signal, noise] = [0, 0];
  for (const row of inputs) {
    for (let n = 0; n < N; n++) {
      let [y, error] = [0, 0];
      for (let k = 0; k < K; k++) {
        y += row[k]! * weights[k * N + n]!;
        error += row[k]! * (made[k * N + n]! - weights[k * N + n]!);
      }
      signal += y * y;
      noise += error * error;
    }
  }
  return 10 * Math.log10(signal / noise);
}

async function outputOf(op: 'MatMul' | 'Gemm', edit: BlocksEdit): Promise<number> {
  const plan = applyRecipe(layer(op), recipe(edit));
  const given = plan.calibrationTargets.length > 0 ? { calibration } : {};
  return outputSqnr(await dequantized(applyRecipe(layer(op), recipe(edit), given).model, edit));
}

describe('HQQ', () => {
  for (const bits of [2, 4] as const) {
    for (const isSymmetric of [true, false]) {
      it(`keeps more of the weight than rounding: ${bits} bits${isSymmetric ? ', symmetric' : ''}`, async () => {
        const of = async (algorithm: 'round' | 'hqq') => {
          const edit = blocks({ bits, blockSize: 32, isSymmetric, algorithm });
          return (await weightSqnr(layer('MatMul'), recipe(edit))).get('fc')!.sqnrDb!;
        };
        const [round, hqq] = [await of('round'), await of('hqq')];
        assert.ok(hqq > round + 0.1, `${hqq} dB against ${round} dB`);
      });
    }
  }

  it('leaves a block alone that is exact already', async () => {
    const exact = Array.from({ length: 16 }, (_, i) => i - 8);
    const one = (W: number[]) =>
      model(
        graph({
          inputs: [value('x')],
          outputs: [value('y')],
          initializers: [floats('W', [16, 1], W)],
          nodes: [node('MatMul', ['x', 'W'], ['y'], { name: 'fc' })],
        }),
      );
    for (const W of [exact, exact.map(() => 0)]) {
      const found = await weightSqnr(one(W), recipe(blocks({ algorithm: 'hqq' })));
      assert.equal(found.get('fc')?.sqnrDb, Infinity);
    }
  });
});

describe('GPTQ', () => {
  it('weighs errors with U of H⁻¹ = Uᵀ·U', () => {
    const size = 12;
    const random = randomly(3);
    const X = Array.from({ length: 40 }, () => Array.from({ length: size }, random));
    const H = new Float32Array(size * size);
    for (const row of X) {
      for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) H[i * size + j]! += row[i]! * row[j]!;
    }
    const U = gptqFactor({ matrix: H, size });
    const mean = Array.from({ length: size }, (_, i) => H[i * size + i]!).reduce((a, b) => a + b) / size;
    // Uᵀ·U·(H + damping) is the identity
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        let sum = 0;
        for (let k = 0; k < size; k++) {
          let inverse = 0;
          for (let l = 0; l <= Math.min(i, k); l++) inverse += U[l * size + i]! * U[l * size + k]!;
          sum += inverse * (H[k * size + j]! + (k === j ? 0.01 * mean : 0));
        }
        assert.ok(Math.abs(sum - (i === j ? 1 : 0)) < 1e-4, `${i}, ${j}: ${sum}`);
      }
    }
  });

  for (const op of ['MatMul', 'Gemm'] as const) {
    it(`keeps more of the output of a ${op} than rounding and HQQ`, async () => {
      for (const bits of [2, 4] as const) {
        const of = (algorithm: 'round' | 'hqq' | 'gptq') =>
          outputOf(op, blocks({ bits, blockSize: 32, algorithm }));
        const [round, hqq, gptq] = [await of('round'), await of('hqq'), await of('gptq')];
        assert.ok(gptq > round + 3 && gptq > hqq, `${bits} bits: ${gptq} dB, ${hqq} dB, ${round} dB`);
      }
    });
  }

  for (const [op, isPruned] of [
    ['MatMul', false],
    ['Gemm', false],
    ['MatMul', true],
  ] as const) {
    it(`has its error told where its data are at hand: ${op}${isPruned ? ', pruned before' : ''}`, async () => {
      const edit = blocks({ blockSize: 32, algorithm: 'gptq' });
      const edits = recipe(...(isPruned ? [prune({ ratio: 0.3 })] : []), edit);
      const made = await dequantized(applyRecipe(layer(op), edits, { calibration }).model, edit);
      let [signal, noise] = [0, 0];
      weights.forEach((w, i) => {
        signal += w * w;
        noise += (w - made[i]!) ** 2;
      });
      const expected = 10 * Math.log10(signal / noise);
      const found = await weightSqnr(layer(op), edits, { data: { calibration } });
      const { sqnrDb = NaN } = found.get('fc') ?? {};
      assert.ok(expected > 5 && Math.abs(sqnrDb - expected) < 1e-3, `${sqnrDb} dB, expected ${expected}`);
      assert.deepEqual((await weightSqnr(layer(op), edits)).get('fc'), { sqnrDb: undefined });
    });
  }

  it('plans without data, and asks for what it needs', async () => {
    const plan = applyRecipe(layer('MatMul'), recipe(blocks({ algorithm: 'gptq' })));
    assert.deepEqual(plan.calibrationTargets, [{ tensor: 'x', gram: { kind: 'rows' } }]);
    await assert.rejects(
      readTensor(plan.model, initializer(plan.model, 'W_Q4')),
      /GPTQ needs calibration data of "x": run them, or choose HQQ/,
    );
  });

  it('is as good in bands and jobs as in one piece', async () => {
    // 24 channels are one job: the same integers whichever way the weight lies
    const edit = blocks({ blockSize: 32, algorithm: 'gptq' });
    const [a, b] = ['MatMul', 'Gemm'].map(
      (op) => applyRecipe(layer(op as 'MatMul' | 'Gemm'), recipe(edit), { calibration }).model,
    );
    for (const name of ['W_Q4', 'W_scales', 'W_zero_points']) {
      assert.deepEqual(
        await readTensor(a!, initializer(a!, name)),
        await readTensor(b!, initializer(b!, name)),
      );
    }
  });

  it('says where it cannot be used', () => {
    const table = model(
      graph({
        inputs: [value('i')],
        outputs: [value('y')],
        initializers: [floats('E', [4, 16], Array.from({ length: 64 }, next))],
        nodes: [node('Gather', ['E', 'i'], ['y'], { name: 'emb' })],
      }),
    );
    const verdict = applicability(table, blocks({ algorithm: 'gptq' })).get('emb')!.quantize;
    assert.match(verdict.ok ? 'ok' : verdict.reason, /^GPTQ weighs errors by what a weight is multiplied by/);
  });
});
