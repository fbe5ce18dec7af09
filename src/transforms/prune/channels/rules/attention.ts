/**
 * Attention in one node: whole heads go; of query heads that share a key-value head, all or none. What has heads beside
 * query, key and value (caches, a bias of the scores, masks) loses them, too, and the attributes that count them change.
 * Dims are B batch, S sequence, T keys, N heads, H head size.
 */
import { attributeInt, attributeInts, type Node } from '../../../../onnx/model.ts';
import { intsAttribute } from '../../../graph/nodes.ts';
import { FIXED, isTracked, withZero, type Axis } from '../axis.ts';
import { Refusal, type Rule, type RuleContext, type RuleTable } from '../rule.ts';
import { withInt } from './conv.ts';
import { contract } from './matmul.ts';
import { mergeAxes, splitAxis } from './reshape.ts';

/** Heads of a dim [N · H]. */
function headsOf(c: RuleContext, axis: Axis | undefined, size: unknown, heads: number, key: string): Axis {
  if (axis === undefined || typeof size !== 'number' || size % heads !== 0)
    throw new Refusal('the size of its heads is not static');
  if (heads === 1) {
    c.block(axis, 'has one head for it');
    return c.stays('has one head for it');
  }
  const sizes = [heads, size / heads].filter((s) => s > 1);
  return splitAxis(c, axis, sizes, `${c.id}:${key}`, 0)[0] ?? FIXED;
}

/** Heads of input `i`: [B, S, N · H], or [B, N, S, H]. */
function headsIn(c: RuleContext, i: number, heads: number): Axis {
  const axes = c.axes(i);
  if (axes.length === 3) return headsOf(c, axes[2], c.dims(i)[2], heads, `${i}`);
  if (axes.length !== 4) throw new Refusal('packed queries, keys and values');
  blockAll(c, i, [1]);
  c.prefer(axes[1]);
  return axes[1] ?? FIXED;
}

/** Parts of a dim that holds the heads of query, key and value one after the other. */
function packedHeads(
  c: RuleContext,
  axis: Axis | undefined,
  parts: readonly { readonly size: number; readonly heads: number }[],
  key: string,
): Axis[] {
  let from = 0;
  return parts.map(({ size, heads }, i) => {
    const own = isTracked(axis)
      ? { ...axis, atoms: c.register(axis.atoms.subarray(from, from + size)) }
      : (axis ?? FIXED);
    from += size;
    return headsOf(c, own, size, heads, `${key}${i}`);
  });
}

/** The dim of input `i` that is one of heads, counted from its end; none where it holds for all of them. */
function besides(c: RuleContext, i: number, fromEnd: number): Axis[] {
  if (!c.has(i)) return [];
  const dims = c.dims(i);
  const at = dims.length - fromEnd;
  blockAll(c, i, [at]);
  return at < 0 || dims[at] === 1 ? [] : [c.axes(i)[at] ?? FIXED];
}

function blockAll(c: RuleContext, i: number, except: readonly number[]): void {
  c.axes(i).forEach((axis, k) => {
    if (!except.includes(k)) c.block(axis, 'takes it beside its heads');
  });
}

interface Shape {
  readonly heads: number;
  /** Heads of keys and values: fewer where several queries share one. */
  readonly shared: number;
}

interface Joined {
  readonly query: Axis;
  readonly shared: Axis;
}

/** Ties what has the query's heads, and what has those of keys and values. With one of the latter, queries go alone. */
function joinHeads(
  c: RuleContext,
  { heads, shared }: Shape,
  queries: readonly Axis[],
  others: readonly Axis[],
): Joined {
  if (heads === 1) throw new Refusal('it has one head');
  const query = c.join(queries);
  if (shared === 1) return { query, shared: FIXED };
  const sizes = [shared, heads / shared].filter((s) => s > 1);
  const perShared = splitAxis(c, query, sizes, `${c.id}:shared`, 0)[0] ?? FIXED;
  const joined = c.join([perShared, ...others]);
  return { query: isTracked(joined) ? query : joined, shared: joined };
}

/** [N · each] */
function flat(c: RuleContext, heads: Axis, count: number, size: unknown): Axis {
  if (typeof size !== 'number') throw new Refusal('the size of its heads is not static');
  const each = size / count;
  const parts = [
    { axis: heads, size: count },
    { axis: FIXED, size: each },
  ].filter((p) => p.size > 1);
  return withZero(
    mergeAxes(
      c,
      parts.map((p) => p.axis),
      parts.map((p) => p.size),
    ),
    false,
  );
}

