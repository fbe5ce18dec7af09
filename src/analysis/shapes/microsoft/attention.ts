/**
 * com.microsoft: attention with its caches. Dims are B batch, S sequence, L keys, N heads, H head size. Input numbers
 * are those of the operator's documentation.
 */
import { DataType } from '../../../onnx/model.ts';
import { add, floorDiv, isUnknown, max, mul, sub, unknown } from '../../dim.ts';
import type { Dim, Shape } from '../../types.ts';
import { linearAttention } from '../attention.ts';
import { sameAs, tensor } from '../rule.ts';
import type { Dims, Rule, RuleContext, RuleTable, TensorType } from '../rule.ts';
import { rankUnknown } from '../spatial.ts';

const sizeUnknown = unknown('hidden size is not known');

/** The size of the values: of `qkv_hidden_sizes` the last, else a third of the bias or of the weights' columns. */
function valueSize(c: RuleContext, bias: number, weights: number): Dim {
  const sizes = c.ints('qkv_hidden_sizes');
  const merged = c.dims(bias)?.[0] ?? c.dims(weights)?.[1];
  return sizes?.[2] ?? (merged === undefined ? sizeUnknown : floorDiv(merged, 3));
}

/** With a buffer that past and present share, the present is the past. */
function isShared(c: RuleContext): boolean {
  return c.int('past_present_share_buffer', 0) === 1;
}

/** [2, B, N, past + S, H] */
function presentOf(c: RuleContext, past: number, input: Dims | undefined, size: Dim): Shape {
  const before = c.dims(past);
  if (isShared(c) && before) return before;
  const heads = c.int('num_heads');
  if (before)
    return [
      2,
      before[1] ?? 1,
      before[2] ?? 1,
      add(before[3] ?? 1, input?.[1] ?? rankUnknown),
      before[4] ?? 1,
    ];
  if (c.has(past) || input === undefined || heads === undefined) return rankUnknown;
  return [2, input[0] ?? 1, heads, input[1] ?? 1, floorDiv(size, heads)];
}

/** input [B, S, D], weights [D, N·H·3], bias; the number of the past's input → [B, S, value size], present. */
function merged(past: number, elemType: (c: RuleContext) => number): Rule {
  return (c) => {
    const input = c.dims(0);
    const size = valueSize(c, 2, 1);
    const type = elemType(c);
    const shape: Shape = input ? [input[0] ?? 1, input[1] ?? 1, size] : rankUnknown;
    return [tensor(type, shape), tensor(type, presentOf(c, past, input, size))];
  };
}

/** QOrderedAttention keeps the weights of Q, K and V apart. */
const qOrderedAttention: Rule = (c) => {
  const input = c.dims(0);
  return [
    tensor(c.elem(0), input ? [input[0] ?? 1, input[1] ?? 1, c.dims(7)?.[1] ?? sizeUnknown] : rankUnknown),
  ];
};

interface Query {
  readonly batch: Dim;
  readonly sequence: Dim;
  readonly heads: number;
  /** Size of one head. */
  readonly head: Dim;
}

/** query [B, S, N·H], or Q, K and V packed [B, S, N, 3, H]. */
function queryOf(c: RuleContext, heads: number): Query | undefined {
  const dims = c.dims(0);
  const [batch, sequence, hidden] = dims ?? [];
  if (dims === undefined || batch === undefined || sequence === undefined) return undefined;
  const head = dims.length === 5 ? (dims[4] ?? 1) : floorDiv(hidden ?? 1, heads);
  return { batch, sequence, heads, head };
}

/** query, key, value, bias, key_padding_mask, attention_bias, past_key, past_value, past_sequence_length, … */
const multiHeadAttention: Rule = (c) => attentionOfHeads(c, { pastKey: 6, pastValue: 7 });

/** query, key, value, mask_index, attention_bias, past_key, past_value, past_sequence_length, … */
const decoderMaskedMultiHead: Rule = (c) => attentionOfHeads(c, { pastKey: 5, pastValue: 6 });

function attentionOfHeads(c: RuleContext, { pastKey, pastValue }: { pastKey: number; pastValue: number }) {
  const query = queryOf(c, c.int('num_heads', 1));
  if (query === undefined) return Array.from({ length: 4 }, () => tensor(c.elem(0), rankUnknown));
  const { batch, sequence, heads, head } = query;
  const [key, value] = [c.dims(1), c.dims(2)];
  // Packed keys and values are [B, L, N, 2, H]; those of an encoder come as [B, N, L, H].
  const keys = key === undefined ? sequence : key.length === 4 ? (key[2] ?? 1) : (key[1] ?? 1);
  const valueHead =
    value === undefined ? head : value.length === 4 ? (value[3] ?? 1) : floorDiv(value[2] ?? 1, heads);
  const past = c.dims(pastKey)?.[2] ?? (c.has(pastKey) ? rankUnknown : 0);
  const shared = isSharedBuffer(c, pastKey);
  const total = shared ? past : add(past, keys);
  const cache = (i: number, size: Dim): Shape => (shared ? c.shape(i) : [batch, heads, total, size]);
  return [
    tensor(c.elem(0), [batch, sequence, mul(heads, valueHead)]),
    tensor(c.elem(0), cache(pastKey, head)),
    tensor(c.elem(0), cache(pastValue, valueHead)),
    tensor(c.elem(0), [batch, heads, sequence, total]),
  ];
}

