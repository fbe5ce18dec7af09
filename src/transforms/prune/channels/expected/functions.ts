/** Functions of one number, by operator. */
import { attributeFloat, attributeString, type Node } from '../../../../onnx/model.ts';

type Maker = (node: Node) => (x: number) => number;

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const clipped = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

/** Abramowitz and Stegun 7.1.26: within 1.5e-7. */
export function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}

const gelu = (x: number): number => (x / 2) * (1 + erf(x / Math.SQRT2));
const tanhGelu = (x: number): number =>
  (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
const always =
  (f: (x: number) => number): Maker =>
  () =>
    f;

const FUNCTIONS: Readonly<Record<string, Maker>> = {
  Relu: always((x) => Math.max(x, 0)),
  Abs: always(Math.abs),
  Neg: always((x) => -x),
  Exp: always((x) => Math.exp(Math.min(x, 30))),
  Sqrt: always((x) => Math.sqrt(Math.max(x, 0))),
  Tanh: always(Math.tanh),
  Erf: always(erf),
  Sigmoid: always(sigmoid),
  Softplus: always(softplus),
  Softsign: always((x) => x / (1 + Math.abs(x))),
  Mish: always((x) => x * Math.tanh(softplus(x))),
  HardSwish: always((x) => (x * clipped(x + 3, 0, 6)) / 6),
  Gelu: (node) => (attributeString(node, 'approximate') === 'tanh' ? tanhGelu : gelu),
  FastGelu: always(tanhGelu),
  BiasGelu: always(gelu),
  Identity: always((x) => x),
  Cast: always((x) => x),
  Dropout: always((x) => x),
  LeakyRelu: (node) => {
    const alpha = attributeFloat(node, 'alpha', 0.01);
    return (x) => (x < 0 ? alpha * x : x);
  },
  HardSigmoid: (node) => {
    const [alpha, beta] = [attributeFloat(node, 'alpha', 0.2), attributeFloat(node, 'beta', 0.5)];
    return (x) => clipped(alpha * x + beta, 0, 1);
  },
  Elu: (node) => {
    const alpha = attributeFloat(node, 'alpha', 1);
    return (x) => (x < 0 ? alpha * Math.expm1(x) : x);
  },
  Celu: (node) => {
    const alpha = attributeFloat(node, 'alpha', 1);
    return (x) => (x < 0 ? alpha * Math.expm1(x / alpha) : x);
  },
  Selu: (node) => {
    const alpha = attributeFloat(node, 'alpha', 1.6732632);
    const gamma = attributeFloat(node, 'gamma', 1.050701);
    return (x) => gamma * (x < 0 ? alpha * Math.expm1(x) : x);
  },
  Swish: (node) => scaledSwish(attributeFloat(node, 'alpha', 1)),
  QuickGelu: (node) => scaledSwish(attributeFloat(node, 'alpha', 1.702)),
  ThresholdedRelu: (node) => {
    const alpha = attributeFloat(node, 'alpha', 1);
    return (x) => (x > alpha ? x : 0);
  },
};

function scaledSwish(alpha: number): (x: number) => number {
  return (x) => x * sigmoid(alpha * x);
}

/** Undefined where the operator is no function of its first input alone. */
export function functionOf(node: Node): ((x: number) => number) | undefined {
  return Object.hasOwn(FUNCTIONS, node.opType) ? FUNCTIONS[node.opType]?.(node) : undefined;
}
