/** Importance without data, against its formulas worked out by hand. */
import assert from 'node:assert/strict';
import type { Graph, Model, TensorRef } from '../../../../src/onnx/model.ts';
import { leastShift } from '../../../../src/transforms/kernels/least-shift.ts';
import { erf } from '../../../../src/transforms/prune/channels/expected/functions.ts';
import { channelScores, pruneGroups } from '../../../../src/transforms/index.ts';
import * as b from '../../../support/model-builder.ts';
import { image } from './net.ts';
import { compare, channels, feeds } from './zeroed.ts';
import { ZOO } from './zoo.ts';

const scoresOf = async (model: Model, node: string): Promise<number[]> => {
  const [found] = await channelScores(model, node, { importance: 'expected', approximate: true });
  assert.ok(found, `${node} has channels`);
  return [...found.scores];
};

const order = (scores: readonly number[]): number[] =>
  [...scores.keys()].sort((x, y) => scores[x]! - scores[y]!);

function near(actual: number, expected: number, what: string, tolerance = 2e-3): void {
  assert.ok(
    Math.abs(actual - expected) <= tolerance * Math.max(1e-9, Math.abs(expected)),
    `${what}: ${actual}, ${expected}`,
  );
}

interface Dense {
  /** [3, 2] and [3] */
  readonly w1: readonly number[];
  readonly b1: readonly number[];
  /** [2, 3] */
  readonly w2: readonly number[];
}

const dense: Dense = { w1: [1, 2, -0.5, 0.5, 3, -1], b1: [0.5, -1, 0], w2: [1, 4, -1, 0.5, 2, 1] };

function withTensors(
  nodes: Graph['nodes'],
  initializers: TensorRef[],
  dims: b.DimSpec[],
  out: b.DimSpec[],
): Model {
  const inputs = [b.value('x', dims)];
  return b.model(b.graph({ nodes, inputs, outputs: [b.value('y', out)], initializers }));
}

function denseModel({ w1, b1, w2 }: Dense, act = 'Relu'): Model {
  return withTensors(
    [
      b.node('Gemm', ['x', 'w1', 'b1'], ['h'], { name: 'a', transB: 1 }),
      b.node(act, ['h'], ['r'], { name: 'act' }),
      b.node('Gemm', ['r', 'w2'], ['y'], { name: 'z', transB: 1 }),
    ],
    [b.floats('w1', [3, 2], w1), b.floats('b1', [3], b1), b.floats('w2', [2, 3], w2)],
    ['n', 2],
    ['n', 2],
  );
}

/** Costs in the order in which they go, of units with these variances, means and columns of the reader. */
function byHand(
  variance: readonly number[],
  mean: readonly number[],
  columns: readonly number[][],
): number[] {
  const product = (i: number, j: number) => columns[i]!.reduce((s, v, o) => s + v * columns[j]![o]!, 0);
  const total = variance.reduce((s, v, i) => s + product(i, i) * (v + mean[i]! ** 2), 0);
  const cost = (gone: readonly number[]) =>
    gone.reduce(
      (s, i) =>
        s + product(i, i) * variance[i]! + gone.reduce((t, j) => t + product(i, j) * mean[i]! * mean[j]!, 0),
      0,
    ) / total;
  const scores: number[] = [];
  let [gone, last] = [[] as number[], 0];
  while (gone.length < variance.length) {
    const left = [...variance.keys()].filter((i) => !gone.includes(i));
    const next = left.reduce((best, i) => (cost([...gone, i]) < cost([...gone, best]) ? i : best));
    gone = [...gone, next];
    last = Math.max(last, cost(gone));
    scores[next] = last;
  }
  return scores;
}

