/**
 * Attention and its kin in ai.onnx: tensors are [batch, heads, sequence, head], or [batch, sequence, heads·head].
 */
import { add, floorDiv, mul, sub, unknown } from '../dim.ts';
import type { Dim, Shape } from '../types.ts';
import { sameAs, tensor } from './rule.ts';
import type { Dims, Rule, RuleTable } from './rule.ts';
import { rankUnknown } from './spatial.ts';

/** [batch, heads, sequence, head] of a tensor of 3 or 4 dims; `heads` is for those of 3. */
function headed(dims: Dims | undefined, heads: number | undefined): Dims | undefined {
  if (dims?.length === 4) return dims;
  if (dims?.length !== 3) return undefined;
  const [batch = 1, sequence = 1, hidden = 1] = dims;
  if (heads === undefined || heads <= 0) return undefined;
  return [batch, heads, sequence, floorDiv(hidden, heads)];
}

/** Q, K, V, mask, past_key, past_value → Y, present_key, present_value, QKᵀ. */
const attention: Rule = (c) => {
  const q = headed(c.dims(0), c.int('q_num_heads'));
  const k = headed(c.dims(1), c.int('kv_num_heads'));
  const v = headed(c.dims(2), c.int('kv_num_heads'));
  const past = c.dims(4)?.[2] ?? (c.has(4) ? rankUnknown : 0);
  const total = add(past, k?.[2] ?? v?.[2] ?? rankUnknown);
  const cache = (t: Dims | undefined): Shape => (t ? [t[0] ?? 1, t[1] ?? 1, total, t[3] ?? 1] : rankUnknown);
  return [
    tensor(c.elem(0), attended(c.dims(0), q, v)),
    tensor(c.elem(1) || c.elem(0), cache(k)),
    tensor(c.elem(2) || c.elem(0), cache(v)),
    tensor(c.elem(0), q ? [q[0] ?? 1, q[1] ?? 1, q[2] ?? 1, total] : rankUnknown),
  ];
};

/** As the query, but with the values' head size; as flat as the query is. */
function attended(query: Dims | undefined, q: Dims | undefined, v: Dims | undefined): Shape {
  if (query === undefined) return rankUnknown;
  const head = v?.[3] ?? unknown('head size of the values is not known');
  const [batch, heads, sequence]: Dims = q ?? [query[0] ?? 1, rankUnknown, query[1] ?? 1];
  if (query.length === 4) return [batch ?? 1, heads ?? 1, sequence ?? 1, head];
  return [batch ?? 1, sequence ?? 1, mul(heads ?? 1, head)];
}

/**
 * Q [B, T, Hq·Dk], K [B, T, Hkv·Dk], V [B, T, Hkv·Dv], past state [B, Hkv, Dk, Dv] → [B, T, H·Dv], the state.
 * `H` is the greater of both numbers of heads.
 */
export const linearAttention: Rule = (c) => {
  const [q, k, v] = [c.dims(0), c.dims(1), c.dims(2)];
  const [qHeads, kvHeads] = [c.int('q_num_heads'), c.int('kv_num_heads')];
  if (q === undefined || v === undefined || kvHeads === undefined)
    return [tensor(c.elem(0), rankUnknown), tensor(c.elem(3) || c.elem(0), c.shape(3))];
  const [batch, valueSize] = [q[0] ?? 1, floorDiv(v.at(-1) ?? 1, kvHeads)];
  const keySize: Dim =
    k !== undefined
      ? floorDiv(k.at(-1) ?? 1, kvHeads)
      : qHeads
        ? floorDiv(q.at(-1) ?? 1, qHeads)
        : rankUnknown;
  const window = c.int('state_window', 0);
  const state = [...(window > 0 ? [window] : []), batch, kvHeads, keySize, valueSize];
  return [
    tensor(c.elem(0), [batch, q[1] ?? 1, mul(Math.max(qHeads ?? kvHeads, kvHeads), valueSize)]),
    tensor(c.elem(3) || c.elem(0), c.has(3) ? c.shape(3) : state),
  ];
};

/** Q, K, V of four dims each. */
const flexAttention: Rule = (c) => {
  const [q, v] = [c.dims(0), c.dims(2)];
  return [tensor(c.elem(0), q && v ? [...q.slice(0, 3), v[3] ?? 1] : rankUnknown)];
};

/** Y keeps X's shape, and the state the last k − 1 positions: [N, C, k − 1]. */
const causalConvWithState: Rule = (c) => {
  const [x, weights] = [c.dims(0), c.dims(1)];
  const kernel = weights?.at(-1);
  const state: Shape = c.has(3)
    ? c.shape(3)
    : x && kernel !== undefined
      ? [x[0] ?? 1, x[1] ?? 1, sub(kernel, 1)]
      : rankUnknown;
  return [tensor(c.elem(0), c.shape(0)), tensor(c.elem(0), state)];
};

export const attentions: RuleTable = {
  Attention: attention,
  LinearAttention: linearAttention,
  CausalConvWithState: causalConvWithState,
  RotaryEmbedding: sameAs(0),
};

export const previewAttentions: RuleTable = { FlexAttention: flexAttention };