/** Where the past's length is an input of its own, past and present are one buffer. */
function isSharedBuffer(c: RuleContext, pastKey: number): boolean {
  const length = pastKey + 2;
  return c.has(pastKey) && (isShared(c) || c.has(length));
}

/**
 * query, key, value, past_key, past_value, seqlens_k, total_sequence_length, … Caches are [B, Nkv, L, H]; L is what
 * `total_sequence_length` says, or the length of the past where that is longer (a buffer that both share).
 */
const groupQueryAttention: Rule = (c) => {
  const [heads, kvHeads] = [c.int('num_heads', 1), c.int('kv_num_heads', 1)];
  const dims = c.dims(0);
  const [batch, sequence, hidden] = dims ?? [];
  if (batch === undefined || sequence === undefined || hidden === undefined)
    return Array.from({ length: 4 }, () => tensor(c.elem(0), rankUnknown));
  const head = floorDiv(hidden, c.has(1) ? heads : heads + 2 * kvHeads);
  const past = c.dims(3);
  const total = totalLength(c, past?.[2], sequence);
  const cache = (i: number): TensorType => {
    const before = c.dims(i);
    return tensor(c.elem(i) || c.elem(0), [batch, before?.[1] ?? kvHeads, total, before?.[3] ?? head]);
  };
  return [
    tensor(c.elem(0), [batch, sequence, mul(heads, head)]),
    cache(3),
    cache(4),
    tensor(c.elem(0), [batch, heads, sequence, total]),
  ];
};

function totalLength(c: RuleContext, past: Dim | undefined, sequence: Dim): Dim {
  const told = c.content(6)?.[0];
  if (told !== undefined && !isUnknown(told)) return past === undefined ? told : max(past, told);
  if (!c.has(3) || past === 0) return sequence;
  return c.derived(1, 'd2', add(past ?? rankUnknown, sequence));
}

/** query, key, value, past_key, past_value, …: the caches are updated in place. */
const sparseAttention: Rule = (c) => {
  const [heads, kvHeads] = [c.int('num_heads', 1), c.int('kv_num_heads', 1)];
  const dims = c.dims(0);
  const hidden = dims?.[2];
  const y: Shape =
    dims === undefined || hidden === undefined
      ? rankUnknown
      : [...dims.slice(0, 2), c.has(1) ? hidden : mul(heads, floorDiv(hidden, heads + 2 * kvHeads))];
  return [tensor(c.elem(0), y), tensor(c.elem(3), c.shape(3)), tensor(c.elem(4), c.shape(4))];
};

/** Tokens of all sequences one after the other: [tokens, hidden]; caches in blocks, updated in place. */
const pagedAttention: Rule = (c) => {
  const dims = c.dims(0);
  const [heads, kvHeads] = [c.int('num_heads', 1), c.int('kv_num_heads', 1)];
  const hidden = dims?.[1];
  const head = hidden && floorDiv(hidden, c.has(1) ? heads : heads + 2 * kvHeads);
  const y: Shape =
    dims === undefined || head === undefined
      ? rankUnknown
      : [dims[0] ?? 1, mul(heads, c.int('v_head_size', 0) > 0 ? c.int('v_head_size', 0) : head)];
  return [tensor(c.elem(0), y), tensor(c.elem(3), c.shape(3)), tensor(c.elem(4), c.shape(4))];
};

/** [tokens, D] × weights → [tokens, value size] */
const packedAttention: Rule = (c) => {
  const tokens = c.dims(0)?.[0] ?? rankUnknown;
  return [tensor(c.elem(0), [tokens, valueSize(c, 2, 1)])];
};

/** query [tokens, hidden] or packed [tokens, N, 3, H]; value [tokens, value size] */
const packedMultiHead: Rule = (c) => {
  const query = c.dims(0);
  const size = c.dims(2)?.[1] ?? (query?.length === 4 ? mul(query[1] ?? 1, query[3] ?? 1) : sizeUnknown);
  return [tensor(c.elem(0), [query?.[0] ?? rankUnknown, size])];
};

/** query [S, B, hidden], key [L, B, hidden]; caches [B, N, L, H]. */
const decoderAttention: Rule = (c) => {
  const [query, key] = [c.dims(0), c.dims(1)];
  const heads = c.int('num_heads', 1);
  const length: Dim = c.has(6) ? c.derived(1, 'd2') : (key?.[0] ?? rankUnknown);
  const cache: Shape = query ? [query[1] ?? 1, heads, length, floorDiv(query[2] ?? 1, heads)] : rankUnknown;
  return [tensor(c.elem(0), c.shape(0)), tensor(c.elem(0), cache), tensor(c.elem(0), cache)];
};

