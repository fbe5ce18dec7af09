/** Attention in one node: values in the mean that the weights of attention take of them. */
import { attributeInt, attributeInts } from '../../../../onnx/model.ts';
import { attentionWeights, throughMatrix } from './linear.ts';
import { lengthOf, type FlowContext, type FlowRule, type FlowTable } from './rule.ts';
import { gaussian, momentsOf, squares, Unfit, type Moments, type Spread } from './spread.ts';

/** Queries, keys and values, each [heads · size] as far as they are told apart. */
type Part = Pick<Moments, 'mean' | 'variance'>;

function flat(spread: Spread): Part {
  return momentsOf(spread);
}

/** By element of a dim of heads: of the value it takes, where several heads share one. */
function repeated(list: Float64Array, heads: number, shared: number): Float64Array {
  if (list.length === 1 || heads === shared) return list;
  const size = list.length / shared;
  if (!Number.isInteger(size)) throw new Unfit();
  return Float64Array.from({ length: size * heads }, (_, i) => {
    const head = Math.floor((Math.floor(i / size) * shared) / heads);
    return list[head * size + (i % size)] ?? 0;
  });
}

/** @param dims of the output */
function attended(
  [q, k, v]: readonly [Part, Part, Part],
  { heads, shared, length }: { readonly heads: number; readonly shared: number; readonly length: number },
  dims: readonly number[],
): Spread {
  const [mean, variance] = [repeated(v.mean, heads, shared), repeated(v.variance, heads, shared)];
  const factor = picks(q, k, { heads, shared, length });
  const size = mean.length / heads;
  const scaled = variance.map((x, i) => x * (factor[Math.floor(i / size)] ?? factor[0] ?? 1));
  return gaussian({ dims, mean, variance: scaled });
}

/** By head: Σp², where the scores vary as queries and keys say. */
function picks(q: Part, k: Part, sizes: { heads: number; shared: number; length: number }): Float64Array {
  const { heads, shared, length } = sizes;
  const x = squares({ dims: [], ...q });
  const y = repeated(squares({ dims: [], ...k }), heads, shared);
  const scores = new Float64Array(heads);
  const width = Math.max(x.length, y.length);
  const size = width / heads;
  if (width > 1)
    for (let i = 0; i < width; i++) {
      const at = Math.floor(i / size);
      const product = (x[x.length === 1 ? 0 : i] ?? 0) * (y[y.length === 1 ? 0 : i] ?? 0);
      scores[at] = (scores[at] ?? 0) + product / size;
    }
  const { mean, variance } = momentsOf(
    attentionWeights({ dims: [heads], mean: scores, variance: scores }, length),
  );
  return mean.map((m, i) => (m * m + (variance[i] ?? 0)) * length);
}

function lastOnly(count: number, rank: number): number[] {
  return Array.from({ length: rank }, (_, k) => (k === rank - 1 ? count : 1));
}

/** Inputs 0 to 2 are query, key and value, [B, S, N · H]. */
const separate =
  (queryAttributes: readonly string[], keyAttributes: readonly string[]): FlowRule =>
  async (c) => {
    const rank = c.outDims(0).length;
    if (rank !== 3 || !c.has(1) || !c.has(2)) throw new Unfit();
    const heads = countIn(c, queryAttributes) ?? 1;
    const shared = countIn(c, keyAttributes) ?? heads;
    const [q, k, v] = [flat(await c.spread(0)), flat(await c.spread(1)), flat(await c.spread(2))];
    const sizes = { heads, shared, length: lengthOf(c.dims(1)[1]) };
    const count = v.mean.length === 1 ? 1 : (v.mean.length / shared) * heads;
    return [attended([q, k, v], sizes, lastOnly(count, rank))];
  };

function countIn({ node }: FlowContext, names: readonly string[]): number | undefined {
  return names.map((name) => attributeInt(node, name)).find((n) => n !== undefined);
}

/** Its weights are [D, Q + K + V]. */
const ownWeights: FlowRule = async (c) => {
  const heads = attributeInt(c.node, 'num_heads', 1);
  const sums = await throughMatrix(c, false);
  if (c.has(2)) (await c.values(2)).forEach((b, i) => (sums[i] = (sums[i] ?? 0) + b * b));
  const sizes = attributeInts(c.node, 'qkv_hidden_sizes') ?? [0, 1, 2].map(() => sums.length / 3);
  let from = 0;
  const [q, k, v] = sizes.map((size): Part => {
    const variance = sums.subarray(from, (from += size));
    return { mean: new Float64Array(size), variance };
  });
  if (q === undefined || k === undefined || v === undefined) throw new Unfit();
  const length = lengthOf(c.dims(0)[1]);
  return [attended([q, k, v], { heads, shared: heads, length }, lastOnly(v.mean.length, 3))];
};

const multiHead = separate(['num_heads', 'q_num_heads'], ['kv_num_heads']);

export const attentionRules: FlowTable = {
  Attention: ownWeights,
  MultiHeadAttention: multiHead,
  GroupQueryAttention: multiHead,
};
