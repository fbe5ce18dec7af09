/**
 * Dimensions as formulas: integer polynomials over symbols, with floor division and min/max as atoms.
 *
 * Expressions are normalised when made, so equal formulas have equal {@link DimExpr.key}s:
 * `add(mul(symbol('h'), 2), symbol('h'))` is `h·3`, `floorDiv(add(mul(h, 4), 2), 4)` is `h + 0` = `h`, and
 * `floorDiv(mul(batch, seq, 64), mul(batch, seq))` is 64. Anything that meets an {@link Unknown} is that Unknown, and an
 * expression past {@link maxTerms} or {@link maxKeyLength} becomes Unknown with that reason.
 *
 * Coefficients may be fractions (0.5·h): values of float tensors on their way to a `Floor` or `Cast`; see
 * {@link floorReal}. Shapes hold integers only.
 */
import {
  accumulate,
  commonDenominator,
  compareText,
  constantExpr,
  constantOf,
  divideTerms,
  gcd,
  isExpr,
  isIntegral,
  isUnknown,
  leadingTerm,
  make,
  mapCoefficients,
  maxTerms,
  multiplyTerms,
  ofAtom,
  parenthesised,
  safe,
  safeOr,
  scaleTerm,
  termsOf,
  tooComplex,
  unknown,
} from './dim-expr.ts';
import type { DimExpr, KnownDim, Term } from './dim-expr.ts';
import type { Dim } from './types.ts';

/** The symbol `name`, of which is known that it is at least `low`. */
export function symbol(name: string, low = 1): DimExpr {
  const key = /^[\p{L}_][\p{L}\p{N}_.]*$/u.test(name) ? name : JSON.stringify(name);
  return ofAtom({ kind: 'symbol', name, key, low, high: Infinity });
}

export function add(...dims: readonly Dim[]): Dim {
  return dims.reduce(add2, 0);
}

export function sub(a: Dim, b: Dim): Dim {
  return add2(a, mul2(b, -1));
}

export function mul(...dims: readonly Dim[]): Dim {
  return dims.reduce(mul2, 1);
}

/** ⌊a / b⌋. */
export function floorDiv(a: Dim, b: Dim): Dim {
  if (b === 1) return floorReal(a);
  if (typeof b === 'number') return divideByNumber(a, b);
  if (isUnknown(a)) return a;
  if (isUnknown(b)) return b;
  return divideByExpr(a, b);
}

/** ⌈a / b⌉, b > 0. */
export function ceilDiv(a: Dim, b: Dim): Dim {
  return floorDiv(sub(add2(a, b), 1), b);
}

/** a − b·⌊a / b⌋. */
export function mod(a: Dim, b: Dim): Dim {
  return sub(a, mul2(b, floorDiv(a, b)));
}

/** ⌊a⌋ of an expression that may have fractional coefficients. */
export function floorReal(a: Dim): Dim {
  if (typeof a === 'number') return Math.floor(a);
  if (isUnknown(a) || isIntegral(a)) return a;
  const d = commonDenominator([a.constant, ...a.terms.map((t) => t.coefficient)]);
  if (d === undefined) return unknown('fraction without a small denominator');
  const scaled = mapCoefficients(a, (c) => Math.round(c * d));
  return floorDiv(scaled, d);
}

/** ⌈a⌉ of an expression that may have fractional coefficients. */
export function ceilReal(a: Dim): Dim {
  return mul2(floorReal(mul2(a, -1)), -1);
}

export function max(...dims: readonly Dim[]): Dim {
  return extremum('max', dims);
}

export function min(...dims: readonly Dim[]): Dim {
  return extremum('min', dims);
}

/** True where both are the same formula; false where they differ for every value of the symbols; else undefined. */
export function equal(a: Dim, b: Dim): boolean | undefined {
  if (typeof a === 'number' && typeof b === 'number') return a === b;
  if (isUnknown(a) || isUnknown(b)) return undefined;
  if (sameDim(a, b)) return true;
  const d = sub(a, b);
  if (typeof d === 'number') return d === 0;
  return lowerBound(d) > 0 || upperBound(d) < 0 ? false : undefined;
}

/** a < b where that holds, or fails to, for every value of the symbols; else undefined. */
export function lessThan(a: Dim, b: Dim): boolean | undefined {
  const d = sub(a, b);
  if (upperBound(d) < 0) return true;
  return lowerBound(d) >= 0 ? false : undefined;
}

/** The same number or formula. Two unknowns are never the same. */
export function sameDim(a: Dim, b: Dim): boolean {
  return a === b ? !isUnknown(a) : isExpr(a) && isExpr(b) && a.key === b.key;
}

