/**
 * Truth as a number: 1 or 0 where it does not depend on the sizes, else a formula that is 1 or 0. So
 * `Not(Equal(seq, 1))` is `min(1, max(0, seq - 1, …))`, and what depends on it is known for every size.
 */
import {
  add,
  equal,
  isExpr,
  isIntegral,
  isUnknown,
  lessThan,
  lowerBound,
  max,
  min,
  mul,
  sub,
  unknown,
  upperBound,
} from '../dim.ts';
import type { Dim } from '../types.ts';

const notDecided = unknown('comparison depends on the dims');

/** Whether a = b. */
export function isEqual(a: Dim, b: Dim): Dim {
  const known = equal(a, b);
  if (known !== undefined) return known ? 1 : 0;
  return decidable(a, b) ? sub(1, min(1, max(0, sub(a, b), sub(b, a)))) : reasonOf(a, b);
}

/** Whether a < b. */
export function isLess(a: Dim, b: Dim): Dim {
  const known = lessThan(a, b);
  if (known !== undefined) return known ? 1 : 0;
  return decidable(a, b) ? min(1, max(0, sub(b, a))) : reasonOf(a, b);
}

/** Differences of integers are 0, or at least 1. */
function decidable(a: Dim, b: Dim): boolean {
  return [a, b].every((d) => (typeof d === 'number' ? Number.isInteger(d) : isExpr(d) && isIntegral(d)));
}

function reasonOf(a: Dim, b: Dim): Dim {
  return isUnknown(a) ? a : isUnknown(b) ? b : notDecided;
}

/** Whether a number is not 0. */
export function isNonZero(d: Dim): Dim {
  if (typeof d === 'number') return d === 0 ? 0 : 1;
  if (isUnknown(d)) return d;
  return lowerBound(d) >= 0 && upperBound(d) <= 1 ? d : not(isEqual(d, 0));
}

export function not(d: Dim): Dim {
  return sub(1, isNonZero(d));
}

export function and(a: Dim, b: Dim): Dim {
  const [x, y] = [isNonZero(a), isNonZero(b)];
  return x === 0 || y === 0 ? 0 : min(x, y);
}

export function or(a: Dim, b: Dim): Dim {
  const [x, y] = [isNonZero(a), isNonZero(b)];
  return x === 1 || y === 1 ? 1 : max(x, y);
}

export function xor(a: Dim, b: Dim): Dim {
  const [x, y] = [isNonZero(a), isNonZero(b)];
  return sub(max(x, y), min(x, y));
}

/** `x` where the condition holds, else `y`. */
export function choose(condition: Dim, x: Dim, y: Dim): Dim {
  const c = isNonZero(condition);
  if (typeof c === 'number') return c === 1 ? x : y;
  if (!isUnknown(x) && !isUnknown(y) && isEqual(x, y) === 1) return x;
  return add(y, mul(c, sub(x, y)));
}
