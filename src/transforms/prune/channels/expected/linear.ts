/**
 * Layers of weights and products of values. A layer's outputs are taken as Gaussian with mean 0, and as mean square
 * what the weights make of that of their inputs, plus the bias's: as in the mean-field theory of deep networks (Poole et
 * al., 2016). A trained bias mostly takes back what the means of the inputs bring.
 */
import { attributeFloat, attributeInt, attributeInts } from '../../../../onnx/model.ts';
import { eachCell } from './cells.ts';
import { lengthOf, type FlowContext, type FlowRule, type FlowTable } from './rule.ts';
import {
  broadcastDims,
  countOf,
  gaussian,
  momentsOf,
  squares,
  stretched,
  Unfit,
  type Moments,
  type Spread,
} from './spread.ts';

/** E[x²] of the indices of one dim of an input, each other dim averaged. */
async function inputSquares(
  c: FlowContext,
  input: number,
  axis: number,
  size: number,
): Promise<Float64Array> {
  const spread = await c.spread(input);
  const own = spread.dims[axis] ?? 1;
  if (own !== size && own !== 1) throw new Unfit();
  const all = squares(momentsOf(spread));
  const found = new Float64Array(size);
  const step = countOf(spread.dims.slice(axis + 1));
  const each = own / all.length;
  all.forEach((v, i) => {
    const at = Math.floor(i / step) % own;
    found[at] = (found[at] ?? 0) + v * each;
  });
  return own === 1 ? found.fill(found[0] ?? 0) : found;
}

async function withBias(c: FlowContext, input: number, sums: Float64Array, factor = 1): Promise<void> {
  if (!c.has(input)) return;
  const bias = await c.values(input);
  if (bias.length !== sums.length && bias.length !== 1) throw new Unfit();
  for (let o = 0; o < sums.length; o++)
    sums[o] = (sums[o] ?? 0) + (factor * (bias[bias.length === 1 ? 0 : o] ?? 0)) ** 2;
}

function channelsOf(sums: Float64Array, rank: number, axis: number): Spread {
  const dims = Array.from({ length: rank }, (_, k) => (k === axis ? sums.length : 1));
  return gaussian({ dims, mean: new Float64Array(sums.length), variance: sums }, true);
}

/** [O, I / group, …] */
const conv: FlowRule = async (c) => {
  const source = c.weight(1);
  const [outputs, perGroup] = source?.tensor.dims ?? [];
  if (source === undefined || outputs === undefined || perGroup === undefined) throw new Unfit();
  const groups = attributeInt(c.node, 'group', 1);
  const input = await inputSquares(c, 0, 1, perGroup * groups);
  const sums = new Float64Array(outputs);
  const each = outputs / groups;
  await eachCell(
    source,
    [outputs, perGroup],
    (o, i, _, square) => {
      const from = Math.floor(o / each) * perGroup + i;
      sums[o] = (sums[o] ?? 0) + square * (input[from] ?? 0);
    },
    c.signal,
  );
  await withBias(c, 2, sums);
  return [channelsOf(sums, c.outDims(0).length, 1)];
};

/** [I, O / group, …]; of a kernel, one element in as many as the strides are meets an input. */
const convTranspose: FlowRule = async (c) => {
  const source = c.weight(1);
  const [inputs, perGroup] = source?.tensor.dims ?? [];
  if (source === undefined || inputs === undefined || perGroup === undefined) throw new Unfit();
  const groups = attributeInt(c.node, 'group', 1);
  const input = await inputSquares(c, 0, 1, inputs);
  const sums = new Float64Array(perGroup * groups);
  const strides = (attributeInts(c.node, 'strides') ?? []).reduce((n, s) => n * s, 1);
  await eachCell(
    source,
    [inputs, perGroup],
    (i, o, _, square) => {
      const at = Math.floor((i * groups) / inputs) * perGroup + o;
      sums[at] = (sums[at] ?? 0) + (square * (input[i] ?? 0)) / strides;
    },
    c.signal,
  );
  await withBias(c, 2, sums);
  return [channelsOf(sums, c.outDims(0).length, 1)];
};

