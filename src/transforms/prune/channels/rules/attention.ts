/** Attention in one node: whole heads go; of query heads that share a key-value head, all or none. */
import { attributeInt } from '../../../../onnx/model.ts';
import { FIXED, isTracked, withZero, type Axis } from '../axis.ts';
import { Refusal, type Rule, type RuleContext, type RuleTable } from '../rule.ts';
import { withInt } from './conv.ts';
import { mergeAxes, splitAxis } from './reshape.ts';

/** Heads of a dim [heads · size]. */
function headsOf(c: RuleContext, axis: Axis | undefined, size: unknown, heads: number, key: string): Axis {
  if (axis === undefined || typeof size !== 'number' || size % heads !== 0)
    throw new Refusal('the size of its heads is not static');
  if (heads === 1) throw new Refusal('it has one head');
  return (
    splitAxis(
      c,
      axis,
      [heads, size / heads].filter((s) => s > 1),
      `${c.id}:${key}`,
      0,
    )[0] ?? FIXED
  );
}

function threeDims(c: RuleContext, inputs: readonly number[]): void {
  for (const i of inputs) {
    if (!c.has(i)) throw new Refusal('packed or cached keys and values');
    if (c.axes(i).length !== 3) throw new Refusal('keys and values of 4 or 5 dims');
  }
}

function others(c: RuleContext, from: number): void {
  for (let i = from; i < c.node.inputs.length; i++)
    if (c.has(i)) for (const axis of c.axes(i)) c.block(axis, 'takes it beside query, key and value');
}

function output(c: RuleContext, heads: Axis, size: unknown, count: number): Axis {
  const each = Number(size) / count;
  const axis = mergeAxes(c, [heads, FIXED], [count, each]);
  return withZero(axis, false);
}

/** com.microsoft: query, key, value [B, S, heads · size], bias [3 · heads · size]. */
const multiHead: Rule = (c) => {
  threeDims(c, [0, 1, 2]);
  if (c.node.outputs.slice(1).some((name) => name !== ''))
    throw new Refusal('keys and values kept for later');
  const heads = attributeInt(c.node, 'num_heads', 1);
  const [q, k, v] = [0, 1, 2].map((i) => headsOf(c, c.axes(i)[2], c.dims(i)[2], heads, 'qkv'[i] ?? ''));
  const parts = [q, k, v].filter((a) => a !== undefined);
  if (c.has(3)) {
    if (c.dims(0)[2] !== c.dims(2)[2]) throw new Refusal('a bias of values that differ in size');
    const all = splitAxis(c, c.axes(3)[0] ?? FIXED, [3, heads, Number(c.dims(0)[2]) / heads], `${c.id}:b`, 1);
    parts.push(all[1] ?? FIXED);
  }
  others(c, 4);
  const joined = c.join(parts);
  numberOfHeads(c, joined, ['num_heads']);
  return [[c.axes(0)[0] ?? FIXED, c.axes(0)[1] ?? FIXED, output(c, joined, c.dims(2)[2], heads)]];
};

/** Query heads and key-value heads given apart, all in three dims. */
const grouped =
  (queryAttribute: string, keyAttribute: string): Rule =>
  (c) => {
    threeDims(c, [0, 1, 2]);
    if (c.node.outputs.slice(1).some((name) => name !== ''))
      throw new Refusal('keys and values kept for later');
    const heads = attributeInt(c.node, queryAttribute, 0);
    const shared = attributeInt(c.node, keyAttribute, 0);
    if (heads < 1 || shared < 1 || heads % shared !== 0) throw new Refusal('its heads are not given');
    const query = headsOf(c, c.axes(0)[2], c.dims(0)[2], heads, 'q');
    const [key, value] = [1, 2].map((i) => headsOf(c, c.axes(i)[2], c.dims(i)[2], shared, 'kv'[i - 1] ?? ''));
    const perShared = splitAxis(
      c,
      query,
      [shared, heads / shared].filter((s) => s > 1),
      `${c.id}:shared`,
      0,
    )[0];
    const joined = c.join([perShared ?? FIXED, key ?? FIXED, value ?? FIXED]);
    others(c, 3);
    numberOfHeads(c, query, [queryAttribute]);
    numberOfHeads(c, joined, [keyAttribute]);
    const [batch = FIXED, steps = FIXED] = c.axes(0);
    const each = Number(c.dims(2)[2]) / shared;
    return [[batch, steps, output(c, isTracked(joined) ? query : joined, heads * each, heads)]];
  };

function numberOfHeads(c: RuleContext, axis: Axis, names: readonly string[]): void {
  if (!isTracked(axis)) return;
  const { atoms } = axis;
  c.rewrite([atoms], (node, w) => [names.reduce((n, name) => withInt(n, name, w.count(atoms)), node)]);
}

export const attentionRules: RuleTable = { Attention: grouped('q_num_heads', 'kv_num_heads') };

export const microsoftAttentionRules: RuleTable = { MultiHeadAttention: multiHead };
