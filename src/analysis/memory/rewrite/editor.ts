/**
 * A graph under rewriting: the only place where nodes are added, changed and removed. Keeps who makes and who reads
 * each value, so that an edit costs what it touches.
 */
import type { ChangingGraph, GraphChanges } from '../follow-dims.ts';
import type { Block } from '../program.ts';
import { inRuntimeOrder } from '../order.ts';
import type { Draft, ValueFactory } from '../runtime.ts';
import type { Value } from '../values.ts';

export interface Rewritten {
  /** In the order in which they run. */
  readonly nodes: readonly Draft[];
  readonly outputs: readonly (Value | undefined)[];
  readonly constants: readonly Value[];
}

export class GraphEditor implements ChangingGraph {
  readonly values: ValueFactory;
  private readonly present = new Set<Draft>();
  private readonly readers = new Readers();
  /** By the value's slot. */
  private readonly makers: (Draft | undefined)[] = [];
  private readonly outputs: (Value | undefined)[];
  private readonly constants: Set<Value>;
  /** Used in subgraphs: they stay what they are. */
  private readonly captured: ReadonlySet<Value>;
  private nextIndex: number;
  /** Until the next edit: most passes find nothing to do. */
  private order: readonly Draft[] | undefined;
  /** By operator, as long as {@link order} is. */
  private ofType: ReadonlyMap<string, readonly Draft[]> | undefined;
  /** How many nodes there are of each operator. */
  private readonly counts = new Map<string, number>();
  private changes = noChanges();

  constructor(drafts: readonly Draft[], block: Block, values: ValueFactory) {
    this.values = values;
    this.outputs = [...block.outputs];
    this.constants = new Set(block.constants);
    this.captured = capturedIn(drafts);
    this.nextIndex = drafts.length;
    for (const node of drafts) this.insert(node);
    this.changes = noChanges();
  }

  /** Since this was asked last. */
  takeChanges(): GraphChanges {
    const { changes } = this;
    this.changes = noChanges();
    return changes;
  }

  /**
   * As they are now, in the order in which ONNX Runtime visits them; a loop over it may edit. Ask {@link has} where an
   * earlier step may have removed one.
   */
  get nodes(): readonly Draft[] {
    this.order ??= inRuntimeOrder([...this.present]);
    return this.order;
  }

  /** As {@link nodes}, those of one of these operators, of any domain. */
  nodesOf(...opTypes: readonly string[]): readonly Draft[] {
    const present = opTypes.filter((t) => (this.counts.get(t) ?? 0) > 0);
    const [only, ...others] = present;
    if (only === undefined) return [];
    if (others.length > 0) return this.nodes.filter((n) => present.includes(n.opType));
    this.ofType ??= groupByType(this.nodes);
    return this.ofType.get(only) ?? [];
  }

  has(node: Draft): boolean {
    return this.present.has(node);
  }

  maker(value: Value | undefined): Draft | undefined {
    return value && this.makers[value.slot];
  }

  /** The nodes that read `value`; none twice. */
  readersOf(value: Value | undefined): readonly Draft[] {
    return value ? this.readers.of(value) : [];
  }

  readerCount(value: Value): number {
    return this.readers.count(value);
  }

  /** Whether a subgraph or the caller uses the value, so that it must stay. */
  isPinned(value: Value): boolean {
    return this.captured.has(value) || this.outputs.includes(value);
  }

  /** The one node that reads `value`, where nothing else uses it. */
  soleReader(value: Value | undefined): Draft | undefined {
    if (value === undefined || this.readers.count(value) !== 1 || this.isPinned(value)) return undefined;
    return this.readers.of(value)[0];
  }

  /** A constant that is made while rewriting: folded, or laid out anew. */
  addConstant(value: Value): void {
    this.constants.add(value);
  }

  /** Puts nodes in the place of one; each gets the next index, as ONNX Runtime appends what it adds. */
  replace(node: Draft, added: readonly Omit<Draft, 'index'>[]): Draft[] {
    this.remove(node);
    return added.map((a) => this.add(a));
  }

  add(added: Omit<Draft, 'index'>): Draft {
    const draft: Draft = { ...added, index: this.nextIndex++ };
    this.insert(draft);
    return draft;
  }

