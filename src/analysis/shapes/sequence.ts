/** Sequences and optional values. */
import { DataType } from '../../onnx/model.ts';
import { add, ceilDiv, isUnknown, min, mul, sub, unknown } from '../dim.ts';
import type { InferredType } from '../inference.ts';
import type { Dim, Unknown } from '../types.ts';
import { concatDims } from './joining.ts';
import { eitherUnknown, lengthOf, mergeAll, mergeTypes } from './merge.ts';
import type { Holder } from './merge.ts';
import { dimsOf, isTensor, normalizeAxis, ofUnknownRank, ShapeError, tensor, withDim } from './rule.ts';
import type { Dims, Rule, RuleContext, RuleTable } from './rule.ts';
import { typeOfDeclared } from './symbols.ts';

/** More elements than this are told by what they have in common. */
const maxItems = 256;

function sequenceOf(items: readonly InferredType[]): Holder {
  const elem = mergeAll(items, 'sequence is empty', eitherUnknown);
  return items.length <= maxItems
    ? { kind: 'sequence', elem, items }
    : { kind: 'sequence', elem, length: items.length };
}

/** The sequence at input `i`, also of an optional one. */
function sequenceAt(c: RuleContext, i: number): Holder | Unknown {
  const t = c.type(i);
  const inner = t?.kind === 'optional' ? t.elem : t;
  if (inner?.kind === 'sequence') return inner;
  return inner?.kind === 'unknown' ? inner : unknown('input is no sequence');
}

const construct: Rule = (c) => [
  sequenceOf(Array.from({ length: c.inputCount }, (_, i) => c.type(i) ?? unknown('input is absent'))),
];

const empty: Rule = (c) => [
  { kind: 'sequence', elem: ofUnknownRank(c.int('dtype', DataType.float), 'sequence is empty'), items: [] },
];

/** A known position as an index, where the length is a number too. */
function positionOf(c: RuleContext, input: number, length: number, fallback: number): number | undefined {
  if (!c.has(input)) return fallback;
  const at = c.content(input)?.[0];
  return typeof at === 'number' ? (at < 0 ? at + length : at) : undefined;
}

const at: Rule = (c) => {
  const s = sequenceAt(c, 0);
  if (isUnknown(s)) return [s];
  const position = s.items && positionOf(c, 1, s.items.length, 0);
  if (position === undefined) return [s.elem];
  const item = s.items?.[position];
  if (item === undefined)
    throw new ShapeError(`position ${position} of a sequence of ${s.items?.length ?? 0}`);
  return [item];
};

/** sequence, tensor, position (at the end where it is absent) */
const insert: Rule = (c) => {
  const s = sequenceAt(c, 0);
  const added = c.type(1) ?? unknown('input is absent');
  if (isUnknown(s)) return [s];
  const position = s.items && positionOf(c, 2, s.items.length, s.items.length);
  if (s.items && position !== undefined && position >= 0 && position <= s.items.length)
    return [sequenceOf(s.items.toSpliced(position, 0, added))];
  const length = lengthOf(s);
  const elem = s.items?.length === 0 ? added : mergeTypes(s.elem, added, eitherUnknown);
  return [{ kind: 'sequence', elem, length: length === undefined ? undefined : add(length, 1) }];
};

/** sequence, position (the last one where it is absent) */
const erase: Rule = (c) => {
  const s = sequenceAt(c, 0);
  if (isUnknown(s)) return [s];
  const position = s.items && positionOf(c, 1, s.items.length, s.items.length - 1);
  if (s.items && position !== undefined && position >= 0 && position < s.items.length)
    return [sequenceOf(s.items.toSpliced(position, 1))];
  const length = lengthOf(s);
  return [{ kind: 'sequence', elem: s.elem, length: length === undefined ? undefined : sub(length, 1) }];
};

const length: Rule = (c) => {
  const s = sequenceAt(c, 0);
  const n = isUnknown(s) ? undefined : lengthOf(s);
  return [tensor(DataType.int64, [], n === undefined ? undefined : [n])];
};

/** Parts of equal size (a scalar `split`, the last may be smaller), of given sizes, or of 1 where it is absent. */
const splitToSequence: Rule = (c) => {
  const [dims, elemType] = [c.dims(0), c.elem(0)];
  if (dims === undefined) return [{ kind: 'sequence', elem: tensor(elemType, c.shape(0)) }];
  const axis = normalizeAxis(c.int('axis', 0), dims.length);
  const whole = dims[axis] ?? 1;
  const part = (d: Dim) => tensor(elemType, withDim(dims, axis, d));
  if (!c.has(1)) {
    const one = c.int('keepdims', 1) === 0 ? tensor(elemType, dims.toSpliced(axis, 1)) : part(1);
    return [repeated(one, whole)];
  }
  const content = c.content(1);
  if (c.dims(1)?.length === 1)
    return [content ? sequenceOf(content.map(part)) : ofParts(c, part, whole, c.dims(1)?.[0])];
  const size = content?.[0];
  if (size === undefined || isUnknown(size)) return [ofParts(c, part, whole, c.derived(0, 'length', whole))];
  const count = ceilDiv(whole, size);
  if (typeof count !== 'number' || typeof size !== 'number' || typeof whole !== 'number' || count > maxItems)
    return [{ kind: 'sequence', elem: part(c.derived(0, 'part', min(size, whole))), length: count }];
  return [sequenceOf(Array.from({ length: count }, (_, i) => part(Math.min(size, whole - i * size))))];
};

