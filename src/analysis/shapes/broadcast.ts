/** Multidirectional (NumPy-like) broadcasting of shapes. */
import { dimToString, isExpr, isUnknown, lowerBound, max, sameDim, unknown } from '../dim.ts';
import type { Dim, Shape } from '../types.ts';
import { dimsOf, ShapeError } from './rule.ts';
import type { Dims } from './rule.ts';

const absent = unknown('');

/** The shape that all of them broadcast to. */
export function broadcastShapes(shapes: readonly Shape[]): Shape {
  const known: Dims[] = [];
  for (const s of shapes) {
    const dims = dimsOf(s);
    if (dims === undefined) return s;
    known.push(dims);
  }
  return broadcastDims(known);
}

export function broadcastDims(all: readonly Dims[]): Dims {
  const [first] = all;
  if (first !== undefined && all.every((d) => sameDims(d, first))) return first;
  let rank = 0;
  for (const d of all) rank = Math.max(rank, d.length);
  const dims: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    let dim: Dim = 1;
    for (const d of all) {
      const from = d[i - (rank - d.length)];
      if (from !== undefined) dim = broadcastDim(dim, from);
    }
    dims.push(dim);
  }
  return dims;
}

/**
 * One dim of the result. Where one of two formulas is known to be at least 2 it is the result (the other equals it,
 * or is 1); else it is the greater of the two, which is right whenever the model is.
 */
export function broadcastDim(a: Dim, b: Dim): Dim {
  if (a === 1 || sameDim(a, b)) return b;
  if (b === 1) return a;
  if (typeof a === 'number' && typeof b === 'number')
    throw new ShapeError(`dimensions ${a} and ${b} cannot be broadcast together`);
  if (typeof a === 'number') return a;
  if (typeof b === 'number') return b;
  const [atLeast2A, atLeast2B] = [lowerBound(a) >= 2, lowerBound(b) >= 2];
  if (atLeast2A && atLeast2B) return simpler(a, b);
  if (atLeast2A) return a;
  if (atLeast2B) return b;
  if (isUnknown(a)) return unknown(a.reason);
  if (isUnknown(b)) return unknown(b.reason);
  return max(a, b);
}

/** The same dims, each a number or a formula: unknown dims are equal to none. */
export function sameDims(a: Dims, b: Dims): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!sameDim(a[i] ?? absent, b[i] ?? absent)) return false;
  return true;
}

function simpler(a: Dim, b: Dim): Dim {
  const size = (d: Dim) => (isExpr(d) ? dimToString(d).length : Infinity);
  return size(a) <= size(b) ? a : b;
}

/** Both must be the same size: a number wins over a formula, a formula over unknown. Throws where they cannot be equal. */
export function mergeDim(a: Dim, b: Dim, what: string): Dim {
  if (isUnknown(a)) return b;
  if (isUnknown(b) || sameDim(a, b)) return a;
  if (typeof a === 'number' && typeof b === 'number')
    throw new ShapeError(`${what}: ${a} and ${b} should be the same`);
  if (typeof a === 'number') return a;
  if (typeof b === 'number') return b;
  return simpler(a, b);
}
