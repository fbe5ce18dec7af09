/**
 * A model as it is executed: nodes with their values resolved across graphs. Constants are not executed; nodes of
 * subgraphs follow their parent, with ids `parent/attribute/…`; a call of a local function is replaced by the nodes
 * of its body, as ONNX Runtime inlines it.
 *
 *     programOf(inferShapes(model)).main.nodes[0]?.outputs[0]?.bytes // 'batch·100352'
 */
import { nodeIds } from '../../onnx/model.ts';
import type { Graph, LocalFunction, Model, Node } from '../../onnx/model.ts';
import { unknown } from '../dim.ts';
import type { GraphInference, ModelInference } from '../inference.ts';
import { bytesOfType, identityOf, storedByNode, storedSparse, storedTensor } from './values.ts';
import type { StoredConstant, Value } from './values.ts';

/** A node that runs, with the values it reads and makes. */
export interface ExecutedNode {
  readonly id: string;
  readonly node: Node;
  /** Index in {@link Program.nodes}. */
  readonly index: number;
  /** Undefined where an optional input is left out. */
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly (Value | undefined)[];
  readonly bodies: readonly Body[];
  /** Version of the node's domain. */
  readonly version: number;
  /** Nesting: 0 in the main graph. */
  readonly depth: number;
  /** Why its outputs are not (fully) known. */
  readonly unknown: string | undefined;
}

/** A subgraph at the node that holds it. */
export interface Body {
  readonly attribute: string;
  readonly block: Block;
  /** False: a branch that is known never to run. */
  readonly taken: boolean;
}

/** One graph: the main one or a subgraph, with calls of local functions inlined. */
export interface Block {
  readonly graph: Graph;
  /** In executable order, without those of subgraphs. */
  readonly nodes: readonly ExecutedNode[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly (Value | undefined)[];
  /** Values this graph takes from those around it. */
  readonly captured: readonly Value[];
  /** All constants defined in this graph, used or not. */
  readonly constants: readonly Value[];
}

export interface Program {
  readonly main: Block;
  /** Every node, those of subgraphs after their parent. */
  readonly nodes: readonly ExecutedNode[];
  /** Every constant of the model. */
  readonly constants: readonly Value[];
  /** Every value, by its slot. */
  readonly values: readonly Value[];
}

export function programOf(inference: ModelInference, model: Model): Program {
  const builder = new Builder(model);
  const main = builder.block(new Frame(inference.main), undefined, '', 0);
  return { main, nodes: builder.nodes, constants: builder.constants, values: builder.values };
}

/** The names of one graph while it is walked. */
class Frame {
  readonly inference: GraphInference;
  readonly values = new Map<string, Value>();
  readonly captured = new Set<Value>();
  private readonly parent: Frame | undefined;

  constructor(inference: GraphInference, parent?: Frame) {
    this.inference = inference;
    this.parent = parent;
  }

  lookup(name: string): Value | undefined {
    if (name === '') return undefined;
    const own = this.values.get(name);
    if (own || !this.parent) return own;
    const found = this.parent.lookup(name);
    if (found) this.captured.add(found);
    return found;
  }

  typeOf(name: string) {
    return this.inference.values.get(name) ?? unknown(`nothing is known of ${name}`);
  }
}

interface MutableBlock {
  readonly nodes: ExecutedNode[];
  readonly constants: Value[];
}

class Builder {
  readonly nodes: ExecutedNode[] = [];
  readonly constants: Value[] = [];
  readonly values: Value[] = [];
  private readonly opsets: ReadonlyMap<string, number>;
  /** Since IR 4 an initializer that is an input is a default that the caller may replace; before, every one was. */
  private readonly hasDefaults: boolean;

  constructor(model: Model) {
    this.opsets = new Map(model.opsetImports.map((o) => [o.domain, o.version]));
    this.hasDefaults = model.irVersion >= 4;
  }

  block(frame: Frame, parent: ExecutedNode | undefined, prefix: string, depth: number): Block {
    const graph = frame.inference.graph as Graph;
    const into: MutableBlock = { nodes: [], constants: [] };
    const inputs = this.addInputs(frame, graph, parent === undefined, into);
    this.addNodes(frame, prefix, depth, into);
    const outputs = graph.outputs.map((v) => frame.lookup(v.name));
    return { graph, ...into, inputs, outputs, captured: [...frame.captured] };
  }