/** Greatest number known to be ≤ the dim: −∞ where nothing is known. */
export function lowerBound(a: Dim): number {
  return typeof a === 'number' ? a : isUnknown(a) ? -Infinity : a.low;
}

/** Least number known to be ≥ the dim. */
export function upperBound(a: Dim): number {
  return typeof a === 'number' ? a : isUnknown(a) ? Infinity : a.high;
}

/** As a person reads it: `batch·64`, `(h + 1)//2`, `?` for unknown. */
export function dimToString(a: Dim): string {
  return typeof a === 'number' ? String(a) : isUnknown(a) ? '?' : a.key;
}

function add2(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return safe(a + b);
  if (isUnknown(a)) return a;
  if (isUnknown(b)) return b;
  if (a === 0) return b;
  if (b === 0) return a;
  const terms = new Map<string, Term>();
  for (const t of termsOf(a)) terms.set(t.key, t);
  for (const t of termsOf(b)) accumulate(terms, t);
  return make(terms, constantOf(a) + constantOf(b));
}

function mul2(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return safe(a * b);
  if (a === 0 || b === 0) return 0; // also 0 · unknown
  if (isUnknown(a)) return a;
  if (isUnknown(b)) return b;
  if (typeof a === 'number') return a === 1 ? b : mapCoefficients(b as DimExpr, (c) => c * a);
  if (typeof b === 'number') return b === 1 ? a : mapCoefficients(a, (c) => c * b);
  if (a.terms.length * b.terms.length > 4 * maxTerms) return tooComplex;
  const terms = new Map<string, Term>();
  for (const s of a.terms) for (const t of b.terms) accumulate(terms, multiplyTerms(s, t));
  for (const t of a.terms) if (b.constant !== 0) accumulate(terms, scaleTerm(t, b.constant));
  for (const t of b.terms) if (a.constant !== 0) accumulate(terms, scaleTerm(t, a.constant));
  return make(terms, a.constant * b.constant);
}

/**
 * ⌊a / n⌋ by these identities, exact for integers: ⌊(n·q + r) / n⌋ = q + ⌊r / n⌋; ⌊−x / n⌋ = −⌊(x + n − 1) / n⌋;
 * ⌊(g·x + r) / (g·m)⌋ = ⌊(x + ⌊r / g⌋) / m⌋; ⌊(⌊x / k⌋ + r) / m⌋ = ⌊(x + k·r) / (k·m)⌋.
 */
function divideByNumber(a: Dim, n: number): Dim {
  if (isUnknown(a)) return a;
  if (n === 0) return unknown('division by zero');
  if (typeof a === 'number') return Math.floor(a / n);
  if (!Number.isInteger(n) || !isIntegral(a)) return floorReal(mul2(a, 1 / n));
  if (n < 0) return divideByNumber(mul2(a, -1), -n);
  const outside = new Map<string, Term>();
  const inside = new Map<string, Term>();
  for (const t of a.terms) {
    const whole = Math.trunc(t.coefficient / n);
    const rest = t.coefficient - whole * n;
    if (whole !== 0) outside.set(t.key, { ...t, coefficient: whole });
    if (rest !== 0) inside.set(t.key, { ...t, coefficient: rest });
  }
  const wholeConstant = Math.floor(a.constant / n);
  const remainder = a.constant - wholeConstant * n;
  const quotient = make(outside, wholeConstant);
  const rest = make(inside, remainder);
  if (isUnknown(rest) || isUnknown(quotient)) return tooComplex;
  if (typeof rest === 'number') return quotient; // 0 ≤ remainder < n
  return add2(quotient, reducedDivision(rest, n));
}

/** ⌊a / n⌋ where no coefficient of `a` reaches n and 0 ≤ constant < n. */
function reducedDivision(a: DimExpr, n: number): Dim {
  if (a.low >= 0 && a.high < n) return 0;
  const lead = a.terms[0];
  if (lead !== undefined && lead.coefficient < 0)
    return mul2(divideByNumber(add2(mul2(a, -1), n - 1), n), -1);
  const g = a.terms.reduce((d, t) => gcd(d, t.coefficient), n);
  if (g > 1) {
    const reduced = mapCoefficients(sub(a, a.constant) as DimExpr, (c) => c / g);
    return divideByNumber(add2(reduced, Math.floor(a.constant / g)), n / g);
  }
  const only = a.terms.length === 1 && lead?.coefficient === 1 ? lead.factors : [];
  const inner = only.length === 1 && only[0]?.power === 1 ? only[0].atom : undefined;
  if (inner?.kind === 'floorDiv' && typeof inner.denominator === 'number')
    return divideByNumber(
      add2(inner.numerator, inner.denominator * a.constant),
      safeOr(n * inner.denominator, n),
    );
  return ofAtom({
    kind: 'floorDiv',
    numerator: a,
    denominator: n,
    key: `${parenthesised(a)}//${n}`,
    low: Math.floor(a.low / n),
    high: Math.floor(a.high / n),
  });
}

