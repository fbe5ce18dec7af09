/**
 * What an inference leaves for the next one of an edited model. Nodes that an edit leaves alone stay the same objects, and
 * what they saw and gave stands in the inference: so that only what stands nowhere else has to be remembered.
 */
import type { Graph, Model, Node } from '../../onnx/model.ts';
import { isUnknown, sameDim } from '../dim.ts';
import type { Assumption, InferredType, ModelInference } from '../inference.ts';
import type { Diagnostic, Dim, Shape } from '../types.ts';
import type { Holder } from './merge.ts';
import { dependencies } from './order.ts';
import { dimsOf } from './rule.ts';
import { Scope } from './scope.ts';
import type { SymbolTable } from './symbols.ts';

/** What one node of the main graph told beside its types, and the symbols it asked for. */
export interface Told {
  readonly diagnostics: readonly Diagnostic[];
  readonly assumptions: readonly Assumption[];
  readonly derived: readonly (readonly [name: string, bound: Dim | undefined])[];
}

export type Findings = Pick<Told, 'diagnostics' | 'assumptions'>;

interface Memory {
  readonly model: Model;
  /** Of nodes that told something; most have nothing to tell. */
  readonly told: ReadonlyMap<Node, Told>;
}

const memories = new WeakMap<ModelInference, Memory>();

/** For a main graph without cycles. Where a name is given twice, it is not known who saw which, and nothing is kept. */
export function remember(inference: ModelInference, memory: Memory): void {
  if (namesGiven(memory.model.graph) === inference.main.values.size) memories.set(inference, memory);
}

function namesGiven({ inputs, initializers, sparseInitializers, nodes }: Graph): number {
  let given = initializers.size + sparseInitializers.length;
  for (const v of inputs) if (!initializers.has(v.name)) given++;
  for (const n of nodes) for (const o of n.outputs) if (o !== '') given++;
  return given;
}

/** What can be taken over from `previous` for `model`; undefined where nothing can. */
export function takenOver(previous: ModelInference, model: Model): Previous | undefined {
  const memory = memories.get(previous);
  return memory && hasSameRules(memory.model, model) ? new Previous(previous, memory, model) : undefined;
}

/** Rules depend on the versions and functions a model imports: with others, nothing is taken over. */
function hasSameRules(old: Model, model: Model): boolean {
  const versions = (m: Model) => m.opsetImports.map((o) => `${o.domain} ${o.version}`).join();
  return (
    old.irVersion === model.irVersion &&
    versions(old) === versions(model) &&
    old.functions.length === model.functions.length &&
    old.functions.every((f, i) => f === model.functions[i])
  );
}

/** Where a node is taken over to. */
interface Inference {
  readonly symbols: SymbolTable;
  readonly diagnostics: Diagnostic[];
  readonly assumptions: Assumption[];
}

/** An earlier inference, node by node. */
export class Previous {
  private readonly inference: ModelInference;
  private readonly memory: Memory;
  private readonly nodes: ReadonlySet<Node>;
  /** What the file said of values then; undefined where it says the same now. */
  private readonly scope: Scope | undefined;

  constructor(inference: ModelInference, memory: Memory, model: Model) {
    this.inference = inference;
    this.memory = memory;
    this.nodes = new Set(inference.main.order);
    const { graph } = memory.model;
    const saysTheSame = graph.valueInfo === model.graph.valueInfo && graph.outputs === model.graph.outputs;
    this.scope = saysTheSame ? undefined : new Scope({ graph, opsets: new Map(), prefix: '' });
  }

  told(node: Node): Told | undefined {
    return this.memory.told.get(node);
  }

  /** Whether the node saw the same. */
  fits(node: Node, now: Scope): boolean {
    if (!this.nodes.has(node)) return false;
    const { values } = this.inference.main;
    for (const name of dependencies(node))
      if (!sameType(now.values.get(name), values.get(name))) return false;
    const { scope } = this;
    return scope === undefined || node.outputs.every((o) => now.declared(o) === scope.declared(o));
  }

  /** Makes the node's outputs, and what else was found of it, those of `into` and `scope`. */
  takeOver(node: Node, scope: Scope, into: Inference): void {
    const { values, subgraphs, calls, unknown } = this.inference.main;
    for (const name of node.outputs) {
      const type = values.get(name);
      if (type) scope.values.set(name, type);
    }
    if (subgraphs.size > 0) setIfAny(scope.subgraphs, node, subgraphs.get(node));
    if (calls.size > 0) setIfAny(scope.calls, node, calls.get(node));
    if (unknown.size > 0) setIfAny(scope.unknown, node, unknown.get(node));
    const told = this.told(node);
    if (told === undefined) return;
    for (const [name, bound] of told.derived) into.symbols.derived(name, bound);
    into.diagnostics.push(...told.diagnostics);
    into.assumptions.push(...told.assumptions);
  }
}

function setIfAny<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value !== undefined) map.set(key, value);
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
