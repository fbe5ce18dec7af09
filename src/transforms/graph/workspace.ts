/**
 * The model as edits see it while a recipe is applied: a tree of scopes (main graph and subgraphs), each a list of
 * entries, one per node of the original file. An edit replaces an entry's nodes and adds tensors; nothing of the
 * original is changed. `buildModel` turns the result into a Model and keeps every untouched object as it was, so
 * that the writer copies it byte for byte.
 */
import {
  nodeIds,
  subgraphs,
  type Graph,
  type Model,
  type Node,
  type SparseTensorRef,
  type TensorRef,
} from '../../onnx/model.ts';
import { ensureOpset } from './opset.ts';

/** One node of the original model and what stands in its place now. */
export interface Entry {
  /** Node id in the original model. */
  readonly id: string;
  /** Place in file order within its graph. */
  readonly index: number;
  readonly original: Node;
  readonly scope: Scope;
  readonly bodies: readonly { readonly attribute: string; readonly scope: Scope }[];
  /** `[original]` until an edit replaces it; empty once nothing uses a Constant's output any more. */
  nodes: readonly Node[];
  /** Set by the edit that quantized it. */
  quantizedBy?: { readonly edit: number; readonly form: string } | undefined;
}

/** One graph: the main graph or a subgraph of a node. */
export interface Scope {
  readonly graph: Graph;
  readonly parent: Scope | undefined;
  readonly entries: Entry[];
  readonly initializers: Map<string, TensorRef>;
  /** As `Graph.shadowedInitializers`. */
  hidden: readonly TensorRef[];
  /** By name of the value, the entry that produces it in the original graph. */
  readonly producers: ReadonlyMap<string, Entry>;
  readonly inputs: ReadonlySet<string>;
  /** Nodes that quantize an activation, by the activation's name; emitted before their first user. */
  readonly shared: Map<string, SharedNode>;
  /** Value names that are gone: their value_info goes too. */
  readonly removed: Set<string>;
  /** Values whose shape an edit changed: what the file declares of it goes. */
  readonly reshaped: Set<string>;
  /** Graph inputs and outputs that take another element type, and maybe name, by position. */
  readonly retyped: {
    readonly inputs: Map<number, RetypedValue>;
    readonly outputs: Map<number, RetypedValue>;
  };
  /** Nodes before all others. */
  readonly leading: Node[];
}

export interface RetypedValue {
  readonly name: string;
  readonly elemType: number;
}

/** A node that several entries share (one DynamicQuantizeLinear per activation). */
export interface SharedNode {
  readonly node: Node;
  /** The entries that use it. */
  readonly users: Set<Entry>;
}

/** What a name stands for at some place of the model. */
export type Binding =
  | {
      readonly kind: 'constant';
      readonly name: string;
      /** Where it is defined. */
      readonly scope: Scope;
      readonly tensor: TensorRef;
      /** The Constant node that holds it; undefined for an initializer. */
      readonly holder: Entry | undefined;
      /** An initializer that the caller may override because it is a graph input too (IR version 4 and later). */
      readonly isOverridable: boolean;
    }
  | { readonly kind: 'sparse'; readonly name: string; readonly tensor: SparseTensorRef }
  | { readonly kind: 'input' | 'missing'; readonly name: string }
  | { readonly kind: 'produced'; readonly name: string; readonly entry: Entry };

/** A use of a constant: the node and the position among its inputs. */
export interface Use {
  readonly entry: Entry;
  readonly input: number;
}

export class Workspace {
  readonly model: Model;
  /** The main graph first, then subgraphs in file order, parents before children. */
  readonly scopes: readonly Scope[];
  /** How constants of the main graph are written that are still there when all edits are done; edits see them dense. */
  readonly sparse = new Map<TensorRef, SparseTensorRef>();
  /** Opset of ai.onnx that the result needs; raised by `requireOpset`. */
  private opset: number;
  /** IR version that the result needs; raised by `requireIrVersion`. */
  private ir: number;
  private readonly byId: ReadonlyMap<string, Entry>;
  private readonly names: Set<string>;
  private readonly nodeNames: Set<string>;
  private readonly domains = new Set<string>();

  constructor(model: Model) {
    this.model = model;
    const scopes: Scope[] = [];
    const byId = new Map<string, Entry>();
    openScope(model.graph, undefined, '', scopes, byId);
    this.scopes = scopes;
    this.byId = byId;
    this.opset = model.opsetImports.find((o) => o.domain === '')?.version ?? 0;
    this.ir = model.irVersion;
    this.names = valueNames(scopes);
    this.nodeNames = new Set(scopes.flatMap((s) => s.entries.map((e) => e.original.name)));
  }

