/** Arithmetic, comparison and logic of several tensors that broadcast together. */
import { DataType } from '../../onnx/model.ts';
import { add, floorDiv, lowerBound, max, min, mod, mul, sameDim, sub, unknown, upperBound } from '../dim.ts';
import type { Dim } from '../types.ts';
import { broadcastShapes } from './broadcast.ts';
import { mapBroadcast } from './content.ts';
import { finite } from './elementwise.ts';
import { dimsOf, tensor } from './rule.ts';
import { and, choose, isEqual, isLess, not, or, xor } from './truth.ts';
import type { Rule, RuleContext, RuleTable } from './rule.ts';

const notAFormula = unknown('not a polynomial');

type Combine = (elements: Dim[], c: RuleContext) => Dim;

/** All inputs broadcast; `elemType` undefined: that of the first input whose type is known. */
function broadcasting(combine: Combine | undefined, elemType?: number, firstInput = 0): Rule {
  return (c) => {
    const inputs = Array.from({ length: c.inputCount }, (_, i) => i);
    const type =
      elemType ??
      inputs
        .slice(firstInput)
        .map((i) => c.elem(i))
        .find((t) => t !== 0) ??
      0;
    const shape = broadcastShapes(inputs.map((i) => c.shape(i)));
    const dims = dimsOf(shape);
    if (combine === undefined || dims === undefined || !inputs.every((i) => c.hasContent(i)))
      return [tensor(type, shape)];
    const parts = inputs.map((i) => ({ dims: c.dims(i), content: c.content(i) }));
    return [
      tensor(
        type,
        shape,
        mapBroadcast(parts, dims, (elements) => combine(elements, c)),
      ),
    ];
  };
}

/** Through opset 6, the second input broadcasts to the first (attributes `broadcast`, `axis`): the first's shape. */
const legacy =
  (elemType?: number): Rule =>
  (c) => [tensor(elemType ?? c.elem(0), c.shape(0))];

const pairwise =
  (f: (a: Dim, b: Dim, c: RuleContext) => Dim): Combine =>
  ([a, b], c) =>
    a === undefined || b === undefined ? notAFormula : f(a, b, c);

export const isFloat = (t: number) =>
  t === DataType.float || t === DataType.double || t === DataType.float16 || t === DataType.bfloat16;

/** Floats divide exactly; integers are cut towards zero. */
function divide(a: Dim, b: Dim, c: RuleContext): Dim {
  if (isFloat(c.elem(0))) return divideReal(a, b);
  if (lowerBound(a) >= 0 || lowerBound(b) <= 0) {
    if (lowerBound(b) <= 0 && typeof b === 'number' && b < 0) return mul(floorDiv(a, -b), -1);
    return floorDiv(a, b);
  }
  return upperBound(a) <= 0 ? mul(floorDiv(mul(a, -1), b), -1) : floorDiv(a, b);
}

function divideReal(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return finite(a / b);
  if (typeof b === 'number') return b === 0 ? notAFormula : mul(a, 1 / b);
  const q = floorDiv(a, b);
  return sameDim(mul(q, b), a) ? q : notAFormula;
}

function power(a: Dim, b: Dim): Dim {
  if (typeof b !== 'number') return notAFormula;
  if (typeof a === 'number') return finite(a ** b);
  if (!Number.isInteger(b) || b < 0 || b > 8) return notAFormula;
  return mul(...Array<Dim>(b).fill(a));
}

function modulo(a: Dim, b: Dim, c: RuleContext): Dim {
  if (typeof a === 'number' && typeof b === 'number' && c.int('fmod', 0) === 1) return finite(a % b);
  return c.int('fmod', 0) === 0 || (lowerBound(a) >= 0 && lowerBound(b) > 0) ? mod(a, b) : notAFormula;
}

/** The third and second input by turns, as the first says. */
const where: Combine = ([condition, x, y]) =>
  condition === undefined || x === undefined || y === undefined ? notAFormula : choose(condition, x, y);

/** A rule for opset 7 on, with the older form before it. */
const arithmetic = (f: (a: Dim, b: Dim, c: RuleContext) => Dim) =>
  [
    [1, legacy()],
    [7, broadcasting(pairwise(f))],
  ] as const;
const comparison = (f: (a: Dim, b: Dim) => Dim) =>
  [
    [1, legacy(DataType.bool)],
    [7, broadcasting(pairwise(f), DataType.bool)],
  ] as const;
/** Variadic: through opset 7 all inputs have the same shape. */
const variadic = (f: Combine | undefined) =>
  [
    [1, legacy()],
    [8, broadcasting(f)],
  ] as const;

/** A known operand shows that the content is of interest: unknown operands stay unknown in their places. */
export const binary: RuleTable = {
  Add: arithmetic((a, b) => add(a, b)),
  Sub: arithmetic(sub),
  Mul: arithmetic((a, b) => mul(a, b)),
  Div: arithmetic(divide),
  Pow: arithmetic(power),
  Mod: broadcasting(pairwise(modulo)),
  Max: variadic((e) => max(...e)),
  Min: variadic((e) => min(...e)),
  Sum: variadic((e) => add(...e)),
  Mean: variadic((e) => divideReal(add(...e), e.length)),
  Equal: comparison((a, b) => isEqual(a, b)),
  Greater: comparison((a, b) => isLess(b, a)),
  Less: comparison((a, b) => isLess(a, b)),
  GreaterOrEqual: broadcasting(
    pairwise((a, b) => not(isLess(a, b))),
    DataType.bool,
  ),
  LessOrEqual: broadcasting(
    pairwise((a, b) => not(isLess(b, a))),
    DataType.bool,
  ),
  And: comparison(and),
  Or: comparison(or),
  Xor: comparison(xor),
  BitShift: broadcasting(undefined),
  BitwiseAnd: broadcasting(undefined),
  BitwiseOr: broadcasting(undefined),
  BitwiseXor: broadcasting(undefined),
  StringConcat: broadcasting(undefined),
  Where: broadcasting(where, undefined, 1),
  PRelu: legacy(),
  SwiGLU: broadcasting(undefined),
};

/** For those that add further operators of this kind. */
export const broadcastRule = (elemType?: number): Rule => broadcasting(undefined, elemType);
