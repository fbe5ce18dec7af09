/** Executable order of a graph's nodes. */
import { subgraphs } from '../../onnx/model.ts';
import type { Graph, Model, Node } from '../../onnx/model.ts';

const outer = new WeakMap<Graph, readonly string[]>();

/** Names a subgraph takes from the graphs around it. */
export function outerNames(graph: Graph): readonly string[] {
  const known = outer.get(graph);
  if (known) return known;
  const defined = new Set<string>([...graph.inputs.map((v) => v.name), ...graph.initializers.keys()]);
  for (const t of graph.sparseInitializers) defined.add(t.values.name);
  for (const n of graph.nodes) for (const o of n.outputs) defined.add(o);
  const names = new Set<string>();
  const use = (name: string) => {
    if (name !== '' && !defined.has(name)) names.add(name);
  };
  for (const n of graph.nodes) dependencies(n).forEach(use);
  graph.outputs.forEach((v) => use(v.name));
  const list = [...names];
  outer.set(graph, list);
  return list;
}

/** Nodes in the file: of the graph, its subgraphs and the local functions. */
export function countNodes({ graph, functions }: Pick<Model, 'graph' | 'functions'>): number {
  const count = (nodes: readonly Node[]): number =>
    nodes.reduce(
      (n, node) =>
        holdsGraphs(node) ? n + subgraphs(node).reduce((m, s) => m + count(s.graph.nodes), 0) : n,
      nodes.length,
    );
  return functions.reduce((n, f) => n + count(f.nodes), count(graph.nodes));
}

/** All names a node needs: its inputs, and what its subgraphs take from around them. */
export function dependencies(node: Node): readonly string[] {
  if (!holdsGraphs(node)) return node.inputs;
  return [...node.inputs, ...subgraphs(node).flatMap((s) => outerNames(s.graph))];
}

function holdsGraphs(node: Node): boolean {
  if (node.attributes.size === 0) return false;
  for (const a of node.attributes.values()) if (a.kind === 'graph' || a.kind === 'graphs') return true;
  return false;
}

/**
 * The nodes with every producer before its users; where the file order is such already, the file order. Nodes of a
 * cycle keep their place in the file and are named in `cyclic`.
 */
export function executableOrder(nodes: readonly Node[]): { order: readonly Node[]; cyclic: readonly Node[] } {
  const producer = new Map<string, number>();
  for (let i = 0; i < nodes.length; i++)
    for (const o of nodes[i]?.outputs ?? []) if (o !== '') producer.set(o, i);
  if (isInOrder(nodes, producer)) return { order: nodes, cyclic: [] };

  const needs = nodes.map((n) => dependencies(n).flatMap((name) => producer.get(name) ?? []));
  const state = new Uint8Array(nodes.length); // 0 unseen, 1 begun, 2 placed
  const order: Node[] = [];
  const cyclic = new Set<Node>();
  const stack: { at: number; next: number }[] = [];
  for (let i = 0; i < nodes.length; i++) {
    if (state[i] === 0) stack.push({ at: i, next: 0 });
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      state[top.at] ||= 1;
      const need = needs[top.at]?.[top.next++];
      if (need === undefined) {
        stack.pop();
        state[top.at] = 2;
        const node = nodes[top.at];
        if (node) order.push(node);
      } else if (state[need] === 0) stack.push({ at: need, next: 0 });
      else if (state[need] === 1)
        stack.slice(stack.findIndex((s) => s.at === need)).forEach((s) => addNode(cyclic, nodes[s.at]));
    }
  }
  return { order, cyclic: [...cyclic] };
}

function isInOrder(nodes: readonly Node[], producer: ReadonlyMap<string, number>): boolean {
  for (const [i, n] of nodes.entries())
    for (const name of dependencies(n)) if ((producer.get(name) ?? -1) >= i) return false;
  return true;
}

function addNode(set: Set<Node>, node: Node | undefined): void {
  if (node) set.add(node);
}