function counts(c: RuleContext, axis: Axis, names: readonly string[]): void {
  if (!isTracked(axis)) return;
  const { atoms } = axis;
  c.rewrite([atoms], (node, w) => [
    names.reduce((n, name) => (n.attributes.has(name) ? withInt(n, name, w.count(atoms)) : n), node),
  ]);
}

const ofHeads = (axis: Axis): Axis[] => [FIXED, withZero(axis, false), FIXED, FIXED];

/** com.microsoft: query, key, value, bias [3 · N · H], key_padding_mask, attention_bias, past_key, past_value. */
const multiHead: Rule = (c) => {
  const heads = attributeInt(c.node, 'num_heads', 1);
  if (!c.has(1) || !c.has(2)) throw new Refusal('packed queries, keys and values');
  const parts = [0, 1, 2].map((i) => headsIn(c, i, heads));
  if (c.has(3)) {
    const size = (i: number) => {
      const dims = c.dims(i);
      return dims.length === 4 ? heads * Number(dims[3]) : Number(dims[2]);
    };
    const sizes = [size(0), size(1), size(2)].map((s) => ({ size: s, heads }));
    parts.push(...packedHeads(c, c.axes(3)[0], sizes, 'bias'));
  }
  blockRest(c, 4, [5, 6, 7]);
  const caches = [6, 7].flatMap((i) => besides(c, i, 3));
  const { query } = joinHeads(c, { heads, shared: heads }, [...parts, ...besides(c, 5, 3), ...caches], []);
  counts(c, query, ['num_heads']);
  const [batch = FIXED, steps = FIXED] = c.axes(0);
  return [
    [batch, steps, flat(c, query, heads, c.outDims(0)[2])],
    ofHeads(query),
    ofHeads(query),
    ofHeads(query),
  ];
};

function blockRest(c: RuleContext, from: number, except: readonly number[]): void {
  for (let i = from; i < c.node.inputs.length; i++) if (c.has(i) && !except.includes(i)) blockAll(c, i, []);
}

function shapeOf(c: RuleContext, queryAttribute: string, keyAttribute: string): Shape {
  const ofInput = (i: number) => (c.has(i) && c.axes(i).length === 4 ? Number(c.dims(i)[1]) : 0);
  const heads = attributeInt(c.node, queryAttribute, ofInput(0));
  const shared = attributeInt(c.node, keyAttribute, ofInput(1));
  if (!(heads >= 1 && shared >= 1) || heads % shared !== 0) throw new Refusal('its heads are not given');
  return { heads, shared };
}

/** ai.onnx: Q, K, V, attn_mask, past_key, past_value → Y, present_key, present_value, QKᵀ; all of 3 or 4 dims. */
const standard: Rule = (c) => {
  const shape = shapeOf(c, 'q_num_heads', 'kv_num_heads');
  const { heads, shared } = shape;
  const [query, key, value] = [headsIn(c, 0, heads), headsIn(c, 1, shared), headsIn(c, 2, shared)];
  blockRest(c, 3, [3, 4, 5]);
  const caches = [4, 5].flatMap((i) => besides(c, i, 3));
  const joined = joinHeads(c, shape, [query, ...besides(c, 3, 3)], [key, value, ...caches]);
  counts(c, joined.query, ['q_num_heads']);
  counts(c, joined.shared, ['kv_num_heads']);
  const [batch = FIXED, steps = FIXED] = c.axes(0);
  const isFlat = c.axes(0).length === 3;
  const y = isFlat
    ? [batch, steps, flat(c, joined.query, heads, c.outDims(0)[2])]
    : [batch, withZero(joined.query, false), FIXED, FIXED];
  return [y, ofHeads(joined.shared), ofHeads(joined.shared), ofHeads(joined.query)];
};

/**
 * com.microsoft: query, key, value, past_key, past_value, seqlens_k, total_sequence_length, cos_cache, sin_cache,
 * position_ids, attention_bias, head_sink, k_scale, …; the query may hold keys and values, too.
 */