describe('importance by expected loss', () => {
  it('is what the reader is expected to lose, by hand, behind a ReLU', async () => {
    const { w1, b1, w2 } = dense;
    const square = [0, 1, 2].map((c) => w1[2 * c]! ** 2 + w1[2 * c + 1]! ** 2 + b1[c]! ** 2);
    const mean = square.map((q) => Math.sqrt(q / (2 * Math.PI)));
    const variance = square.map((q) => q / 2 - q / (2 * Math.PI));
    const columns = [0, 1, 2].map((c) => [w2[c]!, w2[3 + c]!]);
    const want = byHand(variance, mean, columns);
    const got = await scoresOf(denseModel(dense), 'a');
    want.forEach((v, i) => near(got[i]!, v, `channel ${i}`, 1e-2));
    assert.deepEqual(order(got), order(want));
  });

  it('takes an activation of several operators for what it is', async () => {
    const { w1, b1, w2 } = dense;
    const made = (nodes: Graph['nodes'], more: TensorRef[]) =>
      withTensors(
        [
          b.node('MatMul', ['x', 'w1'], ['m'], { name: 'a' }),
          b.node('Add', ['m', 'b1'], ['h'], { name: 'bias' }),
          ...nodes,
          b.node('Gemm', ['r', 'w2'], ['y'], { name: 'z', transB: 1 }),
        ],
        [
          b.floats(
            'w1',
            [2, 3],
            [0, 1].flatMap((i) => [0, 1, 2].map((c) => w1[2 * c + i]!)),
          ),
          ...[b.floats('b1', [3], b1), b.floats('w2', [2, 3], w2), ...more],
        ],
        ['n', 2],
        ['n', 2],
      );
    const whole = await scoresOf(denseModel(dense, 'Gelu'), 'a');
    const parts = made(
      [
        b.node('Div', ['h', 'root'], ['d'], { name: 'd' }),
        b.node('Erf', ['d'], ['e'], { name: 'e' }),
        b.node('Add', ['e', 'one'], ['f'], { name: 'f' }),
        b.node('Mul', ['h', 'f'], ['g'], { name: 'g' }),
        b.node('Mul', ['g', 'half'], ['r'], { name: 'r' }),
      ],
      [b.floats('root', [], [Math.SQRT2]), b.floats('one', [], [1]), b.floats('half', [], [0.5])],
    );
    (await scoresOf(parts, 'a')).forEach((v, i) => near(v, whole[i]!, `channel ${i}`, 1e-5));
  });

  it('is the same where a ReLU channel is scaled up and its reader down', async () => {
    const scale = [8, 1, 0.125];
    const other: Dense = {
      w1: dense.w1.map((v, i) => v * scale[Math.floor(i / 2)]!),
      b1: dense.b1.map((v, i) => v * scale[i]!),
      w2: dense.w2.map((v, i) => v / scale[i % 3]!),
    };
    const [before, after] = [await scoresOf(denseModel(dense), 'a'), await scoresOf(denseModel(other), 'a')];
    before.forEach((v, i) => near(after[i]!, v, `channel ${i}`, 1e-5));
  });

  it('knows a BatchNormalization: what is behind it has its bias and scale, whatever the layer', async () => {
    const gamma = [1, 0.5, 2];
    const beta = [0.5, 1, -1];
    const model = (w: number[]) =>
      withTensors(
        [
          b.node('Conv', ['x', 'w'], ['h'], { name: 'a' }),
          b.node('BatchNormalization', ['h', 'g', 'be', 'm', 'v'], ['n'], { name: 'bn' }),
          b.node('Relu', ['n'], ['r'], { name: 'act' }),
          b.node('Conv', ['r', 'w2'], ['y'], { name: 'z' }),
        ],
        [
          b.floats('w', [3, 2, 1, 1], w),
          ...[b.floats('g', [3], gamma), b.floats('be', [3], beta), b.floats('m', [3], [0, 0, 0])],
          ...[b.floats('v', [3], [1, 1, 1]), b.floats('w2', [2, 3, 1, 1], dense.w2)],
        ],
        ['n', 2, 4, 4],
        ['n', 2, 4, 4],
      );
    const density = (t: number) => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI);
    const share = (t: number) => (1 + erf(t / Math.SQRT2)) / 2;
    const mean = beta.map((m, i) => m * share(m / gamma[i]!) + gamma[i]! * density(m / gamma[i]!));
    const square = beta.map(
      (m, i) => (m * m + gamma[i]! ** 2) * share(m / gamma[i]!) + m * gamma[i]! * density(m / gamma[i]!),
    );
    const variance = square.map((s, i) => s - mean[i]! ** 2);
    const want = byHand(
      variance,
      mean,
      [0, 1, 2].map((c) => [dense.w2[c]!, dense.w2[3 + c]!]),
    );
    const got = await scoresOf(model([1, 2, 3, 4, 5, 6]), 'a');
    want.forEach((v, i) => near(got[i]!, v, `channel ${i}`, 1e-2));
    assert.deepEqual(await scoresOf(model([6, -5, 4, 3, 2, 1]), 'a'), got);
  });

  it('counts depthwise kernels between maker and reader as factors', async () => {
    const model = (kernel: number[]) =>
      withTensors(
        [
          b.node('Conv', ['x', 'w'], ['h'], { name: 'a' }),
          b.node('Conv', ['h', 'k'], ['d'], { name: 'depth', group: 3, pads: [1, 1, 1, 1] }),
          b.node('Conv', ['d', 'w2'], ['y'], { name: 'z' }),
        ],
        [
          b.floats('w', [3, 1, 1, 1], [1, 1, 1]),
          b.floats(
            'k',
            [3, 1, 3, 3],
            kernel.flatMap((v) => Array.from({ length: 9 }, () => v)),
          ),
          b.floats('w2', [1, 3, 1, 1], [1, 1, 1]),
        ],
        ['n', 1, 4, 4],
        ['n', 1, 4, 4],
      );
    // linear, so that nothing has a mean: shares 1, 4 and 9 of 14, added up
    const got = await scoresOf(model([3, 1, 2]), 'a');
    [1, 1 / 14, 5 / 14].forEach((v, i) => near(got[i]!, v, `channel ${i}`, 1e-5));
  });

  it('takes all readers of a residual stream, each by its share', async () => {
    const model = withTensors(
      [
        b.node('Gemm', ['x', 'w'], ['h'], { name: 'a', transB: 1 }),
        b.node('Gemm', ['h', 'u'], ['g'], { name: 'b', transB: 1 }),
        b.node('Add', ['h', 'g'], ['s'], { name: 'sum' }),
        b.node('Gemm', ['s', 'z'], ['y'], { name: 'z', transB: 1 }),
      ],
      [b.floats('w', [2, 1], [1, 1]), b.floats('u', [2, 2], [0, 0, 3, 1]), b.floats('z', [1, 2], [100, 100])],
      ['n', 1],
      ['n', 1],
    );
    // of b's, 9 of 10 and 1 of 10; the stream holds 1 and 1 + 10: of z's, 1 of 12 and 11 of 12
    const parts = [(0.9 + 1 / 12) / 2, (0.1 + 11 / 12) / 2];
    const got = await scoresOf(model, 'a');
    near(got[0]!, parts[0]!, 'the first', 1e-5);
    near(got[1]!, 1, 'both', 1e-5);
  });

  it('lets go of a head that looks at everything before one that picks', async () => {
    const eye = (scale: readonly number[]) =>
      Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? scale[Math.floor(i / 5)]! : 0));
    const model = (queries: readonly number[]) =>
      withTensors(
        [
          b.node('MatMul', ['x', 'wq'], ['q'], { name: 'q' }),
          b.node('MatMul', ['x', 'wk'], ['k'], { name: 'k' }),
          b.node('MatMul', ['x', 'wv'], ['v'], { name: 'v' }),
          b.node('MultiHeadAttention', ['q', 'k', 'v'], ['h'], {
            ...{ name: 'mha', domain: 'com.microsoft', num_heads: 2 },
          }),
          b.node('MatMul', ['h', 'wo'], ['y'], { name: 'o' }),
        ],
        [
          b.floats('wq', [4, 4], eye(queries)),
          ...['wk', 'wv', 'wo'].map((name) => b.floats(name, [4, 4], eye([1, 1, 1, 1]))),
        ],
        [1, 64, 4],
        [1, 64, 4],
      );
    // scores of a head vary by the mean of its squares, so that e⁴ / 64 of what values vary by is left, and e / 64
    const [picks, looks] = [Math.exp(4) / 64, Math.exp(1) / 64];
    const [first, second] = await scoresOf(model([2, 2, 1, 1]), 'q');
    near(second!, looks / (looks + picks), 'the head that looks', 1e-3);
    near(first!, 1, 'both', 1e-6);
    assert.deepEqual(order(await scoresOf(model([1, 1, 2, 2]), 'q')), [0, 1]);
  });

  it('tells the largest of very many units, of whose means it takes sums at random', async () => {
    const units = 4000;
    const isLarge = (i: number) => i % 1000 === 7;
    const ones = Array.from({ length: units }, (_, i) => (isLarge(i) ? 50 : 1));
    const model = withTensors(
      [
        b.node('Gemm', ['x', 'w'], ['h'], { name: 'a', transB: 1 }),
        b.node('Relu', ['h'], ['r'], { name: 'act' }),
        b.node('Gemm', ['r', 'z'], ['y'], { name: 'z', transB: 1 }),
      ],
      [
        b.floats('w', [units, 1], ones),
        b.floats(
          'z',
          [64, units],
          Array.from({ length: 64 * units }, (_, i) => Math.sin(i * i)),
        ),
      ],
      ['n', 1],
      ['n', 64],
    );
    const last = order(await scoresOf(model, 'a')).slice(-4);
    assert.ok(last.every(isLarge), last.join());
  });

  it('tells every group of the networks built in code, and what it says is what goes', async () => {
    for (const { name, model } of ZOO)
      for (const group of pruneGroups(model)) {
        if (group.blocker !== undefined) continue;
        const scores = await scoresOf(model, group.layers[0]!);
        assert.ok(
          scores.every((s) => Number.isFinite(s) && s >= 0),
          `${name} ${group.id}`,
        );
      }
    const residual = ZOO.find((z) => z.name === 'residual')!;
    const { difference, effect } = await compare(
      residual.model,
      channels({ importance: 'expected' }),
      feeds(image),
    );
    assert.ok(difference < 1e-5 && effect > 1e-3, `${difference} ${effect}`);
  });
});

describe('leastShift', () => {
  it('lets what makes up for each other go together', () => {
    const args = {
      spread: Float64Array.of(0.01, 0.01, 0.01),
      mean: Float32Array.of(1, 0, -1, 0.1, 0.9, 0),
      width: 2,
    };
    // 2 costs least alone; next 1, whose mean is opposite to it, before 0
    assert.deepEqual(order([...leastShift(args)]), [2, 1, 0]);
  });

  it('adds up shares where nothing has a mean', () => {
    const scores = leastShift({
      spread: Float64Array.of(0.5, 0.2, 0.3),
      mean: new Float32Array(0),
      width: 0,
    });
    [1, 0.2, 0.5].forEach((v, i) => near(scores[i]!, v, `unit ${i}`, 1e-12));
  });
});
