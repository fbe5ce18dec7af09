/** The tensors that come into a part and leave it, and what lies at their other ends. */
import type { GraphTensorView, GraphView } from '../../../src/protocol.ts';
import type { GraphParts, Part } from './parts.ts';

export interface Neighbour {
  /** Index in `GraphView.tensors`. */
  readonly index: number;
  readonly tensor: GraphTensorView;
  /** Innermost parts at the other end: one for what comes in. */
  readonly ends: readonly Part[];
}

export interface Neighbours {
  readonly incoming: readonly Neighbour[];
  readonly outgoing: readonly Neighbour[];
}

export function neighboursOf(view: GraphView, graph: GraphParts, part: Part): Neighbours {
  const inside = new Set(part.nodes);
  const incoming: Neighbour[] = [];
  const outgoing: Neighbour[] = [];
  view.tensors.forEach((tensor, index) => {
    const source = sourceOf(graph, tensor, index);
    const targets = targetsOf(graph, tensor, index);
    const isFrom = source === part || inside.has(tensor.from);
    const outside = targets.filter((p) => p !== part && !p.nodes.some((n) => inside.has(n)));
    if (isFrom && outside.length > 0) outgoing.push({ index, tensor, ends: outside });
    const isTo = targets.length > outside.length;
    if (isTo && !isFrom && source !== undefined) incoming.push({ index, tensor, ends: [source] });
  });
  return { incoming, outgoing };
}

export function sourceOf(graph: GraphParts, { from }: GraphTensorView, index: number): Part | undefined {
  return from < 0 ? graph.inputs.get(index) : graph.partOfNode[from];
}

export function targetsOf(graph: GraphParts, { to, isOutput }: GraphTensorView, index: number): Part[] {
  const terminal = isOutput ? graph.outputs.get(index) : undefined;
  const parts = new Set(to.map((node) => graph.partOfNode[node]));
  return [...parts, terminal].filter((p) => p !== undefined);
}
