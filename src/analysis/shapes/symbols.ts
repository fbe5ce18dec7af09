/**
 * The symbols of a model: the free ones that its inputs bring, and the derived ones whose size only running tells.
 */
import { DataType } from '../../onnx/model.ts';
import type { DeclaredDim, TypeInfo, Value } from '../../onnx/model.ts';
import { isIdentifier, isUnknown, parseDim, symbol, unknown } from '../dim.ts';
import type { InferredType } from '../inference.ts';
import type { Dim, DimSymbol } from '../types.ts';
import { ofUnknownRank, tensor } from './rule.ts';

interface Entry {
  readonly name: string;
  readonly usedBy: { readonly input: string; readonly axis: number }[];
  readonly isDerived: boolean;
  readonly isBatch: boolean;
  readonly defaultValue: number;
}

export class SymbolTable {
  private readonly entries = new Map<string, Entry>();
  private readonly dims = new Map<string, Dim>();
  private isAudio = false;
  readonly bounds = new Map<string, Dim>();

  /** Types of the main graph's inputs; a dim with neither size nor name gets the symbol `input.d0`. */
  addInputs(inputs: readonly Value[]): InferredType[] {
    const names = new Set<string>();
    this.isAudio = inputs.some((v) => /^sr$|sampl(e|ing)_?rate/i.test(v.name));
    for (const v of inputs)
      forEachDim(v.type, (d) => {
        if (d.kind === 'symbol' && isIdentifier(d.symbol)) names.add(d.symbol);
      });
    return inputs.map((v) => this.inputType(v, v.type, names));
  }

  private inputType(v: Value, type: TypeInfo | undefined, names: ReadonlySet<string>): InferredType {
    if (type?.kind !== 'tensor' && type?.kind !== 'sparseTensor') return this.otherInput(v.name, type);
    if (type.shape === undefined)
      return ofUnknownRank(type.elemType, `rank of input ${v.name} is not declared`);
    const rank = type.shape.length;
    const shape = type.shape.map((d, axis) => {
      if (d.kind === 'size' && d.size >= 0) return d.size;
      const written =
        d.kind === 'symbol' && d.symbol !== '' ? d.symbol : this.unused(`${v.name}.d${axis}`, names);
      const dim = parseDim(written, (n) => names.has(n));
      this.addFree(written, dim, { input: v.name, axis, rank, elemType: type.elemType });
      return dim;
    });
    return tensor(type.elemType, shape);
  }

  /** A sequence has as many elements as running tells; their dims are symbols where they are named. */
  private otherInput(name: string, type: TypeInfo | undefined): InferredType {
    if (type === undefined) return unknown('input without a type');
    let unnamed = 0;
    const inferred = typeOfDeclared(type, (d) => {
      const dim = this.declared(d);
      return isUnknown(dim) ? this.derived(`${name}.d${unnamed++}`) : dim;
    });
    const withLength = (t: InferredType): InferredType =>
      t.kind === 'sequence'
        ? { ...t, length: this.derived(`${name}.length`) }
        : t.kind === 'optional'
          ? { ...t, elem: isUnknown(t.elem) ? t.elem : withLength(t.elem) }
          : t;
    return withLength(inferred);
  }

  private unused(name: string, taken: ReadonlySet<string>): string {
    return taken.has(name) ? this.unused(`${name}_`, taken) : name;
  }

  private addFree(
    name: string,
    dim: Dim,
    use: { input: string; axis: number; rank: number; elemType: number },
  ): void {
    // A formula of other symbols (`past + 1`) is no symbol of its own.
    if (typeof dim === 'number' || dim.kind === 'unknown' || !isPlainSymbol(dim, name)) return;
    const { input, axis } = use;
    const present = this.entries.get(name);
    if (present) {
      present.usedBy.push({ input, axis });
      return;
    }
    const isBatch = batchLike(name, use);
    const defaultValue = isBatch ? 1 : typicalSize(name, { ...use, isAudio: this.isAudio });
    this.entries.set(name, { name, usedBy: [{ input, axis }], isBatch, defaultValue, isDerived: false });
    this.dims.set(name, dim);
  }

  isDerived(name: string): boolean {
    return this.entries.get(name)?.isDerived ?? false;
  }

  /**
   * A symbol whose size only running tells; `bound` limits it. The same name gives the same symbol; of several bounds
   * the last holds: a body that is inferred again knows better what its inputs are.
   */
  derived(name: string, bound?: Dim): Dim {
    if (bound !== undefined && isUnknown(bound)) this.bounds.delete(name);
    else if (bound !== undefined) this.bounds.set(name, bound);
    const present = this.dims.get(name);
    if (present !== undefined) return present;
    const dim = symbol(name, 0);
    this.dims.set(name, dim);
    this.entries.set(name, { name, usedBy: [], isBatch: false, defaultValue: 1, isDerived: true });
    return dim;
  }

