import { subgraphs, type Graph, type Node } from '../../onnx/model.ts';

/** The graph, and those in its nodes. */
export function graphsOf(graph: Graph): Graph[] {
  return [graph, ...graph.nodes.flatMap(bodiesOf)];
}

/** Those in them, too. */
export function bodiesOf(node: Node): Graph[] {
  return subgraphs(node).flatMap(({ graph }) => graphsOf(graph));
}

/** Nodes are counted where they have no name of their own: with others before them, they get the one they went by. */
export function withIds(nodes: readonly Node[], ids: readonly string[]): Node[] {
  return nodes.map((n, i) => (n.name === ids[i] ? n : { ...n, name: ids[i] ?? n.name, range: undefined }));
}
