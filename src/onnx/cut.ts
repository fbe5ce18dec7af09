/**
 * The part of a model that makes some of its values: a model of its own, with all inputs.
 *
 *     cutTo(model, ['conv3.out']); // outputs conv3.out, and only the nodes and weights before it
 */
import { subgraphs, type Graph, type Model, type Node, type Value } from './model.ts';

export function cutTo(model: Model, values: readonly string[]): Model {
  const { graph } = model;
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const needed = new Set<Node>();
  const names = new Set<string>();
  const open = [...values];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === '' || names.has(name)) continue;
    names.add(name);
    const maker = makers.get(name);
    if (maker === undefined || needed.has(maker)) continue;
    needed.add(maker);
    open.push(...maker.inputs, ...captured(maker));
  }
  const inputs = new Set(graph.inputs.map((i) => i.name));
  const known = new Map(graph.outputs.map((o) => [o.name, o]));
  // without a type: ONNX Runtime infers it
  const outputs = [...new Set(values)].map((name): Value => known.get(name) ?? { name });
  return {
    ...model,
    graph: {
      ...graph,
      nodes: graph.nodes.filter((n) => needed.has(n)),
      initializers: new Map([...graph.initializers].filter(([name]) => names.has(name) || inputs.has(name))),
      outputs,
      range: undefined,
    },
    range: undefined,
  };
}

/** Names of this graph that bodies may see; more than they do. */
function captured(node: Node): string[] {
  const ofGraph = (graph: Graph): string[] => [
    ...graph.outputs.map((o) => o.name),
    ...graph.nodes.flatMap((n) => [...n.inputs, ...captured(n)]),
  ];
  return subgraphs(node).flatMap(({ graph }) => ofGraph(graph));
}