/** Parts of which only running tells the sizes. */
function ofParts(c: RuleContext, part: (d: Dim) => InferredType, whole: Dim, count: Dim | undefined): Holder {
  return { kind: 'sequence', elem: part(c.derived(0, 'part', whole)), length: count };
}

function repeated(item: InferredType, count: Dim): Holder {
  if (typeof count === 'number' && count <= maxItems)
    return sequenceOf(Array<InferredType>(count).fill(item));
  return { kind: 'sequence', elem: item, length: count };
}

/** All elements joined along `axis`, or along a new one. */
const concatFromSequence: Rule = (c) => {
  const s = sequenceAt(c, 0);
  if (isUnknown(s)) return [s];
  const elemType = isTensor(s.elem) ? s.elem.elemType : 0;
  const isNew = c.int('new_axis', 0) === 1;
  const items = s.items?.map((t) => (isTensor(t) ? dimsOf(t.shape) : undefined));
  if (items && items.length > 0 && items.every((d) => d !== undefined)) {
    const parts = isNew ? items.map((d) => withNewAxis(d, c.int('axis', 0), 1)) : items;
    return [tensor(elemType, concatDims(parts, c.int('axis', 0)))];
  }
  const dims = isTensor(s.elem) ? dimsOf(s.elem.shape) : undefined;
  if (dims === undefined) return [ofUnknownRank(elemType, 'rank of the elements is not known')];
  const count = lengthOf(s);
  if (isNew) return [tensor(elemType, withNewAxis(dims, c.int('axis', 0), count ?? c.derived(0, 'length')))];
  const axis = normalizeAxis(c.int('axis', 0), dims.length);
  const sum = mul(dims[axis] ?? 1, count ?? unknown('length of the sequence is not known'));
  return [tensor(elemType, withDim(dims, axis, isUnknown(sum) ? c.derived(0, `d${axis}`) : sum))];
};

function withNewAxis(dims: Dims, axis: number, size: Dim): Dims {
  return dims.toSpliced(normalizeAxis(axis, dims.length + 1), 0, size);
}

/**
 * The body once per element of the first input, which is a sequence; others are sequences of the same length, or
 * tensors that every call gets.
 */
const sequenceMap: Rule = (c) => {
  const inputs = Array.from({ length: c.inputCount }, (_, i) => c.type(i) ?? unknown('input is absent'));
  const first = sequenceAt(c, 0);
  const count = isUnknown(first) ? undefined : lengthOf(first);
  const run = (pick: (s: Holder) => InferredType | Unknown) =>
    c.subgraph(
      'body',
      inputs.map((t) => (t.kind === 'sequence' ? pick(t) : t)),
    )?.outputs ?? [];
  const known = inputs.every((t) => t.kind !== 'sequence' || t.items?.length === count);
  const calls =
    typeof count === 'number' && known && count <= 16
      ? Array.from({ length: count }, (_, k) => run((s) => s.items?.[k] ?? s.elem))
      : undefined;
  // Last, so that what stays known of the body holds for all elements.
  const common = run((s) => s.elem);
  return common.map((elem, i) => {
    const items = calls?.map((outputs) => outputs[i] ?? elem);
    return items ? { ...sequenceOf(items), elem } : { kind: 'sequence', elem, length: count };
  });
};

const optional: Rule = (c) => {
  const type = c.attribute('type');
  const declared =
    type?.kind === 'type'
      ? typeOfDeclared(type.value, (d) =>
          d.kind === 'size' && d.size >= 0 ? d.size : unknown('declared only'),
        )
      : unknown('Optional without a type');
  const given = c.type(0);
  return [
    given === undefined
      ? { kind: 'optional', elem: declared, items: [] }
      : { kind: 'optional', elem: given, items: [given] },
  ];
};

const getElement: Rule = (c) => {
  const t = c.type(0);
  if (t?.kind !== 'optional') return [t ?? unknown('input is absent')];
  return [t.items?.[0] ?? t.elem];
};

const hasElement: Rule = (c) => {
  const t = c.type(0);
  const known =
    t === undefined ? 0 : t.kind === 'optional' ? t.items?.length : t.kind === 'unknown' ? undefined : 1;
  return [tensor(DataType.bool, [], known === undefined ? undefined : [known])];
};

export const sequences: RuleTable = {
  SequenceConstruct: construct,
  SequenceEmpty: empty,
  SequenceAt: at,
  SequenceInsert: insert,
  SequenceErase: erase,
  SequenceLength: length,
  SequenceMap: sequenceMap,
  SplitToSequence: splitToSequence,
  ConcatFromSequence: concatFromSequence,
  Optional: optional,
  OptionalGetElement: getElement,
  OptionalHasElement: hasElement,
};