  get main(): Scope {
    const [main] = this.scopes;
    if (main === undefined) throw new RangeError('a model has a graph');
    return main;
  }

  get entries(): Iterable<Entry> {
    return this.byId.values();
  }

  entry(id: string): Entry | undefined {
    return this.byId.get(id);
  }

  /** What `name` stands for in `scope`; outer graphs are looked through, Identity nodes followed. */
  resolve(scope: Scope, name: string): Binding {
    for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
      const tensor = at.initializers.get(name);
      if (tensor !== undefined) return this.constant(at, name, tensor, undefined);
      const entry = at.producers.get(name);
      if (entry !== undefined) return this.produced(entry, name);
      const sparse = at.graph.sparseInitializers.find((s) => s.values.name === name);
      if (sparse !== undefined) return { kind: 'sparse', name, tensor: sparse };
      if (at.inputs.has(name)) return { kind: 'input', name };
    }
    return { kind: 'missing', name };
  }

  private produced(entry: Entry, name: string): Binding {
    const [node] = entry.nodes;
    if (node === undefined || node.domain !== '') return { kind: 'produced', name, entry };
    if (node.opType === 'Constant') {
      const value = node.attributes.get('value');
      if (value?.kind === 'tensor') return this.constant(entry.scope, name, value.value, entry);
    }
    const [source] = node.inputs;
    if (node.opType === 'Identity' && source !== undefined) {
      const behind = this.resolve(entry.scope, source);
      if (behind.kind === 'constant') return behind;
    }
    return { kind: 'produced', name, entry };
  }

  private constant(scope: Scope, name: string, tensor: TensorRef, holder: Entry | undefined): Binding {
    // ONNX Runtime, too, takes initializers of IR version 3 as constants although all of them are inputs there
    const isOverridable = holder === undefined && scope.inputs.has(name) && this.model.irVersion >= 4;
    return { kind: 'constant', name, scope, tensor, holder, isOverridable };
  }

  /** Nodes that use the value `name` of `scope` now, here and in the subgraphs that capture it. */
  uses(scope: Scope, name: string): Use[] {
    const found: Use[] = [];
    for (const s of this.scopes) {
      if (!captures(s, scope, name)) continue;
      for (const entry of s.entries) {
        for (const node of entry.nodes) {
          node.inputs.forEach((input, i) => {
            if (input === name) found.push({ entry, input: i });
          });
        }
      }
    }
    return found;
  }

  isGraphOutput(scope: Scope, name: string): boolean {
    return this.scopes.some((s) => captures(s, scope, name) && s.graph.outputs.some((o) => o.name === name));
  }

  /** Puts `nodes` in the place of the entry's nodes. */
  replace(entry: Entry, nodes: readonly Node[]): void {
    entry.nodes = nodes;
    for (const n of nodes) if (n.domain !== '') this.domains.add(n.domain);
  }

  /** Replaces the tensor of a constant under its name: every user sees the new one. */
  setConstant(binding: Binding & { kind: 'constant' }, tensor: TensorRef): void {
    if (binding.holder === undefined) binding.scope.initializers.set(binding.name, tensor);
    else {
      const [node] = binding.holder.nodes;
      if (node === undefined) throw new RangeError(`Constant ${binding.holder.id} is gone`);
      const value = { name: 'value', kind: 'tensor', value: tensor } as const;
      const attributes = new Map(node.attributes).set('value', value);
      binding.holder.nodes = [{ ...node, attributes, range: undefined }];
    }
  }

  /** Adds a constant to `scope`; its name must come from `uniqueName`. */
  addInitializer(scope: Scope, tensor: TensorRef): void {
    scope.initializers.set(tensor.name, tensor);
  }

  /**
   * Drops the value `name` as seen from `scope`, once nothing uses it: an initializer, a Constant, or an Identity with
   * what is behind it.
   * @returns whether the constant itself is gone
   */
  dropIfUnused(scope: Scope, name: string): boolean {
    const home = this.definition(scope, name);
    if (home === undefined || this.uses(home, name).length > 0 || this.isGraphOutput(home, name))
      return false;
    home.removed.add(name);
    if (home.initializers.delete(name)) return true;
    const entry = home.producers.get(name);
    const [node] = entry?.nodes ?? [];
    if (entry === undefined || node === undefined || node.domain !== '') return false;
    const [source] = node.inputs;
    if (node.opType === 'Constant') entry.nodes = [];
    else if (node.opType === 'Identity' && source !== undefined) {
      entry.nodes = [];
      return this.dropIfUnused(home, source);
    }
    return entry.nodes.length === 0;
  }

  /** Whether `scope` still defines the value `name`. */
  isDefined(scope: Scope, name: string): boolean {
    return !scope.removed.has(name);
  }

  /** The graph that defines what `name` means in `scope`. */
  definition(scope: Scope, name: string): Scope | undefined {
    for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
      if (at.initializers.has(name) || at.producers.has(name) || at.inputs.has(name)) return at;
    }
    return undefined;
  }

  /** The node that quantizes `activation` for users in `scope`, made once. */
  shareNode(scope: Scope, activation: string, user: Entry, make: () => Node): Node {
    const known = scope.shared.get(activation);
    if (known !== undefined) {
      known.users.add(user);
      return known.node;
    }
    const node = make();
    scope.shared.set(activation, { node, users: new Set([user]) });
    return node;
  }

  /** A value name that no graph of the model uses: `base`, else `base_1`, … */
  uniqueName(base: string): string {
    return unique(base, this.names);
  }

  uniqueNodeName(base: string): string {
    return unique(base, this.nodeNames);
  }

  requireOpset(version: number): void {
    this.opset = Math.max(this.opset, version);
  }

  /** No meaning changes with it, but that of initializers that are graph inputs, too (see `buildModel`). */
  requireIrVersion(version: number): void {
    this.ir = Math.max(this.ir, version);
  }

  get irVersion(): number {
    return this.ir;
  }

  requireDomain(domain: string): void {
    this.domains.add(domain);
  }

  get opsetVersion(): number {
    return this.opset;
  }

  get usedDomains(): ReadonlySet<string> {
    return this.domains;
  }

  /** Converts nodes to the required opset where it was raised. */
  finish(): void {
    ensureOpset(this);
  }
}

