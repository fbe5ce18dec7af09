/**
 * Follows what ONNX Runtime knows of one graph's values while that is rewritten: only what an edit reaches is found
 * anew.
 */
import { attributeInt } from '../../onnx/model.ts';
import { draftOf } from './draft.ts';
import {
  commonSizes,
  constantDims,
  declaredDims,
  dependsOnContent,
  inferred,
  merged,
  sameSizes,
} from './known-dims.ts';
import type { KnownDims, KnownSizes } from './known-dims.ts';
import type { Block } from './program.ts';
import type { Draft } from './runtime.ts';
import type { Value } from './values.ts';

/** By the value's slot: a map of 10,000 objects takes most of the time that finding out takes. */
class KnownTable implements KnownDims {
  private readonly bySlot: (KnownSizes | undefined)[];

  constructor(from?: KnownDims) {
    this.bySlot = from instanceof KnownTable ? from.bySlot.slice() : [];
  }

  get(value: Value): KnownSizes | undefined {
    return this.bySlot[value.slot];
  }

  has(value: Value): boolean {
    return this.bySlot[value.slot] !== undefined;
  }

  set(value: Value, sizes: KnownSizes | undefined): void {
    while (this.bySlot.length <= value.slot) this.bySlot.push(undefined);
    this.bySlot[value.slot] = sizes;
  }
}

export const nothingKnown: KnownDims = new KnownTable();

/** A graph that is being rewritten. */
export interface ChangingGraph {
  /** In topological order. */
  readonly nodes: readonly Draft[];
  has(node: Draft): boolean;
  maker(value: Value): Draft | undefined;
  readersOf(value: Value): readonly Draft[];
  takeChanges(): GraphChanges;
}

/** Since they were asked for last; each may be in it several times, and may be changed again or back since. */
export interface GraphChanges {
  /** Nodes that were added or changed. */
  readonly linked: readonly Draft[];
  /** Values whose node went, or makes another one. */
  readonly lost: readonly Value[];
}

export class FollowedDims {
  private readonly graph: Block['graph'];
  private readonly table: KnownTable;
  /** What was known before the graph was rewritten; a value that is still there keeps it. */
  private readonly before: KnownDims;
  /** Their sizes may change though nothing does that they read. */
  private readonly onContent = new Set<Draft>();
  private readonly inner = new Map<Block, KnownDims>();

  /**
   * @param nodes in topological order
   * @param outer what is known of values from around the graph
   */
  constructor(block: Pick<Block, 'graph' | 'inputs'>, nodes: readonly Draft[], outer: KnownDims) {
    this.graph = block.graph;
    this.table = new KnownTable(outer);
    const declared = new Map(this.graph.inputs.map((v) => [v.name, v.type]));
    for (const v of block.inputs) {
      const dims = declaredDims(declared.get(v.name));
      if (dims) this.table.set(v, dims);
    }
    this.before = nothingKnown;
    for (const n of nodes) {
      this.readConstants(n);
      if (dependsOnContent(n)) this.onContent.add(n);
      for (const v of n.outputs) if (v) this.table.set(v, this.found(n, v));
    }
    this.before = new KnownTable(this.table);
  }

  /** As the graph is now. What it gave before is no longer valid. */
  update(graph: ChangingGraph): KnownDims {
    const { nodes } = graph;
    const places = placesOf(nodes);
    const isDue = new Uint8Array(nodes.length);
    const mark = (n: Draft) => (isDue[places[n.index] ?? -1] = 1);
    const { linked, lost } = graph.takeChanges();
    for (const v of lost) if (graph.maker(v) === undefined) this.forget(v, graph, mark);
    for (const n of linked) {
      if (!graph.has(n)) continue;
      mark(n);
      if (dependsOnContent(n)) this.onContent.add(n);
    }
    for (const n of this.onContent)
      if (graph.has(n) && dependsOnContent(n)) mark(n);
      else this.onContent.delete(n);
    for (let i = 0; i < nodes.length; i++) {
      const n = isDue[i] === 1 ? nodes[i] : undefined;
      if (n === undefined) continue;
      this.readConstants(n);
      for (const v of n.outputs) if (v && this.isNew(n, v)) graph.readersOf(v).forEach(mark);
    }
    return this.table;
  }

  /** Of a value that no node makes any more. */
  private forget(v: Value, graph: ChangingGraph, mark: (reader: Draft) => void): void {
    this.table.set(v, undefined);
    graph.readersOf(v).forEach(mark);
  }

  /** Whether something else is known of it than before; the same list otherwise, so that what follows from it holds. */
  private isNew(n: Draft, v: Value): boolean {
    const then = this.table.get(v);
    const now = this.found(n, v);
    if (now === then || (now && then && sameSizes(now, then))) return false;
    this.table.set(v, now);
    return true;
  }

  private readConstants({ inputs }: Draft): void {
    for (const v of inputs)
      if (v?.kind === 'constant' && !this.table.has(v)) this.table.set(v, constantDims(v));
  }

  private found(n: Draft, v: Value): KnownSizes | undefined {
    const said = this.before.get(v) ?? declaredDims(this.graph.valueInfo.get(v.name)?.type);
    return merged(n.source.bodies.length > 0 ? this.ofBodies(n, v) : inferred(n, v, this.table), said);
  }

  /**
   * What is the same in all branches of an If; the state of a Scan, and what it or a Loop collects: of that, all but the
   * number of a Loop's turns. A Loop's state may change with each turn: nothing is known.
   */
  private ofBodies(n: Draft, v: Value): KnownSizes | undefined {
    const { bodies } = n.source;
    const at = n.outputs.indexOf(v);
    // where the branches differ in rank, ONNX Runtime still plans as if it were known (Silero VAD)
    if (n.opType === 'If')
      return commonSizes(bodies.map(({ block }) => this.ofBody(block, at))) ?? inferred(n, v, this.table);
    const isLoop = n.opType === 'Loop';
    const states = isLoop
      ? Math.max(0, n.inputs.length - 2)
      : n.inputs.length - attributeInt(n.node, 'num_scan_inputs', 1);
    if (at < states) return isLoop ? undefined : this.knownOf(n.inputs[at]);
    const [body] = bodies;
    const each = body && this.ofBody(body.block, at + (isLoop ? 1 : 0));
    return each && [isLoop ? undefined : this.knownOf(n.inputs[states])?.[0], ...each];
  }

  private knownOf(v: Value | undefined): KnownSizes | undefined {
    return v && this.table.get(v);
  }

  private ofBody(block: Block, output: number): KnownSizes | undefined {
    const value = block.outputs[output];
    return value && this.dimsIn(block).get(value);
  }

  private dimsIn(block: Block): KnownDims {
    let known = this.inner.get(block);
    if (known === undefined) {
      const nodes = block.nodes.map(draftOf);
      known = new FollowedDims(block, nodes, this.table).table;
      this.inner.set(block, known);
    }
    return known;
  }
}

/** By a node's index: its place in the list. */
function placesOf(nodes: readonly Draft[]): Int32Array {
  let last = -1;
  for (const { index } of nodes) if (index > last) last = index;
  const places = new Int32Array(last + 1).fill(-1);
  for (let i = 0; i < nodes.length; i++) places[nodes[i]?.index ?? 0] = i;
  return places;
}
