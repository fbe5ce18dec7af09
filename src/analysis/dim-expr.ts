/**
 * How a formula is held: the parts of {@link DimExpr}, made normalised and with its key. `dim.ts` is what others use.
 */
import type { Dim, Unknown } from './types.ts';

/** A polynomial: sum of terms and a constant. Never a plain number: those stay numbers. */
export interface DimExpr {
  readonly kind: 'expr';
  /** Sorted by key; no zero coefficient. */
  readonly terms: readonly Term[];
  readonly constant: number;
  /** Readable and canonical: equal keys mean equal formulas. */
  readonly key: string;
  /** Interval that holds every value, given the lower limits of the symbols (1 for inputs' dims, 0 for derived). */
  readonly low: number;
  readonly high: number;
}

export interface Term {
  readonly coefficient: number;
  /** Sorted by the atom's key; powers ≥ 1. Not empty. */
  readonly factors: readonly Factor[];
  /** Key of the factors without the coefficient. */
  readonly key: string;
}

export interface Factor {
  readonly atom: Atom;
  readonly power: number;
}

interface AtomBase {
  readonly key: string;
  readonly low: number;
  readonly high: number;
}
/** What a polynomial treats as indivisible. */
export type Atom = AtomBase &
  (
    | { readonly kind: 'symbol'; readonly name: string }
    | { readonly kind: 'floorDiv'; readonly numerator: DimExpr; readonly denominator: number | DimExpr }
    | { readonly kind: 'min' | 'max'; readonly args: readonly KnownDim[] }
  );

export type KnownDim = number | DimExpr;

/** Past these an expression says nothing to a reader and costs more than it tells. */
export const maxTerms = 48;
const maxKeyLength = 800;

/** An unknown dim or shape. */
export function unknown(reason: string): Unknown {
  return { kind: 'unknown', reason };
}

export function isUnknown(x: unknown): x is Unknown {
  // shapes are asked most, which are lists: to look for a property in them takes longer
  if (typeof x !== 'object' || x === null || Array.isArray(x)) return false;
  return (x as { readonly kind?: unknown }).kind === 'unknown';
}

export function isExpr(x: unknown): x is DimExpr {
  return typeof x === 'object' && x !== null && 'kind' in x && x.kind === 'expr';
}

export const tooComplex = unknown('expression too complex');

export function make(terms: ReadonlyMap<string, Term>, constant: number): Dim {
  const kept = [...terms.values()].filter((t) => t.coefficient !== 0);
  if (kept.length === 0) return safe(constant);
  if (kept.length > maxTerms) return tooComplex;
  if (![constant, ...kept.map((t) => t.coefficient)].every((c) => Math.abs(c) <= Number.MAX_SAFE_INTEGER))
    return tooLarge;
  const made = build(kept, constant);
  return made.key.length > maxKeyLength ? tooComplex : made;
}

function build(terms: readonly Term[], constant: number): DimExpr {
  const sorted = terms.length === 1 ? terms : terms.toSorted((a, b) => compareText(a.key, b.key));
  let low = constant;
  let high = constant;
  for (const t of sorted) {
    const [l, h] = termInterval(t);
    low += l;
    high += h;
  }
  return { kind: 'expr', terms: sorted, constant, key: keyOf(sorted, constant), low, high };
}

export function constantExpr(c: number): DimExpr {
  return build([], c);
}

export function ofAtom(atom: Atom): DimExpr {
  return build([{ coefficient: 1, factors: [{ atom, power: 1 }], key: atom.key }], 0);
}

function termInterval(t: Term): readonly [number, number] {
  let low = 1;
  let high = 1;
  for (const { atom, power } of t.factors) {
    if (atom.low < 0) return [-Infinity, Infinity];
    low *= atom.low ** power;
    high = low === 0 && high === 0 ? 0 : high * atom.high ** power;
  }
  return t.coefficient > 0
    ? [t.coefficient * low, t.coefficient * high]
    : [t.coefficient * high, t.coefficient * low];
}

function keyOf(terms: readonly Term[], constant: number): string {
  let text = '';
  for (const t of terms) {
    const c = Math.abs(t.coefficient);
    const [factor] = t.factors;
    const bareDivision = t.factors.length === 1 && factor?.power === 1 && factor.atom.kind === 'floorDiv';
    const key = bareDivision && t.coefficient !== 1 ? `(${t.key})` : t.key;
    const body = c === 1 ? key : `${key}·${c}`;
    text +=
      text === '' ? (t.coefficient < 0 ? `-${body}` : body) : t.coefficient < 0 ? ` - ${body}` : ` + ${body}`;
  }
  if (text === '') return String(constant);
  if (constant === 0) return text;
  return constant < 0 ? `${text} - ${-constant}` : `${text} + ${constant}`;
}

