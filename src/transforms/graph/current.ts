/** The main graph as the edits so far left it, as a model of its own to be looked at. */
import type { Model, Node } from '../../onnx/model.ts';
import type { Entry, Workspace } from './workspace.ts';

export interface CurrentModel {
  /** The very model of the workspace where no edit changed its main graph. */
  readonly model: Model;
  readonly isOriginal: boolean;
  /** Nodes that several entries share have none. */
  readonly entryOf: ReadonlyMap<Node, Entry>;
}

export function currentModel(ws: Workspace): CurrentModel {
  const { entries, initializers, graph, shared } = ws.main;
  const entryOf = new Map(entries.flatMap((entry) => entry.nodes.map((node) => [node, entry] as const)));
  const isOriginal =
    entries.every((e) => e.nodes.length === 1 && e.nodes[0] === e.original) &&
    [...initializers].every(([name, t]) => graph.initializers.get(name) === t);
  if (isOriginal) return { model: ws.model, isOriginal, entryOf };
  const sharedNodes = [...shared.values()].map((s) => s.node);
  const nodes = [...sharedNodes, ...entryOf.keys()];
  const now = { ...graph, nodes, initializers, valueInfo: new Map(), range: undefined };
  return { model: { ...ws.model, graph: now }, isOriginal, entryOf };
}
