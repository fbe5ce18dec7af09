/**
 * Values of dims: one at a time ({@link evaluateDim}), or many at once and again and again ({@link DimProgram}:
 * each distinct formula and sub-formula is computed once per call, so that a slider moves without waiting).
 */
import { add, floorDiv, max, min, mul } from './dim-algebra.ts';
import { isUnknown } from './dim-expr.ts';
import type { Atom, DimExpr, KnownDim } from './dim-expr.ts';
import type { Dim } from './types.ts';

/** Size of each symbol. */
export type Bindings = Readonly<Record<string, number>>;

/** The dim's size; undefined where it is unknown, a symbol has no size, or it divides by zero. */
export function evaluateDim(dim: Dim, bindings: Bindings): number | undefined {
  if (typeof dim === 'number') return dim;
  if (isUnknown(dim)) return undefined;
  const n = valueOf(dim, (name) => (Object.hasOwn(bindings, name) ? bindings[name] : undefined) ?? NaN);
  return Number.isNaN(n) ? undefined : n;
}

function valueOf(dim: KnownDim, symbolValue: (name: string) => number): number {
  if (typeof dim === 'number') return dim;
  let sum = dim.constant;
  for (const t of dim.terms) {
    let product = t.coefficient;
    for (const { atom, power } of t.factors) {
      const v = atomValue(atom, symbolValue);
      product *= power === 1 ? v : v ** power;
    }
    sum += product;
  }
  return sum;
}

function atomValue(atom: Atom, symbolValue: (name: string) => number): number {
  switch (atom.kind) {
    case 'symbol':
      return symbolValue(atom.name);
    case 'floorDiv':
      return quotient(valueOf(atom.numerator, symbolValue), valueOf(atom.denominator, symbolValue));
    case 'min':
      return Math.min(...atom.args.map((a) => valueOf(a, symbolValue)));
    case 'max':
      return Math.max(...atom.args.map((a) => valueOf(a, symbolValue)));
  }
}

function quotient(a: number, b: number): number {
  return b === 0 ? NaN : Math.floor(a / b);
}

/**
 * Formulas prepared for evaluation: a straight-line program in which each distinct formula and sub-formula is one slot,
 * computed from earlier ones.
 */
export class DimProgram {
  private readonly slots = new Map<string, number>();
  /** Formulas are mostly the same objects again, and numbers the same numbers. */
  private readonly slotOfKnown = new Map<KnownDim, number>();
  private readonly steps: ((v: Float64Array, bindings: Bindings) => number)[] = [() => NaN];
  private values = new Float64Array(0);

  /** The value of each slot, in the same array at each call (copy what must outlive the next). */
  run(bindings: Bindings): Float64Array {
    if (this.values.length !== this.steps.length) this.values = new Float64Array(this.steps.length);
    for (const [i, step] of this.steps.entries()) this.values[i] = step(this.values, bindings);
    return this.values;
  }

  /** Where the dim's value will stand; NaN where it has none. Slot 0 is that of unknown dims. */
  slotOf(d: Dim): number {
    if (isUnknown(d)) return 0;
    const known = this.slotOfKnown.get(d);
    if (known !== undefined) return known;
    const slot =
      typeof d === 'number'
        ? this.steps.push(() => d) - 1
        : (this.slots.get(d.key) ?? this.remember(d.key, this.polynomial(d)));
    this.slotOfKnown.set(d, slot);
    return slot;
  }

  private remember(key: string, step: (v: Float64Array, bindings: Bindings) => number): number {
    const present = this.slots.get(key);
    if (present !== undefined) return present;
    this.slots.set(key, this.steps.length);
    return this.steps.push(step) - 1;
  }

  private polynomial(d: DimExpr): (v: Float64Array) => number {
    const { constant } = d;
    const terms = d.terms.map((t) => ({
      coefficient: t.coefficient,
      factors: t.factors.flatMap(({ atom, power }) => Array<number>(power).fill(this.atom(atom))),
    }));
    return (v) => {
      let sum = constant;
      for (const t of terms) {
        let product = t.coefficient;
        for (const f of t.factors) product *= v[f] ?? NaN;
        sum += product;
      }
      return sum;
    };
  }

  /** Atoms have slots of their own: an atom's key is also the key of the polynomial that is just that atom. */
  private atom(atom: Atom): number {
    const key = `atom ${atom.key}`;
    const present = this.slots.get(key);
    if (present !== undefined) return present;
    if (atom.kind === 'symbol') {
      const { name } = atom;
      return this.remember(key, (_, b) => (Object.hasOwn(b, name) ? b[name] : undefined) ?? NaN);
    }
    if (atom.kind === 'floorDiv') {
      const [n, d] = [this.slotOf(atom.numerator), this.slotOf(atom.denominator)];
      return this.remember(key, (v) => quotient(v[n] ?? NaN, v[d] ?? NaN));
    }
    const args = atom.args.map((a) => this.slotOf(a));
    const pick = atom.kind === 'min' ? Math.min : Math.max;
    return this.remember(key, (v) => args.reduce((m, a) => pick(m, v[a] ?? NaN), v[args[0] ?? 0] ?? NaN));
  }
}

/** Names of the symbols in a dim. */
export function dimSymbols(dim: Dim, into = new Set<string>()): Set<string> {
  if (typeof dim === 'number' || isUnknown(dim)) return into;
  for (const t of dim.terms)
    for (const { atom } of t.factors) {
      if (atom.kind === 'symbol') into.add(atom.name);
      else if (atom.kind === 'floorDiv')
        [atom.numerator, atom.denominator].forEach((d) => dimSymbols(d, into));
      else atom.args.forEach((d) => dimSymbols(d, into));
    }
  return into;
}

/** The dim with symbols replaced: `replace` gives the new dim for a name, or undefined to leave it. */
export function substituteDim(dim: Dim, replace: (name: string) => Dim | undefined): Dim {
  if (typeof dim === 'number' || isUnknown(dim)) return dim;
  const terms = dim.terms.map((t) =>
    mul(
      t.coefficient,
      ...t.factors.flatMap(({ atom, power }) => Array<Dim>(power).fill(substituteAtom(atom, replace))),
    ),
  );
  return add(dim.constant, ...terms);
}

function substituteAtom(atom: Atom, replace: (name: string) => Dim | undefined): Dim {
  const sub = (d: Dim) => substituteDim(d, replace);
  switch (atom.kind) {
    case 'symbol':
      return replace(atom.name) ?? selfOf(atom);
    case 'floorDiv':
      return floorDiv(sub(atom.numerator), sub(atom.denominator));
    case 'min':
      return min(...atom.args.map(sub));
    case 'max':
      return max(...atom.args.map(sub));
  }
}

function selfOf(atom: Atom): DimExpr {
  const { key, low, high } = atom;
  return {
    kind: 'expr',
    terms: [{ coefficient: 1, factors: [{ atom, power: 1 }], key }],
    constant: 0,
    key,
    low,
    high,
  };
}