/** ⌊a / b⌋ by polynomial division (a = b·q + r), then division of both by what they share. */
function divideByExpr(a: KnownDim, b: DimExpr): Dim {
  if (a === 0) return 0;
  if (sameDim(a, b)) return 1;
  let quotient: Dim = 0;
  let rest: Dim = a;
  const lead = leadingTerm(b);
  for (let step = 0; step < maxTerms && isExpr(rest); step++) {
    const q: DimExpr | number | undefined = rest.terms
      .map((t) => divideTerms(t, lead))
      .find((x) => x !== undefined);
    if (q === undefined) break;
    const next: Dim = sub(rest, mul2(q, b));
    if (isUnknown(next)) return next;
    if (termsOf(next).length > rest.terms.length) break;
    quotient = add2(quotient, q);
    rest = next;
  }
  if (rest === 0 || isUnknown(rest)) return quotient;
  if (lowerBound(rest) >= 0 && lessThan(rest, b) === true) return quotient;
  return add2(quotient, divisionAtom(rest, b));
}

function divisionAtom(a: KnownDim, b: DimExpr): Dim {
  const coefficients = [constantOf(a), ...termsOf(a).map((t) => t.coefficient)];
  const g = [...coefficients, b.constant, ...b.terms.map((t) => t.coefficient)].reduce(gcd, 0);
  if (g > 1) {
    const reduce = (x: KnownDim) =>
      typeof x === 'number' ? x / g : (mapCoefficients(x, (c) => c / g) as DimExpr);
    return floorDiv(reduce(a), reduce(b));
  }
  const numerator = typeof a === 'number' ? constantExpr(a) : a;
  const positive = b.low > 0;
  return ofAtom({
    kind: 'floorDiv',
    numerator,
    denominator: b,
    key: `${parenthesised(numerator)}//${parenthesised(b)}`,
    low: positive && numerator.low >= 0 ? 0 : -Infinity,
    high: positive ? Math.max(Math.floor(numerator.high / b.low), 0) : Infinity,
  });
}

function extremum(kind: 'min' | 'max', dims: readonly Dim[]): Dim {
  const kept: KnownDim[] = [];
  for (const d of dims.flatMap((x) => nested(kind, x))) {
    if (isUnknown(d)) return d;
    const beaten = kept.findIndex((k) => covers(kind, d, k));
    if (kept.some((k) => covers(kind, k, d))) continue;
    if (beaten < 0) kept.push(d);
    else kept.splice(beaten, 1, d);
  }
  const unique = kept.filter(
    (d, i) => !kept.some((k, j) => j !== i && covers(kind, k, d) && (j < i || !covers(kind, d, k))),
  );
  const [first] = unique;
  if (first === undefined) return unknown(`${kind} of nothing`);
  if (unique.length === 1) return first;
  const args = unique.toSorted((a, b) => compareText(dimToString(a), dimToString(b)));
  const pick = kind === 'min' ? Math.min : Math.max;
  return ofAtom({
    kind,
    args,
    key: `${kind}(${args.map(dimToString).join(', ')})`,
    low: pick(...args.map(lowerBound)),
    high: pick(...args.map(upperBound)),
  });
}

/** Whether `a` is always the answer when `a` and `b` are compared. */
function covers(kind: 'min' | 'max', a: KnownDim, b: KnownDim): boolean {
  if (sameDim(a, b)) return true;
  const d = kind === 'max' ? sub(a, b) : sub(b, a);
  return lowerBound(d) >= 0;
}

/** The arguments of a bare min or max of the same kind, else the dim itself. */
function nested(kind: 'min' | 'max', d: Dim): readonly Dim[] {
  if (!isExpr(d) || d.constant !== 0 || d.terms.length !== 1) return [d];
  const [term] = d.terms;
  const [factor] = term?.factors ?? [];
  if (term?.coefficient !== 1 || term.factors.length !== 1 || factor?.power !== 1) return [d];
  return factor.atom.kind === kind ? factor.atom.args : [d];
}
