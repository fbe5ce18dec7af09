/** Makes the Model that a finished workspace describes; whatever did not change stays the very same object. */
import {
  nodeIds,
  opsetVersion,
  type Attribute,
  type Graph,
  type Model,
  type Node,
  type OpsetImport,
  type SparseTensorRef,
  type StringEntry,
  type TensorRef,
  type Value,
} from '../../onnx/model.ts';
import type { Entry, RetypedValue, Scope, SharedNode, Workspace } from './workspace.ts';

/** Version under which a foreign domain is imported where the model does not import it yet. */
const DOMAIN_VERSION = 1;
/** From here on, initializers need not be graph inputs. */
const IR_VERSION_FREE_INITIALIZERS = 4;

export interface Built {
  readonly model: Model;
  /** By id in the original model: ids, in the new model, of the nodes that stand in its place. */
  readonly idsAfter: ReadonlyMap<string, readonly string[]>;
}

export function buildModel(ws: Workspace, metadata: readonly StringEntry[]): Built {
  ws.finish();
  const sparse = takeSparse(ws);
  const idsAfter = new Map<string, readonly string[]>();
  const dense = buildGraph(ws, ws.main);
  const graph =
    sparse.length === 0
      ? dense
      : { ...dense, sparseInitializers: [...dense.sparseInitializers, ...sparse], range: undefined };
  collectIds(ws.main, '', idsAfter);
  const { model } = ws;
  const needsNewerIr = model.irVersion < IR_VERSION_FREE_INITIALIZERS;
  const built: Model = {
    ...model,
    irVersion: Math.max(ws.irVersion, IR_VERSION_FREE_INITIALIZERS),
    opsetImports: opsets(ws),
    metadata,
    graph: needsNewerIr ? withoutInitializerInputs(graph, model.graph) : graph,
    range: undefined,
  };
  return { model: built, idsAfter };
}

/** Constants that are written in another form leave their places: initializers, or Constant nodes. */
function takeSparse({ main, sparse }: Workspace): SparseTensorRef[] {
  const found: SparseTensorRef[] = [];
  const take = (tensor: TensorRef, name: string): boolean => {
    const form = sparse.get(tensor);
    if (form !== undefined) found.push({ ...form, values: { ...form.values, name } });
    return form !== undefined;
  };
  for (const [name, tensor] of main.initializers) if (take(tensor, name)) main.initializers.delete(name);
  for (const entry of main.entries) {
    const [node] = entry.nodes;
    const value = node?.opType === 'Constant' ? node.attributes.get('value') : undefined;
    if (value?.kind === 'tensor' && take(value.value, node?.outputs[0] ?? '')) entry.nodes = [];
  }
  return found;
}

function buildGraph(ws: Workspace, scope: Scope): Graph {
  const nodes = emitted(scope).map(({ entry, node }) =>
    entry === undefined ? node : withBodies(ws, entry, node),
  );
  const { graph } = scope;
  const { retyped } = scope;
  const isSame =
    retyped.inputs.size + retyped.outputs.size === 0 &&
    nodes.length === graph.nodes.length &&
    nodes.every((n, i) => n === graph.nodes[i]) &&
    scope.hidden.length === (graph.shadowedInitializers?.length ?? 0) &&
    sameTensors(graph.initializers, scope.initializers);
  if (isSame) return graph;
  const kept = [...graph.valueInfo].filter(([name]) => !scope.removed.has(name) && !scope.reshaped.has(name));
  return {
    ...graph,
    inputs: graph.inputs.map((value, i) => withType(value, retyped.inputs.get(i))),
    outputs: graph.outputs.map((value, i) => withType(value, retyped.outputs.get(i))),
    nodes,
    initializers: scope.initializers,
    shadowedInitializers: scope.hidden.length === 0 ? undefined : scope.hidden,
    valueInfo: new Map(kept),
    range: undefined,
  };
}

