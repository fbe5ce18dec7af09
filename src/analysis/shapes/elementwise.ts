/** Operators that work element by element on one tensor, and keep its shape. */
import { DataType } from '../../onnx/model.ts';
import { ceilReal, equal, floorReal, lowerBound, mul, add, unknown, upperBound } from '../dim.ts';
import type { Dim } from '../types.ts';
import { maxContent, staticCount } from './content.ts';
import { sameAs, sameShape, tensor } from './rule.ts';
import type { Rule, RuleTable } from './rule.ts';
import { not } from './truth.ts';

const notAFormula = unknown('not a polynomial');

/** A function of numbers; of a formula it is unknown. */
const ofNumber =
  (f: (x: number) => number) =>
  (d: Dim): Dim =>
    typeof d === 'number' ? finite(f(d)) : notAFormula;

export function finite(x: number): Dim {
  return Number.isNaN(x) ? unknown('not a number') : x;
}

/** Keeps type and shape; where the content is known, it is computed by `f`. */
function unary(f: (d: Dim) => Dim): Rule {
  return (c) => {
    const shape = c.shape(0);
    const count = c.hasContent(0) ? staticCount(c.dims(0)) : undefined;
    const content = count !== undefined && count <= maxContent ? c.content(0)?.map(f) : undefined;
    return [tensor(c.elem(0), shape, content)];
  };
}

function absolute(d: Dim): Dim {
  if (typeof d === 'number') return Math.abs(d);
  if (lowerBound(d) >= 0) return d;
  return upperBound(d) <= 0 ? mul(d, -1) : notAFormula;
}

/** To the nearest integer, halves to even, as ONNX rounds. */
function roundHalfEven(x: number): number {
  const r = Math.round(x);
  return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
}

const clip: Rule = (c) => {
  const input = c.hasContent(0) ? c.content(0) : undefined;
  if (input === undefined || c.version < 11) return [tensor(c.elem(0), c.shape(0))];
  const [low, high] = [1, 2].map((i) => (c.has(i) ? (c.content(i)?.[0] ?? notAFormula) : undefined));
  const content = input.map((d) => {
    if (typeof d !== 'number') return notAFormula;
    if ((low !== undefined && typeof low !== 'number') || (high !== undefined && typeof high !== 'number'))
      return notAFormula;
    return Math.min(Math.max(d, low ?? -Infinity), high ?? Infinity);
  });
  return [tensor(c.elem(0), c.shape(0), content)];
};

/** Dropout: the mask has the type of the input through opset 9, bool since. */
const dropout: Rule = (c) => [
  tensor(c.elem(0), c.shape(0), c.content(0)),
  tensor(c.version < 10 ? c.elem(0) : DataType.bool, c.shape(0)),
];

const identity: Rule = (c) => [c.type(0) ?? unknown('no input')];

const plain = [
  ...[
    'Acos',
    'Acosh',
    'Asin',
    'Asinh',
    'Atan',
    'Atanh',
    'Celu',
    'Cos',
    'Cosh',
    'Elu',
    'Erf',
    'Gelu',
    'HardSigmoid',
  ],
  ...[
    'HardSwish',
    'Hardmax',
    'LeakyRelu',
    'LogSoftmax',
    'Mish',
    'Selu',
    'Shrink',
    'Sigmoid',
    'Sin',
    'Sinh',
    'Softmax',
  ],
  ...[
    'Softplus',
    'Softsign',
    'Swish',
    'Tan',
    'Tanh',
    'ThresholdedRelu',
    'BitwiseNot',
    'Trilu',
    'CumSum',
    'CumProd',
  ],
  ...['LpNormalization', 'MeanVarianceNormalization', 'LRN', 'ReverseSequence', 'ParametricSoftplus'],
  // Experimental operators of the first opsets, which ONNX Runtime still runs.
  ...['ScaledTanh', 'ImageScaler', 'Affine'],
];

export const elementwise: RuleTable = {
  ...Object.fromEntries(plain.map((op) => [op, sameAs(0)])),
  Identity: identity,
  Abs: unary(absolute),
  Ceil: unary(ceilReal),
  Exp: unary(ofNumber(Math.exp)),
  Floor: unary(floorReal),
  Log: unary(ofNumber(Math.log)),
  Neg: unary((d) => mul(d, -1)),
  Not: unary(not),
  Reciprocal: unary(ofNumber((x) => 1 / x)),
  Relu: unary((d) => (typeof d === 'number' ? Math.max(d, 0) : lowerBound(d) >= 0 ? d : notAFormula)),
  Round: unary((d) =>
    typeof d === 'number' ? roundHalfEven(d) : equal(d, floorReal(d)) ? d : floorReal(add(d, 0.5)),
  ),
  Sign: unary((d) => (typeof d === 'number' ? Math.sign(d) : lowerBound(d) > 0 ? 1 : notAFormula)),
  Sqrt: unary(ofNumber(Math.sqrt)),
  Clip: clip,
  Dropout: dropout,
  IsInf: sameShape(DataType.bool),
  IsNaN: sameShape(DataType.bool),
};
