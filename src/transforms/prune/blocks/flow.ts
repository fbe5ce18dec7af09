/** Who makes and who reads each value of the main graph as it is now, for the search for residual blocks. */
import { isUnknown, sameDim } from '../../../analysis/dim.ts';
import type { ModelInference } from '../../../analysis/inference.ts';
import { inferShapes } from '../../../analysis/shapes/index.ts';
import type { Dim } from '../../../analysis/types.ts';
import { nodeIds, subgraphs, type Graph, type Model, type Node } from '../../../onnx/model.ts';
import { currentModel } from '../../graph/current.ts';
import type { Entry, Workspace } from '../../graph/workspace.ts';

export class Flow {
  readonly model: Model;
  readonly entryOf: ReadonlyMap<Node, Entry>;
  /** In an order in which they can run. */
  readonly order: readonly Node[];
  readonly outputs: ReadonlySet<string>;
  private readonly inference: ModelInference;
  private readonly ids: ReadonlyMap<Node, string>;
  private readonly makers = new Map<string, Node>();
  private readonly readers = new Map<string, Node[]>();
  private readonly constants = new Set<string>();
  /** Values that the bodies of a node see by name, with that of the node. */
  private readonly reads = new Map<Node, readonly string[]>();

  constructor(ws: Workspace) {
    const { model, entryOf } = currentModel(ws);
    const { graph, irVersion } = model;
    this.model = model;
    this.entryOf = entryOf;
    this.inference = inferShapes(model);
    this.order = this.inference.main.order;
    this.outputs = new Set(graph.outputs.map((o) => o.name));
    const own = nodeIds(graph.nodes);
    this.ids = new Map(graph.nodes.map((n, i) => [n, entryOf.get(n)?.id ?? own[i] ?? n.name]));
    const inputs = new Set(graph.inputs.map((i) => i.name));
    for (const name of graph.initializers.keys())
      if (irVersion < 4 || !inputs.has(name)) this.constants.add(name);
    for (const node of this.order) this.add(node);
  }

  private add(node: Node): void {
    const reads = new Set([...node.inputs, ...captured(node)].filter((name) => name !== ''));
    this.reads.set(node, [...reads]);
    for (const name of reads) {
      const readers = this.readers.get(name);
      if (readers === undefined) this.readers.set(name, [node]);
      else readers.push(node);
    }
    const isConstant = subgraphs(node).length === 0 && [...reads].every((name) => this.constants.has(name));
    for (const name of node.outputs) {
      if (name === '') continue;
      this.makers.set(name, node);
      if (isConstant) this.constants.add(name);
    }
  }

  idOf(node: Node): string {
    return this.ids.get(node) ?? node.name;
  }

  maker(value: string): Node | undefined {
    return this.makers.get(value);
  }

  /** Each node once. */
  readersOf(value: string): readonly Node[] {
    return this.readers.get(value) ?? [];
  }

  /** Inputs, and what the node's bodies see of this graph. */
  readsOf(node: Node): readonly string[] {
    return this.reads.get(node) ?? [];
  }

  /** As {@link readsOf}, without what only its shape is taken of. */
  dataOf(node: Node): readonly string[] {
    const isShape = node.domain === '' && (node.opType === 'Shape' || node.opType === 'Size');
    return isShape ? [] : this.readsOf(node);
  }

  /** Made of constants alone. */
  isConstant(value: string): boolean {
    return this.constants.has(value);
  }

  shapeOf(value: string): readonly Dim[] | undefined {
    const type = this.inference.main.values.get(value);
    return type?.kind !== 'tensor' || isUnknown(type.shape) ? undefined : type.shape;
  }

  /** Undefined where one of them is not known. */
  isSameShape(a: string, b: string): boolean | undefined {
    const [x, y] = [this.shapeOf(a), this.shapeOf(b)];
    if (x === undefined || y === undefined || [...x, ...y].some(isUnknown)) return undefined;
    return x.length === y.length && x.every((d, k) => sameDim(d, y[k] ?? 0));
  }

  /** The value and all that it is made of. */
  before(value: string): ReadonlySet<string> {
    const found = new Set([value]);
    // a set hands out what is added while it is gone through
    for (const name of found) {
      const maker = this.maker(name);
      if (maker !== undefined) for (const input of this.dataOf(maker)) found.add(input);
    }
    return found;
  }

  /** All nodes that something of `values` goes into. */
  behind(values: ReadonlySet<string>): ReadonlySet<Node> {
    const reached = new Set(values);
    const nodes = new Set<Node>();
    for (const node of this.order) {
      if (!this.dataOf(node).some((name) => reached.has(name))) continue;
      nodes.add(node);
      for (const output of node.outputs) reached.add(output);
    }
    return nodes;
  }

  /**
   * Nodes that nothing needs any more once each of `cuts` no longer reads its value.
   * @param gone nodes that are not there any more
   */
  unneeded(cuts: readonly Cut[], gone: ReadonlySet<Node> = new Set()): Set<Node> {
    const dead = new Set<Node>(gone);
    const isCut = (node: Node, value: string) => cuts.some((c) => c.at === node && c.values.includes(value));
    const isFree = (value: string): boolean =>
      value === '' ||
      (!this.outputs.has(value) && this.readersOf(value).every((n) => dead.has(n) || isCut(n, value)));
    const open = [...cuts.flatMap((c) => c.values), ...[...gone].flatMap((n) => this.readsOf(n))];
    for (let value = open.pop(); value !== undefined; value = open.pop()) {
      const maker = this.maker(value);
      if (maker === undefined || dead.has(maker) || !maker.outputs.every(isFree)) continue;
      dead.add(maker);
      open.push(...this.readsOf(maker));
    }
    return dead;
  }
}

/** A node that stays and no longer reads these. */
export interface Cut {
  readonly at: Node;
  readonly values: readonly string[];
}

function captured(node: Node): string[] {
  const visit = (graph: Graph): string[] => [
    ...graph.outputs.map((o) => o.name),
    ...graph.nodes.flatMap((n) => [...n.inputs, ...captured(n)]),
  ];
  return subgraphs(node).flatMap(({ graph }) => visit(graph));
}