function withType(value: Value, now: RetypedValue | undefined): Value {
  if (now === undefined) return value;
  const { name, elemType } = now;
  const type = value.type?.kind === 'tensor' ? { ...value.type, elemType, range: undefined } : value.type;
  return { ...value, name, type, range: undefined };
}

/** The scope's nodes in order, each with the entry it belongs to; a shared node belongs to its first user. */
function emitted(scope: Scope): { entry: Entry | undefined; node: Node }[] {
  const before = new Map<Entry, SharedNode[]>();
  for (const shared of scope.shared.values()) {
    const first = [...shared.users].reduce((a, b) => (b.index < a.index ? b : a));
    before.set(first, [...(before.get(first) ?? []), shared]);
  }
  const leading = scope.leading.map((node) => ({ entry: undefined, node }));
  const others = scope.entries.flatMap((entry) => [
    ...(before.get(entry) ?? []).map(({ node }) => ({ entry, node })),
    ...entry.nodes.map((node) => ({ entry, node })),
  ]);
  return [...leading, ...others];
}

function withBodies(ws: Workspace, entry: Entry, node: Node): Node {
  // an edit may have renamed its inputs
  if (node.attributes !== entry.original.attributes || entry.bodies.length === 0) return node;
  const built = new Map<string, Graph>();
  for (const { attribute, scope } of entry.bodies) {
    const graph = buildGraph(ws, scope);
    if (graph !== scope.graph) built.set(attribute, graph);
  }
  if (built.size === 0) return node;
  const attributes = new Map([...node.attributes].map(([name, a]) => [name, withGraphs(a, built)]));
  return { ...node, attributes, range: undefined };
}

function withGraphs(attribute: Attribute, built: ReadonlyMap<string, Graph>): Attribute {
  if (attribute.kind === 'graph') {
    const value = built.get(attribute.name);
    return value === undefined ? attribute : { ...attribute, value, range: undefined };
  }
  if (attribute.kind === 'graphs') {
    const value = attribute.value.map((g, i) => built.get(`${attribute.name}[${i}]`) ?? g);
    return value.every((g, i) => g === attribute.value[i])
      ? attribute
      : { ...attribute, value, range: undefined };
  }
  return attribute;
}

/** Ids in the new model, by id in the original one. */
function collectIds(scope: Scope, prefix: string, found: Map<string, readonly string[]>): void {
  const list = emitted(scope);
  const ids = nodeIds(
    list.map((e) => e.node),
    prefix,
  );
  list.forEach(({ entry }, i) => {
    const id = ids[i] ?? '';
    if (entry === undefined) return;
    found.set(entry.id, [...(found.get(entry.id) ?? []), id]);
    for (const { attribute, scope: body } of entry.bodies) collectIds(body, `${id}/${attribute}/`, found);
  });
}

function opsets(ws: Workspace): readonly OpsetImport[] {
  const imports = ws.model.opsetImports.map((o) =>
    o.domain === '' && o.version < ws.opsetVersion ? { ...o, version: ws.opsetVersion } : o,
  );
  for (const domain of ws.usedDomains) {
    if (opsetVersion(ws.model, domain) === undefined) imports.push({ domain, version: DOMAIN_VERSION });
  }
  return imports;
}

/**
 * Before IR version 4 every initializer had to be a graph input, and none could be overridden on ONNX Runtime. New
 * tensors need version 4, under which such inputs would become overridable: so they go, and mean what they meant.
 */
function withoutInitializerInputs(graph: Graph, original: Graph): Graph {
  const inputs = graph.inputs.filter((i) => !original.initializers.has(i.name));
  return { ...graph, inputs, range: undefined };
}

function sameTensors(a: ReadonlyMap<string, TensorRef>, b: ReadonlyMap<string, TensorRef>): boolean {
  return a.size === b.size && [...a].every(([name, tensor]) => b.get(name) === tensor);
}
