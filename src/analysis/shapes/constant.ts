/** Operators that make tensors from attributes or from a shape: constants, ranges, random numbers, windows. */
import { DataType } from '../../onnx/model.ts';
import type { Attribute, TensorRef } from '../../onnx/model.ts';
import { add, ceilReal, isUnknown, max, mul, sub, unknown, equal } from '../dim.ts';
import type { InferredType, KnownContent } from '../inference.ts';
import type { Dim } from '../types.ts';
import { hasReadableContent, maxContent, readContent, staticCount, StoredTensor } from './content.ts';
import { ofUnknownRank, ShapeError, tensor, unknownDims } from './rule.ts';
import type { Dims, Rule, RuleContext, RuleTable } from './rule.ts';

const typesOfTensors = new WeakMap<TensorRef, InferredType>();

/** Type of a tensor of the file: always the same object for the same tensor. */
export function typeOfTensor(t: TensorRef): InferredType {
  const known = typesOfTensors.get(t);
  if (known) return known;
  const type = makeTypeOfTensor(t);
  typesOfTensors.set(t, type);
  return type;
}

function makeTypeOfTensor(t: TensorRef): InferredType {
  return hasReadableContent(t) ? new StoredTensor(t) : tensor(t.dataType, t.dims);
}

const ofAttribute: Readonly<Record<string, (a: Attribute) => InferredType | undefined>> = {
  value: (a) => (a.kind === 'tensor' ? typeOfTensor(a.value) : undefined),
  sparse_value: (a) =>
    a.kind === 'sparseTensor' ? tensor(a.value.values.dataType, a.value.dims) : undefined,
  value_float: (a) => (a.kind === 'float' ? tensor(DataType.float, [], [a.value]) : undefined),
  value_floats: (a) =>
    a.kind === 'floats' ? tensor(DataType.float, [a.value.length], short(a.value)) : undefined,
  value_int: (a) => (a.kind === 'int' ? tensor(DataType.int64, [], [Number(a.value)]) : undefined),
  value_ints: (a) =>
    a.kind === 'ints' ? tensor(DataType.int64, [a.value.length], short(a.value.map(Number))) : undefined,
  value_string: (a) => (a.kind === 'string' ? tensor(DataType.string, []) : undefined),
  value_strings: (a) => (a.kind === 'strings' ? tensor(DataType.string, [a.value.length]) : undefined),
};

function short(values: readonly number[]): KnownContent | undefined {
  return values.length <= maxContent ? values : undefined;
}

const constant: Rule = (c) => {
  for (const [name, read] of Object.entries(ofAttribute)) {
    const attribute = c.attribute(name);
    const type = attribute && read(attribute);
    if (type) return [type];
  }
  return [unknown('Constant without a value')];
};

/** The shape that input `i` spells out for output 0; dims that only running tells are symbols. */
export function shapeFromInput(c: RuleContext, i: number): Dims | undefined {
  const rank = c.dims(i)?.[0];
  const content = c.content(i) ?? (typeof rank === 'number' ? unknownDims(rank, 'at run time') : undefined);
  return content?.map((d, k) => (isUnknown(d) ? c.derived(0, `d${k}`) : d));
}

const constantOfShape: Rule = (c) => {
  const value = c.tensorAttribute('value');
  const elemType = value?.dataType ?? DataType.float;
  const dims = shapeFromInput(c, 0);
  if (dims === undefined) return [ofUnknownRank(elemType, 'shape is computed at run time')];
  const count = staticCount(dims);
  const fill: Dim | undefined = value ? readContent(value)?.[0] : 0;
  const content =
    count !== undefined && count <= maxContent && fill !== undefined
      ? Array<Dim>(count).fill(fill)
      : undefined;
  return [{ ...tensor(elemType, dims, content), ...(fill === undefined ? {} : { fill }) }];
};

export const range: Rule = (c) => {
  const [start, limit] = [0, 1].map((i) => c.content(i)?.[0]);
  const delta = c.has(2) ? c.content(2)?.[0] : 1;
  const elemType = c.elem(0);
  if (start === undefined || limit === undefined || delta === undefined)
    return [tensor(elemType, [c.derived(0, 'd0')])];
  const count = rangeCount(start, limit, delta);
  if (isUnknown(count)) return [tensor(elemType, [c.derived(0, 'd0')])];
  const content =
    typeof count === 'number' && count <= maxContent
      ? Array.from({ length: count }, (_, i) => add(start, mul(i, delta)))
      : undefined;
  return [tensor(elemType, [count], content)];
};

/** ⌈(limit − start) / delta⌉, at least 0. */
function rangeCount(start: Dim, limit: Dim, delta: Dim): Dim {
  if (typeof delta !== 'number')
    return equal(delta, 1) ? max(sub(limit, start), 0) : unknown('step is not known');
  if (delta === 0) throw new ShapeError('the step of Range is 0');
  const span = sub(limit, start);
  const steps = typeof span === 'number' ? Math.ceil(span / delta) : ceilReal(mul(span, 1 / delta));
  return max(steps, 0);
}

const ofShapeAttribute: Rule = (c) => [
  tensor(c.int('dtype', DataType.float), c.ints('shape') ?? unknown('no shape given')),
];
const likeInput: Rule = (c) => [tensor(c.int('dtype') ?? c.elem(0), c.shape(0))];

const eyeLike: Rule = (c) => [tensor(c.int('dtype') ?? (c.elem(0) || DataType.float), c.shape(0))];

const multinomial: Rule = (c) => {
  const batch = c.dims(0)?.[0] ?? unknown('rank is not known');
  return [tensor(c.int('dtype', DataType.int32), [batch, c.int('sample_size', 1)])];
};

const bernoulli: Rule = (c) => [tensor(c.int('dtype') ?? c.elem(0), c.shape(0))];

export const constants: RuleTable = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  RandomNormal: ofShapeAttribute,
  RandomUniform: ofShapeAttribute,
  RandomNormalLike: likeInput,
  RandomUniformLike: likeInput,
  EyeLike: eyeLike,
  Multinomial: multinomial,
  Bernoulli: bernoulli,
};
