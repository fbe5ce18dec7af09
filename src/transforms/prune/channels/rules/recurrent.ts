/**
 * LSTM, GRU, RNN: a hidden unit is a row of every gate in W and R, a column of R, and an index of the state.
 * X [S, B, I], W [D, gates·H, I], R [D, gates·H, H], B [D, 2·gates·H]; Y [S, D, B, H].
 */
import { attributeInt } from '../../../../onnx/model.ts';
import { FIXED, isTracked, withZero, type Axis } from '../axis.ts';
import { Refusal, type Rule, type RuleContext, type RuleTable } from '../rule.ts';
import { withInt } from './conv.ts';
import { contract } from './matmul.ts';
import { splitAxis } from './reshape.ts';

const recurrent =
  (gates: number): Rule =>
  (c) => {
    const [x, w, r] = [c.axes(0), c.axes(1), c.axes(2)];
    if (attributeInt(c.node, 'layout', 0) !== 0) throw new Refusal('layout 1');
    contract(c, x[2] ?? FIXED, w[2] ?? FIXED);
    const size = Number(c.dims(2)[2]);
    if (!(size > 1)) throw new Refusal('it has one hidden unit');
    const [hidden, isZero] = units(c, gates, size, w, r);
    if (isTracked(hidden)) {
      const { atoms } = hidden;
      c.rewrite([atoms], (node, wr) => [withInt(node, 'hidden_size', wr.count(atoms))]);
      if (c.isConstant(1)) c.makes(hidden);
    }
    const out = withZero(hidden, isZero);
    const [steps = FIXED, batch = FIXED] = x;
    const state = [FIXED, batch, out];
    return [[steps, FIXED, batch, out], state, state];
  };

function units(
  c: RuleContext,
  gates: number,
  size: number,
  w: readonly Axis[],
  r: readonly Axis[],
): [Axis, boolean] {
  const perGate = (axis: Axis | undefined, key: string, count: number): Axis =>
    splitAxis(
      c,
      axis ?? FIXED,
      [count, size].filter((s) => s > 1),
      `${c.id}:${key}`,
      count > 1 ? 1 : 0,
    ).at(-1) ?? FIXED;
  const parts = [perGate(w[1], 'W', gates), perGate(r[1], 'R', gates), r[2] ?? FIXED];
  if (c.has(3)) parts.push(perGate(c.axes(3)[1], 'B', 2 * gates));
  const states = [5, 6].filter((i) => c.has(i)).map((i) => c.axes(i)[2] ?? FIXED);
  if (c.has(7)) parts.push(perGate(c.axes(7)[1], 'P', 3));
  const hidden = c.join([...parts, ...states]);
  const isDefault =
    !c.node.attributes.has('activations') && attributeInt(c.node, 'linear_before_reset', 0) >= 0;
  // with zero weights each unit's state stays what it was at first
  return [hidden, isTracked(hidden) && isDefault && states.every((s) => s.zero)];
}

export const recurrentRules: RuleTable = { LSTM: recurrent(4), GRU: recurrent(3), RNN: recurrent(1) };