  /** A dim as declared inside the model; a name that no input brings is a derived symbol. */
  declared(d: DeclaredDim): Dim {
    if (d.kind === 'size' && d.size >= 0) return d.size;
    if (d.kind !== 'symbol' || d.symbol === '') return unknown('not declared');
    const name = d.symbol;
    const known = this.dims.get(name);
    if (known !== undefined) return known;
    const dim = parseDim(name, (n) => this.entries.has(n));
    return isPlainSymbol(dim, name) ? this.derived(name) : dim;
  }

  /** Sizes to begin with, of the free symbols. */
  defaults(): Record<string, number> {
    const sizes: Record<string, number> = {};
    for (const e of this.entries.values()) if (!e.isDerived) sizes[e.name] = e.defaultValue;
    return sizes;
  }

  /** Free symbols, and derived ones that `used` names; it is asked only where there are any. */
  list(used: (bounds: ReadonlyMap<string, Dim>) => ReadonlySet<string>): DimSymbol[] {
    const all = [...this.entries.values()];
    if (!all.some((e) => e.isDerived)) return all;
    const names = used(this.bounds);
    for (const name of this.bounds.keys()) if (!names.has(name)) this.bounds.delete(name);
    return all.filter((e) => !e.isDerived || names.has(e.name));
  }
}

function isPlainSymbol(dim: Dim, name: string): boolean {
  if (typeof dim === 'number' || dim.kind === 'unknown') return false;
  const [factor] = dim.terms[0]?.factors ?? [];
  return (
    dim.terms.length === 1 &&
    dim.constant === 0 &&
    factor?.atom.kind === 'symbol' &&
    factor.atom.name === name
  );
}

function forEachDim(type: TypeInfo | undefined, f: (d: DeclaredDim) => void): void {
  if (type?.kind === 'tensor' || type?.kind === 'sparseTensor') type.shape?.forEach(f);
  else if (type?.kind === 'sequence' || type?.kind === 'optional') forEachDim(type.elem, f);
}

/** A declared type as an inferred one. */
export function typeOfDeclared(type: TypeInfo, dimOf: (d: DeclaredDim) => Dim): InferredType {
  switch (type.kind) {
    case 'tensor':
    case 'sparseTensor':
      return tensor(type.elemType, type.shape?.map(dimOf) ?? unknown('rank is not declared'));
    case 'sequence':
    case 'optional':
      return {
        kind: type.kind,
        elem: type.elem ? typeOfDeclared(type.elem, dimOf) : unknown('element type is not declared'),
      };
    case 'map':
      return { kind: 'map' };
    case 'other':
      return unknown('a type that is no tensor, sequence, optional or map');
  }
}

interface Use {
  readonly axis: number;
  readonly rank: number;
  readonly elemType: number;
}

const notBatch =
  /seq|len|tok|time|frame|step|height|width|channel|feat|num_(?!batch)|count|sample|past|position|vocab|h$|w$/i;

/** An axis that has no name of its own, of an input named as a recurrent state. */
const recurrentState = /^(?:(?:initial_)?[hc]n?\d*|.*(?:state|hidden|cell).*)\.d1_*$/i;

/** Of the state of a recurrent cell: [layers · directions, batch, hidden]. */
export function isBatchOfState(
  symbol: string,
  { axis, rank }: { readonly axis: number; readonly rank: number },
): boolean {
  return axis === 1 && rank === 3 && recurrentState.test(symbol);
}

/** By name, else the first axis of what has several. */
function batchLike(name: string, { axis, rank }: Use): boolean {
  if (/batch|^bs$|^n$|^b$/i.test(name)) return true;
  if (isBatchOfState(name, { axis, rank })) return true;
  return axis === 0 && rank >= 2 && !notBatch.test(name.replace(/^.*\.d0_*$/, ''));
}

/** What to begin with, by what such an axis usually holds. Audio comes in frames of 32 ms at 16 kHz. */
function typicalSize(name: string, { axis, rank, elemType, isAudio }: Use & { isAudio: boolean }): number {
  if (/past|cache/i.test(name)) return 0;
  if (/height|width|^h$|^w$|image/i.test(name)) return 224;
  if (isAudio && rank === 2 && elemType === DataType.float) return 512;
  if (/seq|len|tok|text|prompt/i.test(name)) return 128;
  if (rank === 4 && axis >= 2 && elemType !== DataType.int64) return 224;
  if (rank === 4 && axis === 1) return 3;
  if (/sample|audio|wave/i.test(name)) return 16_000;
  return 128;
}
