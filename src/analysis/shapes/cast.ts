/** Element type conversions. */
import { DataType } from '../../onnx/model.ts';
import { floorReal, unknown } from '../dim.ts';
import type { Dim, Shape } from '../types.ts';
import { isFloat } from './binary.ts';
import { dimsOf, tensor } from './rule.ts';
import type { Rule, RuleContext, RuleTable } from './rule.ts';
import { isNonZero } from './truth.ts';

/** Names of element types as opset 1 to 5 spell Cast's `to`. */
const typeNames = new Map(Object.entries(DataType).map(([name, value]) => [name.toUpperCase(), value]));

function castElement(to: number): (d: Dim) => Dim {
  if (to === DataType.bool) return isNonZero;
  if (isFloat(to)) return (d) => d;
  // Towards zero; formulas that reach here are sizes, not negative.
  return (d) => (typeof d === 'number' ? Math.trunc(d) : floorReal(d));
}

function castTo(c: RuleContext, to: number) {
  const content = c.hasContent(0) && to !== DataType.string ? c.content(0)?.map(castElement(to)) : undefined;
  return [tensor(to, c.shape(0), content)];
}

const cast: Rule = (c) => castTo(c, c.int('to') ?? typeNames.get(c.text('to', '')) ?? 0);
const castLike: Rule = (c) => castTo(c, c.elem(1));

const bits: Readonly<Record<number, number>> = {
  [DataType.float]: 32,
  [DataType.int32]: 32,
  [DataType.uint32]: 32,
  [DataType.double]: 64,
  [DataType.int64]: 64,
  [DataType.uint64]: 64,
  [DataType.complex64]: 64,
  [DataType.complex128]: 128,
  [DataType.uint4]: 4,
  [DataType.int4]: 4,
  [DataType.float4e2m1]: 4,
  [DataType.uint2]: 2,
  [DataType.int2]: 2,
  [DataType.float16]: 16,
  [DataType.bfloat16]: 16,
  [DataType.int16]: 16,
  [DataType.uint16]: 16,
};

/** BitCast keeps the shape where the types are of one width; ONNX 26 allows nothing else. */
const bitCast: Rule = (c) => {
  const to = c.int('to', 0);
  const same = (bits[to] ?? 8) === (bits[c.elem(0)] ?? 8);
  const shape: Shape = same || dimsOf(c.shape(0)) === undefined ? c.shape(0) : unknown('bit widths differ');
  return [tensor(to, shape)];
};

export const casts: RuleTable = { Cast: cast, CastLike: castLike, BitCast: bitCast };
