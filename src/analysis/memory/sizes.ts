/** Sizes of all values at one set of dims: every formula of the model compiled once, evaluated at each change. */
import { DimProgram, dimSymbols, evaluateDim, isUnknown } from '../dim.ts';
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
  /** The same by the value's slot, with null for a dim without a size. */
  shape(slot: number | undefined): readonly (number | null)[] | undefined;
  /** Value of an extra formula, by its index. */
  extra(index: number): number;
}

/**
 * `extra`: further formulas (multiply-accumulates, …). What the function gives is valid until its next call, but for
 * the dims and shapes, of which those of values with the same formulas are the same array.
 */
export function compileSizes(
  values: readonly Value[],
  extra: readonly Dim[],
): (bindings: Readonly<Record<string, number>>) => Sizes {
  const program = new DimProgram();
  const bytesAt = Int32Array.from(values, (v) => program.slotOf(v.bytes));
  const extraAt = Int32Array.from(extra, (d) => program.slotOf(d));
  const kinds = new ShapeKinds(program);
  const kindOf = Int32Array.from(values, (v) => kinds.of(dimsOfValue(v)));
  const known = new Float64Array(values.length);
  return (bindings) => {
    const results = program.run(bindings);
    for (let i = 0; i < known.length; i++) {
      const bytes = results[bytesAt[i] ?? 0] ?? NaN;
      known[i] = bytes > 0 ? bytes : 0;
    }
    const dims = kinds.evaluate(results, NaN);
    const shapes = kinds.evaluate(results, null);
    return {
      bytes: (v) => results[bytesAt[v.slot] ?? 0] ?? NaN,
      known,
      knownBytes: (v) => known[v.slot] ?? 0,
      dims: (v) => v && dims[kindOf[v.slot] ?? 0],
      shape: (slot) => (slot === undefined ? undefined : shapes[kindOf[slot] ?? 0]),
      extra: (i) => results[extraAt[i] ?? 0] ?? NaN,
    };
  };
}

/** Shapes with the same formulas are one kind; of 10,000 values there are a few dozen. Kind 0: the rank is not known. */
class ShapeKinds {
  private readonly program: DimProgram;
  /** By kind: the slots of its dims. */
  private readonly slots: (readonly number[] | undefined)[] = [undefined];
  /** Shapes that were inferred alike are the same list. */
  private readonly kindOfKnown = new Map<readonly Dim[], number>();
  private readonly root: ShapePrefix = { kind: undefined, next: undefined };

  constructor(program: DimProgram) {
    this.program = program;
  }

  of(dims: readonly Dim[] | undefined): number {
    if (dims === undefined) return 0;
    const known = this.kindOfKnown.get(dims);
    if (known !== undefined) return known;
    const kind = this.find(dims);
    this.kindOfKnown.set(dims, kind);
    return kind;
  }

  private find(dims: readonly Dim[]): number {
    let at = this.root;
    for (const d of dims) {
      const slot = this.program.slotOf(d);
      at.next ??= new Map();
      let next = at.next.get(slot);
      if (next === undefined) at.next.set(slot, (next = { kind: undefined, next: undefined }));
      at = next;
    }
    return (at.kind ??= this.slots.push(dims.map((d) => this.program.slotOf(d))) - 1);
  }

  /** By kind: its dims, with `missing` for one without a size. */
  evaluate<T>(results: Float64Array, missing: T): (readonly (number | T)[] | undefined)[] {
    return this.slots.map((slots) =>
      slots?.map((s): number | T => {
        const size = results[s] ?? NaN;
        return Number.isNaN(size) ? missing : size;
      }),
    );
  }
}

interface ShapePrefix {
  kind: number | undefined;
  next: Map<number, ShapePrefix> | undefined;
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
