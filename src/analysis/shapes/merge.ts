/** What two types have in common: branches that give one value, iterations of a loop, elements of a sequence. */
import { isUnknown, sameDim, unknown } from '../dim.ts';
import type { InferredType, KnownContent } from '../inference.ts';
import type { Dim, Shape, Unknown } from '../types.ts';
import { dimsOf } from './rule.ts';
import type { TensorType } from './rule.ts';

/** The dim that stands for both of two that differ; `place` says which one it is: `d0`, `d1`, …, or `length`. */
export type Either = (place: string, a: Dim, b: Dim) => Dim;

export const eitherUnknown: Either = () => unknown('differs from case to case');

/** The type of a value that is `a` in one case and `b` in another. */
export function mergeTypes(a: InferredType, b: InferredType, either: Either): InferredType {
  if (a === b) return a;
  if (a.kind === 'unknown') return a;
  if (b.kind === 'unknown') return b;
  if (a.kind === 'tensor' && b.kind === 'tensor') return mergeTensors(a, b, either);
  if (a.kind === 'optional' || b.kind === 'optional')
    return mergeHolders('optional', asOptional(a), asOptional(b), either);
  if (a.kind === 'sequence' && b.kind === 'sequence') return mergeHolders('sequence', a, b, either);
  return a.kind === b.kind ? a : unknown(`a ${a.kind} in one case, a ${b.kind} in another`);
}

/** What all of them have in common; unknown with `reason` where there is none. */
export function mergeAll(types: readonly InferredType[], reason: string, either: Either): InferredType {
  const [first, ...rest] = types;
  return first === undefined ? unknown(reason) : rest.reduce((a, b) => mergeTypes(a, b, either), first);
}

function mergeTensors(a: TensorType, b: TensorType, either: Either): TensorType {
  const sameFill = a.fill !== undefined && b.fill !== undefined && sameDim(a.fill, b.fill);
  return {
    kind: 'tensor',
    elemType: a.elemType === b.elemType || b.elemType === 0 ? a.elemType : a.elemType === 0 ? b.elemType : 0,
    shape: mergeShapes(a.shape, b.shape, either),
    content: mergeContents(a.content, b.content),
    fill: sameFill ? a.fill : undefined,
  };
}

function mergeShapes(a: Shape, b: Shape, either: Either): Shape {
  const [x, y] = [dimsOf(a), dimsOf(b)];
  if (x === undefined) return a;
  if (y === undefined) return b;
  if (x.length !== y.length) return unknown(`rank ${x.length} in one case, ${y.length} in another`);
  return x.map((d, i) => mergeDims(d, y[i] ?? d, `d${i}`, either));
}

function mergeDims(a: Dim, b: Dim, place: string, either: Either): Dim {
  if (isUnknown(a) || sameDim(a, b)) return a;
  return isUnknown(b) ? b : either(place, a, b);
}

const differs = unknown('differs from case to case');

/** Elements that are the same in both stay known. */
function mergeContents(a: KnownContent | undefined, b: KnownContent | undefined): KnownContent | undefined {
  if (a === undefined || b === undefined || a.length !== b.length) return undefined;
  const merged = a.map((d, i) => (sameDim(d, b[i] ?? differs) ? d : differs));
  return merged.every(isUnknown) ? undefined : merged;
}

export type Holder = Extract<InferredType, { kind: 'sequence' | 'optional' }>;

function mergeHolders(kind: Holder['kind'], a: Holder, b: Holder, either: Either): Holder {
  const [x, y] = [a.items, b.items];
  const elem = mergeElements(a, b, either);
  if (x !== undefined && y !== undefined && x.length === y.length)
    return { kind, elem, items: x.map((t, i) => mergeTypes(t, y[i] ?? t, either)) };
  const [m, n] = [lengthOf(a), lengthOf(b)];
  return {
    kind,
    elem,
    length: m === undefined || n === undefined ? undefined : mergeDims(m, n, 'length', either),
  };
}

/** Number of elements of a sequence, where it is known. */
export function lengthOf(t: Holder): Dim | undefined {
  return t.items?.length ?? t.length;
}

/** An empty sequence says nothing of its elements. */
function mergeElements(a: Holder, b: Holder, either: Either): InferredType | Unknown {
  if (a.items?.length === 0) return b.elem;
  return b.items?.length === 0 ? a.elem : mergeTypes(a.elem, b.elem, either);
}

/** A value where an optional is expected counts as one that is given. */
function asOptional(t: InferredType): Holder {
  return t.kind === 'optional' ? t : { kind: 'optional', elem: t, items: [t] };
}