/** bias_table [buckets, N], query_length, key_length → [1, N, S, L] */
const relativePositionBias: Rule = (c) => [
  tensor(c.elem(0), [
    1,
    c.dims(0)?.[1] ?? rankUnknown,
    c.content(1)?.[0] ?? c.derived(0, 'd2'),
    c.content(2)?.[0] ?? c.derived(0, 'd3'),
  ]),
];

/** rel_pos [1, N, S, S] with the batch of the query, which token_offset [B, S] tells where tokens are packed. */
const gatedRelativePositionBias: Rule = (c) => {
  const [query, bias, offsets] = [c.dims(0), c.dims(2), c.dims(6)];
  const batch = offsets?.[0] ?? query?.[0] ?? rankUnknown;
  return [tensor(c.elem(0), bias ? [batch, ...bias.slice(1)] : rankUnknown)];
};

/** emb, q, q_rot, k, k_rot: as q and as k. */
const gemmaRotaryEmbedding: Rule = (c) => [tensor(c.elem(1), c.shape(1)), tensor(c.elem(3), c.shape(3))];

/** input [B, S, D], sequence_token_count [B] → tokens [T, D], offsets [B, S], cumulated lengths [B + 1], [1] */
const removePadding: Rule = (c) => {
  const input = c.dims(0);
  const [batch, sequence, hidden] = input ?? [rankUnknown, rankUnknown, rankUnknown];
  const all = input && mul(batch ?? 1, sequence ?? 1);
  return [
    tensor(c.elem(0), [c.derived(0, 'd0', all), hidden ?? 1]),
    tensor(DataType.int32, [batch ?? 1, sequence ?? 1]),
    tensor(DataType.int32, [add(batch ?? 1, 1)]),
    tensor(DataType.int32, [1]),
  ];
};

/** tokens [T, D], token_offset [B, S] → [B, S, D] */
const restorePadding: Rule = (c) => {
  const [tokens, offsets] = [c.dims(0), c.dims(1)];
  return [tensor(c.elem(0), tokens && offsets ? [...offsets, tokens[1] ?? 1] : rankUnknown)];
};

/** Depthwise, channels first: Y keeps X's shape; the state is [B, C, (k − 1)·dilation], of each step of a window. */
const causalConvWithState: Rule = (c) => {
  const [x, weights] = [c.dims(0), c.dims(1)];
  const kernel = weights?.[2];
  const window = c.int('state_window', 0);
  const known =
    x !== undefined && kernel !== undefined && c.int('ndim', 1) === 1 && c.int('channels_last', 0) === 0;
  const length = mul(sub(kernel ?? 1, 1), c.int('dilation', 1));
  const state: Shape = c.has(3)
    ? c.shape(3)
    : known
      ? [...(window > 0 ? [window] : []), x[0] ?? 1, x[1] ?? 1, length]
      : rankUnknown;
  return [tensor(c.elem(0), c.shape(0)), tensor(c.elem(0), state)];
};

/** query [T, Hq, Dk], key [T, Hk, Dk], value [T, Hv, Dv], …, initial_state → [T, max(Hq, Hv), Dv], state as it was. */
const gatedDeltaNet: Rule = (c) => {
  const [q, v] = [c.dims(0), c.dims(2)];
  const y: Shape = q && v ? [q[0] ?? 1, max(q[1] ?? 1, v[1] ?? 1), v[2] ?? 1] : rankUnknown;
  return [tensor(c.elem(0), y), tensor(c.elem(6) || DataType.float, c.shape(6))];
};

const float32 = () => DataType.float;

export const attentions: RuleTable = {
  Attention: merged(4, (c) => c.elem(0)),
  QAttention: merged(8, (c) => c.elem(3) || float32()),
  QOrderedAttention: qOrderedAttention,
  DecoderMaskedSelfAttention: merged(4, (c) => c.elem(0)),
  MultiHeadAttention: multiHeadAttention,
  DecoderMaskedMultiHeadAttention: decoderMaskedMultiHead,
  GroupQueryAttention: groupQueryAttention,
  SparseAttention: sparseAttention,
  PagedAttention: pagedAttention,
  PackedAttention: packedAttention,
  PackedMultiHeadAttention: packedMultiHead,
  DecoderAttention: decoderAttention,
  LongformerAttention: sameAs(0),
  QOrderedLongformerAttention: sameAs(0),
  LinearAttention: linearAttention,
  GatedDeltaNet: gatedDeltaNet,
  CausalConvWithState: causalConvWithState,
  RelativePositionBias: relativePositionBias,
  GatedRelativePositionBias: gatedRelativePositionBias,
  RotaryEmbedding: sameAs(0),
  MRotaryEmbedding: sameAs(0),
  GemmaRotaryEmbedding: gemmaRotaryEmbedding,
  RemovePadding: removePadding,
  RestorePadding: restorePadding,
};
