/** Sizes of all values at one set of dims: every formula of the model compiled once, evaluated at each change. */
import { compileDims, dimSymbols, evaluateDim, isUnknown } from '../dim.ts';
import type { ModelInference } from '../inference.ts';
import type { Dim } from '../types.ts';
import { dimsOfValue } from './values.ts';
import type { Value } from './values.ts';

export interface Sizes {
  /** NaN where the size is not known. */
  bytes(value: Value): number;
  /** As {@link bytes}, with nothing for what is not known. */
  knownBytes(value: Value): number;
  /** The same for every value, by its slot. */
  readonly known: Float64Array;
  /** A dim without a size is NaN; undefined where the rank is not known. */
  dims(value: Value | undefined): readonly number[] | undefined;
  /** The same, with null for a dim without a size. */
  shape(value: Value | undefined): readonly (number | null)[] | undefined;
  /** Value of an extra formula, by its index. */
  extra(index: number): number;
}

/** `extra`: further formulas (multiply-accumulates, …). What the function gives is valid until its next call. */
export function compileSizes(
  values: readonly Value[],
  extra: readonly Dim[],
): (bindings: Readonly<Record<string, number>>) => Sizes {
  const formulas: Dim[] = values.map((v) => v.bytes);
  const firstExtra = formulas.length;
  formulas.push(...extra);
  const firstDim = values.map((v) => {
    const at = formulas.length;
    formulas.push(...(dimsOfValue(v) ?? []));
    return at;
  });
  const evaluate = compileDims(formulas);
  const known = new Float64Array(values.length);
  const dimsWith = <T>(results: ArrayLike<number>, v: Value | undefined, missing: T) => {
    const dims = dimsOfValue(v);
    const from = v && firstDim[v.slot];
    if (dims === undefined || from === undefined) return undefined;
    return dims.map((d, i): number | T => {
      const size = typeof d === 'number' ? d : (results[from + i] ?? NaN);
      return Number.isNaN(size) ? missing : size;
    });
  };
  return (bindings) => {
    const results = evaluate(bindings);
    for (let i = 0; i < known.length; i++) {
      const bytes = results[i] ?? NaN;
      known[i] = bytes > 0 ? bytes : 0;
    }
    return {
      bytes: (v) => results[v.slot] ?? NaN,
      known,
      knownBytes: (v) => known[v.slot] ?? 0,
      dims: (v) => dimsWith(results, v, NaN),
      shape: (v) => dimsWith(results, v, null),
      extra: (i) => results[firstExtra + i] ?? NaN,
    };
  };
}

export interface Bindings {
  /** Size of each free symbol, and of derived ones where a bound or the caller gives one. */
  readonly dims: Readonly<Record<string, number>>;
  /** Derived symbols that stand at their upper bound. */
  readonly bounded: ReadonlySet<string>;
}

/** Sizes for all symbols: as given, else their defaults; derived ones at their upper bound. */
export function bindSymbols(
  { symbols, bounds }: Pick<ModelInference, 'symbols' | 'bounds'>,
  given: Readonly<Record<string, number>>,
): Bindings {
  const dims: Record<string, number> = {};
  const bounded = new Set<string>();
  for (const s of symbols) {
    const size = Object.hasOwn(given, s.name) ? given[s.name] : undefined;
    if (size !== undefined) dims[s.name] = size;
    else if (!s.isDerived) dims[s.name] = s.defaultValue;
  }
  // a bound may be written with derived symbols that come later
  for (let changed = true; changed;) {
    changed = false;
    for (const [name, bound] of bounds) {
      if (Object.hasOwn(dims, name)) continue;
      const size = evaluateDim(bound, dims);
      if (size === undefined) continue;
      dims[name] = size;
      bounded.add(name);
      changed = true;
    }
  }
  return { dims, bounded };
}

/** Whether the dim is written with one of these symbols. */
export function usesSymbol(dim: Dim, names: ReadonlySet<string>): boolean {
  return names.size > 0 && !isUnknown(dim) && [...dimSymbols(dim)].some((s) => names.has(s));
}
