/** Element-wise operators: dims aligned from the right are one dim. */
import { attributeString } from '../../../../onnx/model.ts';
import { withZero, type Axis } from '../axis.ts';
import { Refusal, type Rule, type RuleContext, type RuleTable } from '../rule.ts';

type ZeroRule = (zeros: readonly boolean[]) => boolean;

/** Broadcasts `inputs`; `zero` says from what the operands hold at an index (zero or not) whether the result is zero. */
export function broadcast(c: RuleContext, inputs: readonly number[], zero: ZeroRule): Axis[] {
  const out = c.outDims(0);
  return out.map((dim, k) => {
    const parts = inputs.map((i) => {
      const dims = c.dims(i);
      const at = k - (out.length - dims.length);
      return at < 0 || (dims[at] === 1 && dim !== 1) ? undefined : c.axes(i)[at];
    });
    const joined = c.join(parts.filter((p) => p !== undefined));
    return withZero(joined, zero(parts.map((p) => p?.zero ?? false)));
  });
}

const all: ZeroRule = (zeros) => zeros.every(Boolean);
const any: ZeroRule = (zeros) => zeros.some(Boolean);
const first: ZeroRule = ([zero]) => zero === true;
const never: ZeroRule = () => false;

/** What a mean is taken from is about it at all indices that stay (see `reduce.ts`), and zero at the others. */
const difference: Rule = (c) => [broadcast(c, [0, 1], c.subtractsMean ? first : all)];

/** Positive powers of zero are zero. */
const power: Rule = (c) => {
  const exponents = c.content(1);
  const keepsZero = exponents?.every((e) => typeof e === 'number' && e > 0) === true;
  return [broadcast(c, [0, 1], keepsZero ? first : never)];
};

const elementwise =
  (zero: ZeroRule): Rule =>
  (c) => [
    broadcast(
      c,
      c.node.inputs.flatMap((name, i) => (name === '' ? [] : [i])),
      zero,
    ),
  ];

const same: Rule = (c) => [c.axes(0)];
const sameNotZero: Rule = (c) => [c.axes(0).map((a) => withZero(a, false))];

const clip: Rule = (c) => {
  const bound = (i: number, name: string, fallback: number): number | undefined => {
    const attribute = c.node.attributes.get(name);
    if (attribute?.kind === 'float') return attribute.value;
    if (!c.has(i)) return fallback;
    const [value] = c.content(i) ?? [];
    return typeof value === 'number' ? value : undefined;
  };
  const [low, high] = [bound(1, 'min', -Infinity), bound(2, 'max', Infinity)];
  const keepsZero = low !== undefined && high !== undefined && low <= 0 && high >= 0;
  return [c.axes(0).map((a) => withZero(a, a.zero && keepsZero))];
};

/** Mask and output, both of the input's shape. */
const dropout: Rule = (c) => [c.axes(0), c.axes(0).map((a) => withZero(a, false))];

const where: Rule = (c) => [broadcast(c, [0, 1, 2], ([, a, b]) => a === true && b === true)];

const biasGelu: Rule = (c) => [broadcast(c, [0, 1], all)];

const cast: Rule = (c) => {
  if (attributeString(c.node, 'to') !== undefined) throw new Refusal('its type is not a number');
  return [c.axes(0)];
};

const names = (rule: Rule, list: string): RuleTable =>
  Object.fromEntries(list.split(' ').map((name) => [name, rule]));

export const elementwiseRules: RuleTable = {
  ...names(
    same,
    'Relu LeakyRelu Abs Neg Sqrt Tanh Sin Sinh Tan Asin Asinh Atan Atanh Erf Sign Floor Ceil Round Identity Elu Selu ' +
      'Celu HardSwish Gelu Mish Softsign ThresholdedRelu Swish Shrink',
  ),
  ...names(
    sameNotZero,
    'Sigmoid HardSigmoid Exp Log Softplus Reciprocal Cos Cosh Acos Acosh Not IsNaN IsInf BitwiseNot',
  ),
  ...names(elementwise(all), 'Add Sum Mean Min Max'),
  Sub: difference,
  Pow: power,
  ...names(elementwise(any), 'Mul And BitwiseAnd'),
  ...names(elementwise(first), 'Div PRelu Mod'),
  ...names(
    elementwise(never),
    'Equal Greater GreaterOrEqual Less LessOrEqual Or Xor BitwiseOr BitwiseXor BitShift',
  ),
  Clip: clip,
  Dropout: dropout,
  Where: where,
  Cast: cast,
};

export const microsoftElementwiseRules: RuleTable = {
  ...names(same, 'Gelu QuickGelu'),
  FastGelu: (c) => (c.has(1) ? biasGelu(c) : same(c)),
  BiasGelu: biasGelu,
};