/** What a matrix gives: [inputs, outputs], or the other way round. */
export async function throughMatrix(c: FlowContext, isTransposed: boolean): Promise<Float64Array> {
  const source = c.weight(1);
  const [rows, columns] = source?.tensor.dims ?? [];
  if (source === undefined || rows === undefined || columns === undefined || source.tensor.dims.length !== 2)
    throw new Unfit();
  const [inputs, outputs] = isTransposed ? [columns, rows] : [rows, columns];
  const input = await inputSquares(c, 0, c.dims(0).length - 1, inputs);
  const sums = new Float64Array(outputs);
  await eachCell(
    source,
    [rows, columns],
    (row, column, _, square) => {
      const [i, o] = isTransposed ? [column, row] : [row, column];
      sums[o] = (sums[o] ?? 0) + square * (input[i] ?? 0);
    },
    c.signal,
  );
  return sums;
}

const gemm: FlowRule = async (c) => {
  if (attributeInt(c.node, 'transA', 0) !== 0) throw new Unfit();
  const alpha = attributeFloat(c.node, 'alpha', 1);
  const found = await throughMatrix(c, attributeInt(c.node, 'transB', 0) !== 0);
  const sums = found.map((v) => v * alpha * alpha);
  await withBias(c, 2, sums, attributeFloat(c.node, 'beta', 1));
  return [channelsOf(sums, 2, 1)];
};

const matMul: FlowRule = async (c) => {
  const rank = c.outDims(0).length;
  if (c.weight(1)?.tensor.dims.length === 2)
    return [channelsOf(await throughMatrix(c, false), rank, rank - 1)];
  const [a, b] = [await c.spread(0), await c.spread(1)];
  return [product(a, b, lengthOf(c.dims(0).at(-1)))];
};

/** Of independent values, [.., M, K] and [.., K, N]. @param length K */
export function product(a: Spread, b: Spread, length: number): Spread {
  if (a.dims.length < 2 || b.dims.length < 2) throw new Unfit();
  const inner = Math.max(a.dims.at(-1) ?? 1, b.dims.at(-2) ?? 1);
  const batch = broadcastDims(a.dims.slice(0, -2), b.dims.slice(0, -2));
  const [m, n] = [a.dims.at(-2) ?? 1, b.dims.at(-1) ?? 1];
  const x = momentsOf(stretched(a, [...batch, m, inner]));
  const y = momentsOf(stretched(b, [...batch, inner, n]));
  const dims = [...batch, m, n];
  const [mean, variance] = [new Float64Array(countOf(dims)), new Float64Array(countOf(dims))];
  const times = length / inner;
  for (let i = 0; i < mean.length; i++) {
    const [row, column] = [Math.floor(i / n), i % n];
    const from = Math.floor(row / m) * inner * n + column;
    for (let k = 0; k < inner; k++) {
      const [p, q] = [row * inner + k, from + k * n];
      const [mp, mq, vp, vq] = [x.mean[p] ?? 0, y.mean[q] ?? 0, x.variance[p] ?? 0, y.variance[q] ?? 0];
      mean[i] = (mean[i] ?? 0) + times * mp * mq;
      variance[i] = (variance[i] ?? 0) + times * (vp * vq + vp * mq * mq + vq * mp * mp);
    }
  }
  return gaussian({ dims, mean, variance });
}

/**
 * Weights of attention over `length` values whose scores have that variance: the larger it is, the fewer values they
 * pick, and the less of what these vary is lost in their mean. Σp² is e^variance / length, at most 1.
 */
export function attentionWeights({ dims, variance }: Moments, length: number): Spread {
  const mean = new Float64Array(variance.length).fill(1 / length);
  const spread = variance.map((v) => Math.min(1, Math.exp(v) / length) / length - 1 / length ** 2);
  return gaussian({ dims, mean, variance: spread.map((v) => Math.max(0, v)) });
}

export const linearRules: FlowTable = {
  Conv: conv,
  ConvTranspose: convTranspose,
  Gemm: gemm,
  MatMul: matMul,
};
