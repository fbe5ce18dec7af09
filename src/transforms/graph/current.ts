/** A graph as the edits so far left it, as a model of its own to be looked at. */
import { dimToString, isUnknown } from '../../analysis/dim.ts';
import type { GraphInference, InferredType, ModelInference } from '../../analysis/inference.ts';
import { inferShapes } from '../../analysis/shapes/index.ts';
import type { DeclaredDim, Graph, Model, Node, TensorRef, TypeInfo, Value } from '../../onnx/model.ts';
import type { Entry, Scope, Workspace } from './workspace.ts';

export interface CurrentModel {
  /** The very model of the workspace where that is asked for and no edit changed its main graph. */
  readonly model: Model;
  readonly isOriginal: boolean;
  /** Nodes that several entries share have none. */
  readonly entryOf: ReadonlyMap<Node, Entry>;
}

/**
 * @param scope the main graph, or a body: then constants of outer graphs that only it uses are its own, and other values
 * that it sees are its inputs
 */
export function currentModel(ws: Workspace, scope: Scope = ws.main): CurrentModel {
  const { entries, initializers, graph, shared } = scope;
  const entryOf = new Map(entries.flatMap((entry) => entry.nodes.map((node) => [node, entry] as const)));
  const isOriginal =
    scope === ws.main &&
    entries.every((e) => e.nodes.length === 1 && e.nodes[0] === e.original) &&
    [...initializers].every(([name, t]) => graph.initializers.get(name) === t);
  if (isOriginal) return { model: ws.model, isOriginal, entryOf };
  const sharedNodes = [...shared.values()].map((s) => s.node);
  const nodes = [...sharedNodes, ...entryOf.keys()];
  const now = { ...graph, nodes, initializers, valueInfo: new Map(), range: undefined };
  const whole = scope === ws.main ? now : closed(ws, scope, now);
  return { model: { ...ws.model, graph: whole }, isOriginal, entryOf };
}

function closed(ws: Workspace, scope: Scope, graph: Graph): Graph {
  const outer = outerInferences(ws, scope);
  const own = new Set([
    ...scope.inputs,
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap((n) => n.outputs),
  ]);
  const initializers = new Map<string, TensorRef>(graph.initializers);
  const typed = (name: string): Value => ({ name, type: typeInfo(typeIn(outer, name)) });
  const inputs = graph.inputs.map(({ name }) => typed(name));
  for (const name of new Set(graph.nodes.flatMap((n) => n.inputs))) {
    if (name === '' || own.has(name)) continue;
    const binding = ws.resolve(scope, name);
    const isOwn =
      binding.kind === 'constant' &&
      binding.name === name &&
      !binding.isOverridable &&
      !ws.isGraphOutput(binding.scope, name) &&
      ws.uses(binding.scope, name).every((u) => u.entry.scope === scope);
    if (isOwn) initializers.set(name, binding.tensor);
    else inputs.push(typed(name));
  }
  return { ...graph, inputs, initializers };
}

const inferences = new WeakMap<Model, ModelInference>();

function inferenceOf(model: Model): ModelInference {
  const found = inferences.get(model) ?? inferShapes(model);
  inferences.set(model, found);
  return found;
}

/** The types of values of the original model, whichever graph's, as seen from a scope. */
export function typesIn(ws: Workspace): (scope: Scope, name: string) => InferredType | undefined {
  const known = new Map<Scope, readonly GraphInference[]>();
  return (scope, name) => {
    const graphs = known.get(scope) ?? outerInferences(ws, scope);
    known.set(scope, graphs);
    return typeIn(graphs, name);
  };
}

/** Of the graphs around the scope, the innermost (its own) first; empty where it is never reached. */
function outerInferences(ws: Workspace, scope: Scope): GraphInference[] {
  const path: Scope[] = [];
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) path.unshift(at);
  let current: GraphInference | undefined = inferenceOf(ws.model).main;
  const found = [current];
  for (const inner of path.slice(1)) {
    const bodies: GraphInference[] = [...current.subgraphs.values()].flat().map((s) => s.inference);
    current = bodies.find((b) => b.graph === inner.graph);
    if (current === undefined) return [];
    found.unshift(current);
  }
  return found;
}

function typeIn(graphs: readonly GraphInference[], name: string): InferredType | undefined {
  for (const { values } of graphs) {
    const type = values.get(name);
    if (type !== undefined) return type;
  }
  return undefined;
}

function typeInfo(type: InferredType | undefined): TypeInfo | undefined {
  if (type?.kind !== 'tensor') return undefined;
  const { elemType, shape } = type;
  if (isUnknown(shape)) return { kind: 'tensor', elemType };
  const dims = shape.map((dim): DeclaredDim => {
    if (typeof dim === 'number') return { kind: 'size', size: dim };
    return isUnknown(dim) ? { kind: 'none' } : { kind: 'symbol', symbol: dimToString(dim) };
  });
  return { kind: 'tensor', elemType, shape: dims };
}