/** Whether the name `name` of scope `definition` is what `name` means in scope `s`. */
function captures(s: Scope, definition: Scope, name: string): boolean {
  for (let at: Scope | undefined = s; at !== undefined; at = at.parent) {
    if (at === definition) return true;
    if (at.producers.has(name) || at.inputs.has(name) || at.graph.initializers.has(name)) return false;
  }
  return false;
}

function openScope(
  graph: Graph,
  parent: Scope | undefined,
  prefix: string,
  scopes: Scope[],
  byId: Map<string, Entry>,
): Scope {
  const producers = new Map<string, Entry>();
  const scope: Scope = {
    graph,
    parent,
    entries: [],
    initializers: new Map(graph.initializers),
    hidden: graph.shadowedInitializers ?? [],
    producers,
    inputs: new Set(graph.inputs.map((i) => i.name)),
    shared: new Map(),
    removed: new Set(),
    reshaped: new Set(),
    retyped: { inputs: new Map(), outputs: new Map() },
    leading: [],
  };
  scopes.push(scope);
  const ids = nodeIds(graph.nodes, prefix);
  graph.nodes.forEach((node, index) => {
    const id = ids[index] ?? `${prefix}${index}`;
    const bodies: { attribute: string; scope: Scope }[] = [];
    const entry: Entry = { id, index, original: node, scope, bodies, nodes: [node] };
    scope.entries.push(entry);
    byId.set(id, entry);
    for (const output of node.outputs) if (output !== '') producers.set(output, entry);
    for (const { attribute, graph: body } of subgraphs(node)) {
      bodies.push({ attribute, scope: openScope(body, scope, `${id}/${attribute}/`, scopes, byId) });
    }
  });
  return scope;
}

function valueNames(scopes: readonly Scope[]): Set<string> {
  const names = new Set<string>();
  for (const { graph } of scopes) {
    for (const v of [...graph.inputs, ...graph.outputs]) names.add(v.name);
    for (const name of graph.initializers.keys()) names.add(name);
    for (const name of graph.valueInfo.keys()) names.add(name);
    for (const s of graph.sparseInitializers) names.add(s.values.name);
    for (const n of graph.nodes) for (const name of [...n.inputs, ...n.outputs]) names.add(name);
  }
  return names;
}

function unique(base: string, taken: Set<string>): string {
  let name = base;
  for (let i = 1; taken.has(name); i++) name = `${base}_${i}`;
  taken.add(name);
  return name;
}