const groupQuery: Rule = (c) => {
  const shape = shapeOf(c, 'num_heads', 'kv_num_heads');
  const { heads, shared } = shape;
  if ([12, 13].some((i) => c.has(i))) throw new Refusal('a quantized cache');
  const all = c.dims(0)[2];
  const size = Number(all) / (c.has(1) ? heads : heads + 2 * shared);
  const [query = FIXED, key = FIXED, value = FIXED] = c.has(1)
    ? [headsIn(c, 0, heads), headsIn(c, 1, shared), headsIn(c, 2, shared)]
    : packedHeads(
        c,
        c.axes(0)[2],
        [heads, shared, shared].map((n) => ({ size: n * size, heads: n })),
        'packed',
      );
  blockRest(c, 3, [3, 4, 10, 11]);
  const caches = [3, 4].flatMap((i) => besides(c, i, 3));
  const beside = [...besides(c, 10, 3), ...besides(c, 11, 1)];
  const joined = joinHeads(c, shape, [query, ...beside], [key, value, ...caches]);
  counts(c, joined.query, ['num_heads']);
  counts(c, joined.shared, ['kv_num_heads']);
  const [batch = FIXED, steps = FIXED] = c.axes(0);
  return [
    [batch, steps, flat(c, joined.query, heads, heads * size)],
    ofHeads(joined.shared),
    ofHeads(joined.shared),
    ofHeads(joined.query),
  ];
};

/**
 * com.microsoft, with its own weights: input [B, S, D], weights [D, Q + K + V], bias [Q + K + V], mask_index,
 * past [2, B, N, T, H], attention_bias → output [B, S, V], present.
 */
const ownWeights: Rule = (c) => {
  const heads = attributeInt(c.node, 'num_heads', 1);
  const [input, weights] = [c.axes(0), c.axes(1)];
  contract(c, input[2] ?? FIXED, weights[0] ?? FIXED);
  const columns = Number(c.dims(1)[1]);
  const given = attributeInts(c.node, 'qkv_hidden_sizes');
  const sizes = given ?? [0, 1, 2].map(() => columns / 3);
  if (sizes.length !== 3 || sizes.some((s) => s === 0))
    throw new Refusal('the size of its heads is not static');
  const parts = sizes.map((size) => ({ size, heads }));
  const all = packedHeads(c, weights[1], parts, 'weights');
  if (c.has(2)) all.push(...packedHeads(c, c.axes(2)[0], parts, 'bias'));
  blockRest(c, 3, [4, 5]);
  all.push(...besides(c, 4, 3), ...besides(c, 5, 3));
  const { query } = joinHeads(c, { heads, shared: heads }, all, []);
  if (c.isConstant(1)) c.makes(weights[1]);
  counts(c, query, ['num_heads']);
  if (isTracked(query) && given !== undefined) {
    const { atoms } = query;
    const each = given.map((size) => size / heads);
    c.rewrite([atoms], (node, w) => [
      withInts(
        node,
        'qkv_hidden_sizes',
        each.map((size) => size * w.count(atoms)),
      ),
    ]);
  }
  const [batch = FIXED, steps = FIXED] = input;
  const present = [FIXED, FIXED, withZero(query, false), FIXED, FIXED];
  return [[batch, steps, flat(c, query, heads, sizes[2])], present];
};

function withInts(node: Node, name: string, values: readonly number[]): Node {
  const attributes = new Map(node.attributes).set(name, intsAttribute(name, values));
  return { ...node, attributes, range: undefined };
}

/** [B, N, S, H] or [B, S, N · H]: pairs of each head are turned by the same angles, so heads go as a whole. */
const rotary =
  (cache: number): Rule =>
  (c) => {
    const [axes, dims] = [c.axes(0), c.dims(0)];
    for (let i = 1; i < c.node.inputs.length; i++) if (c.has(i)) blockAll(c, i, []);
    if (axes.length === 4) {
      blockAll(c, 0, [0, 1]);
      c.prefer(axes[1]);
      return [[axes[0] ?? FIXED, axes[1] ?? FIXED, FIXED, FIXED]];
    }
    const [batch = FIXED, steps = FIXED, hidden] = axes;
    const width = attributeInt(c.node, 'rotary_embedding_dim', 0);
    const given = attributeInt(c.node, 'num_heads', 0);
    const half = c.has(cache) ? c.dims(cache).at(-1) : undefined;
    const heads =
      given > 0 ? given : width === 0 && typeof half === 'number' ? Number(dims[2]) / (2 * half) : NaN;
    if (!Number.isInteger(heads)) throw new Refusal('its heads are not given');
    const own = headsOf(c, hidden, dims[2], heads, 'x');
    counts(c, own, given > 0 ? ['num_heads'] : []);
    return [[batch, steps, withZero(flat(c, own, heads, dims[2]), own.zero)]];
  };

export const attentionRules: RuleTable = { Attention: standard, RotaryEmbedding: rotary(1) };

export const microsoftAttentionRules: RuleTable = {
  Attention: ownWeights,
  MultiHeadAttention: multiHead,
  GroupQueryAttention: groupQuery,
  RotaryEmbedding: rotary(2),
};