export function parenthesised(d: KnownDim): string {
  if (typeof d === 'number') return String(d);
  const [t] = d.terms;
  const simple =
    d.terms.length === 1 &&
    d.constant === 0 &&
    t?.coefficient === 1 &&
    t.factors.length === 1 &&
    !t.key.includes('//');
  return simple ? d.key : `(${d.key})`;
}

function factorsKey(factors: readonly Factor[]): string {
  return factors
    .map(({ atom, power }) => {
      const base = atom.kind === 'floorDiv' && (factors.length > 1 || power > 1) ? `(${atom.key})` : atom.key;
      return power === 1 ? base : `${base}^${power}`;
    })
    .join('·');
}

export function accumulate(terms: Map<string, Term>, t: Term): void {
  const present = terms.get(t.key);
  terms.set(t.key, present ? { ...t, coefficient: present.coefficient + t.coefficient } : t);
}

export function scaleTerm(t: Term, by: number): Term {
  return { ...t, coefficient: t.coefficient * by };
}

export function mapCoefficients(a: DimExpr, f: (c: number) => number): Dim {
  const terms = new Map(a.terms.map((t) => [t.key, { ...t, coefficient: f(t.coefficient) }]));
  return make(terms, f(a.constant));
}

export function multiplyTerms(a: Term, b: Term): Term {
  const powers = new Map<string, Factor>(a.factors.map((f) => [f.atom.key, f]));
  for (const f of b.factors) {
    const present = powers.get(f.atom.key);
    powers.set(f.atom.key, present ? { atom: f.atom, power: present.power + f.power } : f);
  }
  const factors = [...powers.values()].sort((x, y) => compareText(x.atom.key, y.atom.key));
  return { coefficient: a.coefficient * b.coefficient, factors, key: factorsKey(factors) };
}

/** a / b where that is a whole term (or number), else undefined. */
export function divideTerms(a: Term, b: Term): DimExpr | number | undefined {
  const coefficient = a.coefficient / b.coefficient;
  if (!Number.isInteger(coefficient)) return undefined;
  const powers = new Map<string, Factor>(a.factors.map((f) => [f.atom.key, f]));
  for (const f of b.factors) {
    const left = (powers.get(f.atom.key)?.power ?? 0) - f.power;
    if (left < 0) return undefined;
    if (left === 0) powers.delete(f.atom.key);
    else powers.set(f.atom.key, { atom: f.atom, power: left });
  }
  const factors = [...powers.values()];
  return factors.length === 0 ? coefficient : build([{ coefficient, factors, key: factorsKey(factors) }], 0);
}

export function leadingTerm(a: DimExpr): Term {
  const degree = (t: Term) => t.factors.reduce((n, f) => n + f.power, 0);
  return a.terms.reduce((best, t) => (degree(t) > degree(best) ? t : best));
}

export function termsOf(d: Dim): readonly Term[] {
  return isExpr(d) ? d.terms : [];
}

export function constantOf(d: KnownDim): number {
  return typeof d === 'number' ? d : d.constant;
}

export function isIntegral(a: DimExpr): boolean {
  return Number.isInteger(a.constant) && a.terms.every((t) => Number.isInteger(t.coefficient));
}

/** Smallest d ≤ 4096 that makes every value·d whole (to 1e-6: scales are often float32). */
export function commonDenominator(values: readonly number[]): number | undefined {
  for (let d = 1; d <= 4096; d++)
    if (values.every((v) => Math.abs(v * d - Math.round(v * d)) < 1e-6)) return d;
  return undefined;
}

const tooLarge = unknown('more than 2^53');

export function safe(n: number): Dim {
  return Math.abs(n) <= Number.MAX_SAFE_INTEGER ? n : tooLarge;
}

export function safeOr(n: number, fallback: number): number {
  return Number.isSafeInteger(n) ? n : fallback;
}

export function gcd(a: number, b: number): number {
  let [x, y] = [Math.abs(a), Math.abs(b)];
  while (y > 0) [x, y] = [y, x % y];
  return x;
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