  private addInputs(frame: Frame, graph: Graph, isMain: boolean, into: MutableBlock): Value[] {
    const inputNames = new Set(graph.inputs.map((v) => v.name));
    const isDefault = isMain && this.hasDefaults;
    for (const [name, t] of graph.initializers)
      this.addConstant(frame, name, storedTensor(t, isDefault && inputNames.has(name)), into);
    for (const t of graph.sparseInitializers) this.addConstant(frame, t.values.name, storedSparse(t), into);
    return graph.inputs
      .filter((v) => !frame.values.has(v.name))
      .map((v) => this.define(frame, v.name, 'input', {}));
  }

  private define(
    frame: Frame,
    name: string,
    kind: Value['kind'],
    from: { readonly constant?: StoredConstant; readonly producer?: ExecutedNode },
  ): Value {
    const type = frame.typeOf(name);
    const slot = this.values.length;
    const value: Value = {
      slot,
      name,
      kind,
      type,
      bytes: bytesOfType(type),
      constant: from.constant,
      identity: from.constant && identityOf(slot, from.constant),
      producer: from.producer,
    };
    this.values.push(value);
    frame.values.set(name, value);
    return value;
  }

  private addConstant(frame: Frame, name: string, constant: StoredConstant, into: MutableBlock): void {
    const value = this.define(frame, name, 'constant', { constant });
    into.constants.push(value);
    this.constants.push(value);
  }

  private addNodes(frame: Frame, prefix: string, depth: number, into: MutableBlock): void {
    const { graph, order } = frame.inference;
    const ids = nodeIds(graph.nodes, prefix);
    let places: ReadonlyMap<Node, number> | undefined;
    const { calls } = frame.inference;
    for (const [i, node] of order.entries()) {
      // mostly the file's order is the one in which they run
      if (node !== graph.nodes[i]) places ??= new Map(graph.nodes.map((n, at) => [n, at]));
      const id = ids[places?.get(node) ?? i] ?? node.name;
      const called = calls.size > 0 ? calls.get(node) : undefined;
      if (node.opType === 'Constant' && node.domain === '') this.addConstantNode(frame, node, into);
      else if (called) this.call(frame, node, called, `${id}/`, depth, into);
      else this.addNode(frame, node, id, depth, into);
    }
  }

  private addConstantNode(frame: Frame, node: Node, into: MutableBlock): void {
    const [name] = node.outputs;
    const stored = storedByNode(node);
    if (name !== undefined && stored) this.addConstant(frame, name, stored, into);
  }

  private addNode(frame: Frame, node: Node, id: string, depth: number, into: MutableBlock): void {
    const bodies: Body[] = [];
    const outputs: (Value | undefined)[] = [];
    const { unknown, subgraphs } = frame.inference;
    const executed: ExecutedNode = {
      id,
      node,
      index: this.nodes.length,
      inputs: node.inputs.map((name) => frame.lookup(name)),
      outputs,
      bodies,
      version: this.opsets.get(node.domain) ?? 1,
      depth,
      unknown: unknown.size > 0 ? unknown.get(node) : undefined,
    };
    this.nodes.push(executed);
    into.nodes.push(executed);
    for (const { attribute, inference, taken } of (subgraphs.size > 0 && subgraphs.get(node)) || [])
      bodies.push({
        attribute,
        block: this.block(new Frame(inference, frame), executed, `${id}/${attribute}/`, depth + 1),
        taken,
      });
    for (const name of node.outputs)
      outputs.push(name === '' ? undefined : this.define(frame, name, 'produced', { producer: executed }));
  }

  /** The body's formal names stand for the caller's values, and the caller's output names for the body's. */
  private call(
    caller: Frame,
    node: Node,
    inference: GraphInference,
    prefix: string,
    depth: number,
    into: MutableBlock,
  ): void {
    const frame = new Frame(inference);
    const f = inference.graph as LocalFunction;
    f.inputs.forEach((formal, i) => {
      const value = caller.lookup(node.inputs[i] ?? '');
      if (value) frame.values.set(formal, value);
    });
    this.addNodes(frame, prefix, depth, into);
    f.outputs.forEach((formal, i) => {
      const value = frame.values.get(formal);
      const name = node.outputs[i];
      if (value && name) caller.values.set(name, value);
    });
  }
}