  /** How often `value` is used: by nodes, by subgraphs, as a graph output. */
  usesOf(value: Value): number {
    const byNodes = this.readersOf(value).reduce((n, r) => n + r.inputs.filter((v) => v === value).length, 0);
    return byNodes + (this.captured.has(value) ? 1 : 0) + (this.outputs.includes(value) ? 1 : 0);
  }

  /** Changes a node in place; it keeps its index. */
  change(
    node: Draft,
    changes: Partial<Pick<Draft, 'inputs' | 'outputs' | 'sources' | 'opType' | 'domain' | 'node'>>,
  ): void {
    this.unlink(node);
    Object.assign(node, changes);
    this.link(node);
  }

  remove(node: Draft): void {
    if (this.present.delete(node)) this.unlink(node);
  }

  /** Removes a node of one output, and lets those who used that use `value`. */
  bypass(node: Draft, value: Value): void {
    const [output] = node.outputs;
    this.remove(node);
    if (output) this.substitute(output, value);
  }

  /** Lets those who use `old` use `value`. */
  substitute(old: Value, value: Value): void {
    for (const r of this.readersOf(old))
      this.change(r, { inputs: r.inputs.map((v) => (v === old ? value : v)) });
  }

  result(): Rewritten {
    const used = (v: Value) => this.readers.count(v) > 0 || this.isPinned(v);
    // what nothing uses is dropped, unless the caller may give it
    const constants = [...this.constants].filter((v) => v.constant?.isDefault === true || used(v));
    return { nodes: this.nodes, outputs: this.outputs, constants };
  }

  private insert(node: Draft): void {
    this.present.add(node);
    this.link(node);
  }

  private link(node: Draft): void {
    this.order = this.ofType = undefined;
    this.counts.set(node.opType, (this.counts.get(node.opType) ?? 0) + 1);
    this.changes.linked.push(node);
    for (const v of node.outputs) if (v) putAt(this.makers, v.slot, node);
    for (const v of node.inputs) if (v) this.readers.add(v, node);
  }

  private unlink(node: Draft): void {
    this.order = this.ofType = undefined;
    this.counts.set(node.opType, (this.counts.get(node.opType) ?? 0) - 1);
    for (const v of node.outputs) {
      if (!v || this.makers[v.slot] !== node) continue;
      this.makers[v.slot] = undefined;
      this.changes.lost.push(v);
    }
    for (const v of node.inputs) if (v) this.readers.delete(v, node);
  }
}

function noChanges(): { linked: Draft[]; lost: Value[] } {
  return { linked: [], lost: [] };
}

function groupByType(nodes: readonly Draft[]): Map<string, Draft[]> {
  const groups = new Map<string, Draft[]>();
  for (const n of nodes) {
    const group = groups.get(n.opType);
    if (group) group.push(n);
    else groups.set(n.opType, [n]);
  }
  return groups;
}

function capturedIn(drafts: readonly Draft[]): Set<Value> {
  const captured = new Set<Value>();
  for (const { source } of drafts)
    for (const { block } of source.bodies) for (const v of block.captured) captured.add(v);
  return captured;
}

/** Who reads each value, in the order in which they came to; mostly one node, which needs no set. */
class Readers {
  /** By the value's slot. */
  private readonly bySlot: (Draft | Set<Draft> | undefined)[] = [];

  of({ slot }: Value): readonly Draft[] {
    const readers = this.bySlot[slot];
    if (readers === undefined) return [];
    return readers instanceof Set ? [...readers] : [readers];
  }

  count({ slot }: Value): number {
    const readers = this.bySlot[slot];
    if (readers === undefined) return 0;
    return readers instanceof Set ? readers.size : 1;
  }

  add({ slot }: Value, node: Draft): void {
    const readers = this.bySlot[slot];
    if (readers === undefined) putAt(this.bySlot, slot, node);
    else if (readers instanceof Set) readers.add(node);
    else if (readers !== node) this.bySlot[slot] = new Set([readers, node]);
  }

  delete({ slot }: Value, node: Draft): void {
    const readers = this.bySlot[slot];
    if (readers instanceof Set) readers.delete(node);
    else if (readers === node) this.bySlot[slot] = undefined;
  }
}

/** Without holes, which make a list slow. */
function putAt<T>(list: (T | undefined)[], at: number, item: T): void {
  while (list.length <= at) list.push(undefined);
  list[at] = item;
}
