/** Operators that work element by element. */
import { attributeFloat } from '../../../../onnx/model.ts';
import { functionOf } from './functions.ts';
import type { FlowContext, FlowRule, FlowTable } from './rule.ts';
import {
  combined,
  gaussian,
  mapped,
  momentsOf,
  squares,
  stretched,
  type Moments,
  type Spread,
} from './spread.ts';

type Two = (x: number, y: number) => number;
type Apart = (a: Moments, b: Moments) => Moments;

const each = (a: Moments, f: (i: number) => number): Float64Array => a.mean.map((_, i) => f(i));
const at = (list: Float64Array, i: number): number => list[i] ?? 0;

const sum =
  (sign: 1 | -1): Apart =>
  (a, b) => ({
    dims: a.dims,
    mean: each(a, (i) => at(a.mean, i) + sign * at(b.mean, i)),
    variance: each(a, (i) => at(a.variance, i) + at(b.variance, i)),
  });

const multiplied: Apart = (a, b) => {
  const [x, y] = [squares(a), squares(b)];
  const mean = each(a, (i) => at(a.mean, i) * at(b.mean, i));
  return { dims: a.dims, mean, variance: each(a, (i) => at(x, i) * at(y, i) - at(mean, i) ** 2) };
};

/** By as much as the divisor usually is. */
const divided: Apart = (a, b) => {
  const y = squares(b);
  return {
    dims: a.dims,
    mean: each(a, (i) => at(a.mean, i) / Math.sqrt(at(y, i) || 1)),
    variance: each(a, (i) => at(a.variance, i) / (at(y, i) || 1)),
  };
};

function added(a: Spread, b: Spread): Spread {
  const [layer, bias] = a.origin === undefined ? [b, a] : [a, b];
  if (bias.origin !== undefined || layer.isLinear !== true) return combined(a, b, (x, y) => x + y, sum(1));
  // as a bias within the layer
  const { dims } = combined(a, b, (x, y) => x + y, sum(1));
  const [own, more] = [momentsOf(stretched(layer, dims)), momentsOf(stretched(bias, dims))];
  const variance = own.variance.map((v, i) => v + at(more.mean, i) ** 2);
  return gaussian({ dims, mean: own.mean, variance }, true);
}

async function all(c: FlowContext): Promise<Spread[]> {
  const found: Spread[] = [];
  for (const i of c.node.inputs.keys()) if (c.has(i)) found.push(await c.spread(i));
  return found;
}

const folded =
  (f: (a: Spread, b: Spread) => Spread): FlowRule =>
  async (c) => {
    const [first, ...others] = await all(c);
    return first === undefined ? [] : [others.reduce(f, first)];
  };

const pair = (f: Two, apart: Apart): FlowRule => folded((a, b) => combined(a, b, f, apart));

/** Where values are of different origins, as if they rose and fell together. */
const choice = (f: Two): FlowRule =>
  folded((a, b) => combined({ ...a, origin: undefined }, { ...b, origin: a.origin ?? b.origin }, f, sum(1)));

const unary: FlowRule = async (c) => {
  const f = functionOf(c.node);
  const [first, bias] = await all(c);
  if (f === undefined || first === undefined) return [];
  const isBiased = ['BiasGelu', 'FastGelu'].includes(c.node.opType) && bias !== undefined;
  return [mapped(isBiased ? added(first, bias) : first, f)];
};

const clip: FlowRule = async (c) => {
  const bound = (input: number, name: string, fallback: number): number =>
    (c.has(input) ? c.numbers(input)?.[0] : undefined) ?? attributeFloat(c.node, name, fallback);
  const [low, high] = [bound(1, 'min', -Infinity), bound(2, 'max', Infinity)];
  return [mapped(await c.spread(0), (x) => Math.min(Math.max(x, low), high))];
};

const power: FlowRule = async (c) => {
  const [exponent, ...others] = c.numbers(1) ?? [];
  if (exponent === undefined || others.length > 0) return [];
  const isWhole = Number.isInteger(exponent);
  return [mapped(await c.spread(0), (x) => finite((isWhole ? x : Math.max(x, 0)) ** exponent))];
};

const finite = (x: number): number => (Number.isFinite(x) ? x : 0);

/** Masks fill with a constant: what they leave is what there is. */
const where: FlowRule = async (c) => {
  const [a, b] = [await c.spread(1), await c.spread(2)];
  return [a.origin === undefined ? b : a];
};

export const elementwiseRules: FlowTable = {
  ...Object.fromEntries(
    (
      'Relu Abs Neg Exp Sqrt Tanh Erf Sigmoid Softplus Softsign Mish HardSwish Gelu FastGelu BiasGelu QuickGelu ' +
      'LeakyRelu HardSigmoid Elu Celu Selu Swish ThresholdedRelu'
    )
      .split(' ')
      .map((name) => [name, unary]),
  ),
  Add: folded(added),
  Sum: folded(added),
  Sub: pair((x, y) => x - y, sum(-1)),
  Mul: pair((x, y) => x * y, multiplied),
  Div: pair((x, y) => finite(x / y), divided),
  PRelu: pair((x, y) => (x < 0 ? x * y : x), multiplied),
  Min: choice(Math.min),
  Max: choice(Math.max),
  Pow: power,
  Clip: clip,
  Where: where,
};
