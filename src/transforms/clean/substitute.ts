/** A node of a function's body as one call has it: other names, and the attributes that the call gives. */
import type { Attribute, Graph, Node, StringEntry, TensorRef, Value } from '../../onnx/model.ts';

export interface Substitution {
  /** Of a value of the body; '' stays ''. */
  readonly rename: (name: string) => string;
  /** What the call gives for an attribute of the function, or its default. */
  readonly attribute: (name: string) => Attribute | undefined;
  /** Of the call: what a node has none of itself. */
  readonly metadata: readonly StringEntry[];
}

export function substituted(node: Node, by: Substitution): Node {
  const attributes = new Map<string, Attribute>();
  for (const [name, attribute] of node.attributes) {
    const own = substitutedAttribute(attribute, by);
    // left out by the call, and without a default
    if (own !== undefined) attributes.set(name, own);
  }
  const keys = new Set(node.metadata?.map((m) => m.key));
  const metadata = [...(node.metadata ?? []), ...by.metadata.filter((m) => !keys.has(m.key))];
  return {
    ...node,
    inputs: node.inputs.map(by.rename),
    outputs: node.outputs.map(by.rename),
    attributes,
    metadata: metadata.length > 0 ? metadata : node.metadata,
    range: undefined,
  };
}

function substitutedAttribute(a: Attribute, by: Substitution): Attribute | undefined {
  switch (a.kind) {
    case 'ref': {
      const given = by.attribute(a.refName);
      return given && { ...given, name: a.name, range: undefined };
    }
    case 'graph':
      return { ...a, value: substitutedGraph(a.value, by), range: undefined };
    case 'graphs':
      return { ...a, value: a.value.map((g) => substitutedGraph(g, by)), range: undefined };
    default:
      return a;
  }
}

/** Its own values get new names, too: they must be none of the graph around. */
function substitutedGraph(graph: Graph, by: Substitution): Graph {
  const renamed = <T extends Value | TensorRef>(named: T): T => ({
    ...named,
    name: by.rename(named.name),
    range: undefined,
  });
  const renamedAll = <T extends Value | TensorRef>(all: ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
    new Map([...all.values()].map(renamed).map((item) => [item.name, item]));
  return {
    ...graph,
    nodes: graph.nodes.map((n) => substituted(n, { ...by, metadata: [] })),
    initializers: renamedAll(graph.initializers),
    shadowedInitializers: graph.shadowedInitializers?.map(renamed),
    sparseInitializers: graph.sparseInitializers.map((s) => ({
      ...s,
      values: renamed(s.values),
      range: undefined,
    })),
    inputs: graph.inputs.map(renamed),
    outputs: graph.outputs.map(renamed),
    valueInfo: renamedAll(graph.valueInfo),
    range: undefined,
  };
}
