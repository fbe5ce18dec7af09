/**
 * What an inference remembers for the next one of an edited model: for each node of the main graph, what it saw and
 * what came of it. Nodes an edit leaves alone stay the same objects, so a look-up and a comparison of types suffice.
 */
import type { Model, Node, Value } from '../../onnx/model.ts';
import { isUnknown, sameDim } from '../dim.ts';
import type {
  Assumption,
  GraphInference,
  InferredType,
  ModelInference,
  SubgraphInference,
} from '../inference.ts';
import type { Diagnostic, Dim, Shape } from '../types.ts';
import type { Holder } from './merge.ts';
import { dimsOf } from './rule.ts';
import type { Scope } from './scope.ts';
import type { SymbolTable } from './symbols.ts';

export interface ReuseCache {
  readonly model: Model;
  readonly records: ReadonlyMap<Node, ReuseRecord>;
}

const caches = new WeakMap<ModelInference, ReuseCache>();

export function rememberCache(inference: ModelInference, cache: ReuseCache): void {
  caches.set(inference, cache);
}

export function cacheOf(inference: ModelInference): ReuseCache | undefined {
  return caches.get(inference);
}

/** Rules depend on the versions and functions a model imports: with others, nothing is taken over. */
export function canReuse(previous: ReuseCache, model: Model): boolean {
  const { model: old } = previous;
  const versions = (m: Model) => m.opsetImports.map((o) => `${o.domain} ${o.version}`).join();
  return (
    old.irVersion === model.irVersion &&
    versions(old) === versions(model) &&
    old.functions.length === model.functions.length &&
    old.functions.every((f, i) => f === model.functions[i])
  );
}

/** What is told of a node beside its types. */
export interface Findings {
  readonly diagnostics: readonly Diagnostic[];
  readonly assumptions: readonly Assumption[];
}

export const nothingFound: Findings = { diagnostics: [], assumptions: [] };

/** Where a record is played back to. */
interface Inference {
  readonly symbols: SymbolTable;
  readonly diagnostics: Diagnostic[];
  readonly assumptions: Assumption[];
}

/** What one node saw and gave. */
export class ReuseRecord {
  /** Symbols it asked for; most nodes ask for none. */
  private derived: (readonly [name: string, bound: Dim | undefined])[] | undefined;
  private readonly seen: readonly (InferredType | undefined)[];
  /** What the file says of its outputs; of most nothing. */
  private declared: (Value | undefined)[] | undefined;
  private readonly outputs: (InferredType | undefined)[] = [];
  found = nothingFound;
  private subgraphs: readonly SubgraphInference[] | undefined;
  private call: GraphInference | undefined;
  private unknown: string | undefined;

  constructor(seen: readonly (InferredType | undefined)[]) {
    this.seen = seen;
  }

  addDerived(name: string, bound: Dim | undefined): void {
    (this.derived ??= []).push([name, bound]);
  }

  keep(scope: Scope, node: Node, found: Findings): void {
    const { outputs } = node;
    for (let i = 0; i < outputs.length; i++) {
      const name = outputs[i] ?? '';
      this.outputs.push(scope.values.get(name));
      const declared = scope.declared(name);
      if (declared !== undefined) (this.declared ??= [])[i] = declared;
    }
    this.found = found;
    if (scope.subgraphs.size > 0) this.subgraphs = scope.subgraphs.get(node);
    if (scope.calls.size > 0) this.call = scope.calls.get(node);
    if (scope.unknown.size > 0) this.unknown = scope.unknown.get(node);
  }

  /** Whether the node would see the same again. */
  fits(seen: readonly (InferredType | undefined)[], node: Node, scope: Scope): boolean {
    return (
      seen.length === this.seen.length &&
      seen.every((t, i) => sameType(t, this.seen[i])) &&
      node.outputs.every((o, i) => scope.declared(o) === this.declared?.[i])
    );
  }

  applyTo(scope: Scope, node: Node, inference: Inference): void {
    for (const [name, bound] of this.derived ?? []) inference.symbols.derived(name, bound);
    node.outputs.forEach((o, i) => {
      const type = this.outputs[i];
      if (o !== '' && type) scope.values.set(o, type);
    });
    if (this.subgraphs) scope.subgraphs.set(node, this.subgraphs);
    if (this.call) scope.calls.set(node, this.call);
    if (this.unknown !== undefined) scope.unknown.set(node, this.unknown);
    if (this.found === nothingFound) return;
    inference.diagnostics.push(...this.found.diagnostics);
    inference.assumptions.push(...this.found.assumptions);
  }
}

/** The same as far as any rule can tell. */
export function sameType(a: InferredType | undefined, b: InferredType | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || a.kind !== b.kind) return false;
  if (a.kind === 'tensor' && b.kind === 'tensor')
    return (
      a.elemType === b.elemType &&
      sameShapes(a.shape, b.shape) &&
      sameFill(a.fill, b.fill) &&
      sameContent(a, b)
    );
  if (a.kind === 'unknown' && b.kind === 'unknown') return a.reason === b.reason;
  return a.kind === 'map' || sameHolder(a as Holder, b as Holder);
}

function sameHolder(a: Holder, b: Holder): boolean {
  const [x, y] = [a.items, b.items];
  if (x === undefined || y === undefined)
    return x === y && sameFill(a.length, b.length) && sameType(a.elem, b.elem);
  return x.length === y.length && x.every((t, i) => sameType(t, y[i])) && sameType(a.elem, b.elem);
}

function sameShapes(a: Shape, b: Shape): boolean {
  const [x, y] = [dimsOf(a), dimsOf(b)];
  if (x === undefined || y === undefined) return isUnknown(a) && isUnknown(b) && a.reason === b.reason;
  return sameList(x, y);
}

function sameContent(a: InferredType & { kind: 'tensor' }, b: InferredType & { kind: 'tensor' }): boolean {
  return (
    a.content === b.content ||
    (a.content !== undefined && b.content !== undefined && sameList(a.content, b.content))
  );
}

function sameFill(a: Dim | undefined, b: Dim | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && sameDim(a, b));
}

function sameList(a: readonly Dim[], b: readonly Dim[]): boolean {
  return a.length === b.length && a.every((d, i) => sameOrBothUnknown(d, b[i]));
}

function sameOrBothUnknown(a: Dim, b: Dim | undefined): boolean {
  if (b === undefined) return false;
  return sameDim(a, b) || (isUnknown(a) && isUnknown(b) && a.reason === b.reason);
}
