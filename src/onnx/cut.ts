/**
 * The part of a model that makes some of its values: a model of its own, with all inputs.
 *
 *     cutTo(model, ['conv3.out']); // outputs conv3.out, and only the nodes and weights before it
 *     cutTo(model, ['conv3.out'], new Map([['conv2.out', 1]])); // of those, only what comes after conv2.out, an input now
 */
import { subgraphs, type Graph, type Model, type Node, type Value } from './model.ts';

/** @param known values that are given, and what their elements are (TensorProto.DataType): inputs, where they are needed */
export function cutTo(
  model: Model,
  values: readonly string[],
  known: ReadonlyMap<string, number> = new Map(),
): Model {
  const { graph } = model;
  const { nodes: needed, names } = before(graph, values, known);
  const inputs = new Set(graph.inputs.map((i) => i.name));
  const added = [...known].flatMap(([name, elemType]): Value[] =>
    names.has(name) && !inputs.has(name) ? [{ name, type: { kind: 'tensor', elemType } }] : [],
  );
  const declared = new Map(graph.outputs.map((o) => [o.name, o]));
  // without a type: ONNX Runtime infers it
  const outputs = [...new Set(values)].map((name): Value => declared.get(name) ?? { name });
  return {
    ...model,
    graph: {
      ...graph,
      nodes: graph.nodes.filter((n) => needed.has(n)),
      initializers: new Map([...graph.initializers].filter(([name]) => names.has(name) || inputs.has(name))),
      ...(added.length === 0 ? {} : { inputs: [...graph.inputs, ...added] }),
      outputs,
      range: undefined,
    },
    range: undefined,
  };
}

/**
 * What to keep of a run of `cutTo(model, values, known)`, so that a later one can make `later` from it: of the values
 * that run makes or is given, those that the rest of the model reads. None that is as constant as a weight.
 */
export function frontier(
  { graph }: Model,
  values: readonly string[],
  known: ReadonlySet<string>,
  later: readonly string[],
): string[] {
  const { nodes: done } = before(graph, values, known);
  const moving = new Set([...graph.inputs.map((i) => i.name), ...known]);
  for (const node of graph.nodes)
    if (namesRead(node).some((name) => moving.has(name))) for (const name of node.outputs) moving.add(name);
  const made = new Set([...done].flatMap((n) => n.outputs.filter((name) => moving.has(name))));
  const stops = new Set([...known, ...made]);
  const { names } = before(graph, later, stops);
  return [...names].filter((name) => stops.has(name));
}

/** Nodes that `values` follow from, and all names on the way, up to those that are known. */
function before(
  graph: Graph,
  values: readonly string[],
  known: { readonly has: (name: string) => boolean },
): { readonly nodes: ReadonlySet<Node>; readonly names: ReadonlySet<string> } {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const needed = new Set<Node>();
  const names = new Set<string>();
  const open = [...values];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === '' || names.has(name)) continue;
    names.add(name);
    const maker = known.has(name) ? undefined : makers.get(name);
    if (maker === undefined || needed.has(maker)) continue;
    needed.add(maker);
    open.push(...namesRead(maker));
  }
  return { nodes: needed, names };
}

/** Names of this graph that the node reads, its bodies included. */
export function namesRead(node: Node): string[] {
  return [...node.inputs, ...captured(node)];
}

/** Names of this graph that bodies may see; more than they do. */
function captured(node: Node): string[] {
  const ofGraph = (graph: Graph): string[] => [
    ...graph.outputs.map((o) => o.name),
    ...graph.nodes.flatMap((n) => [...n.inputs, ...captured(n)]),
  ];
  return subgraphs(node).flatMap(({ graph }) => ofGraph(graph));
}
