/** The values of one graph while it is inferred, and its place among the graphs around it. */
import { nodeIds } from '../../onnx/model.ts';
import type { Attribute, Graph, LocalFunction, Node, Value } from '../../onnx/model.ts';
import type { GraphInference, InferredType, SubgraphInference } from '../inference.ts';
import type { NodeScope } from './context.ts';

interface ScopeOptions {
  readonly graph: Graph | LocalFunction;
  /** Version of each domain. */
  readonly opsets: ReadonlyMap<string, number>;
  /** Makes names of derived symbols unique. */
  readonly prefix: string;
  /** The graph around a subgraph, whose values it may use. */
  readonly parent?: Scope;
  /** The node that holds or calls this graph. */
  readonly parentNode?: Node;
  readonly attribute?: string;
  /** In a function's body: the scope of the call (for ids only), and the call's attributes. */
  readonly caller?: Scope;
  readonly attributes?: ReadonlyMap<string, Attribute>;
  readonly depth?: number;
}

export class Scope {
  readonly values = new Map<string, InferredType>();
  readonly captured = new Set<string>();
  readonly subgraphs = new Map<Node, readonly SubgraphInference[]>();
  readonly calls = new Map<Node, GraphInference>();
  readonly unknown = new Map<Node, string>();
  /** Formal inputs of a function for which the call gives nothing. */
  readonly absent = new Set<string>();
  readonly opsets: ReadonlyMap<string, number>;
  readonly prefix: string;
  readonly attributes: ReadonlyMap<string, Attribute> | undefined;
  readonly depth: number;
  /** Made by the inference when first needed. */
  ofNodes: NodeScope | undefined;
  private readonly options: ScopeOptions;
  private readonly outputs: ReadonlyMap<string, Value>;
  private ids: ReadonlyMap<Node, string> | undefined;

  constructor(options: ScopeOptions) {
    this.options = options;
    this.opsets = options.opsets;
    this.prefix = options.prefix;
    this.attributes = options.attributes ?? options.parent?.attributes;
    this.depth = options.depth ?? options.parent?.depth ?? 0;
    const { graph } = options;
    this.outputs = new Map('initializers' in graph ? graph.outputs.map((v) => [v.name, v]) : []);
  }

  /** The type of `name` here or in a graph around; a value from around counts as captured on the way. */
  lookup(name: string): InferredType | undefined {
    const own = this.values.get(name);
    if (own || !this.options.parent) return own;
    const found = this.options.parent.lookup(name);
    if (found) this.captured.add(name);
    return found;
  }

  /** True for a formal input that the call leaves out, here or around. */
  isAbsent(name: string): boolean {
    return this.absent.has(name) || (this.options.parent?.isAbsent(name) ?? false);
  }

  declared(name: string): Value | undefined {
    const { valueInfo } = this.options.graph;
    const own = valueInfo.size === 0 ? undefined : valueInfo.get(name);
    const output = this.outputs.get(name);
    return own?.type ? own : (output ?? own);
  }

  setSubgraph(node: Node, subgraph: SubgraphInference): void {
    const others = (this.subgraphs.get(node) ?? []).filter((s) => s.attribute !== subgraph.attribute);
    this.subgraphs.set(node, [...others, subgraph]);
  }

  /** See `nodeIds`. */
  idOf(node: Node): string {
    if (!this.ids) {
      const { graph, parent, caller, parentNode, attribute } = this.options;
      const above = parent ?? caller;
      const prefix =
        above && parentNode
          ? `${above.idOf(parentNode)}/${attribute === undefined ? '' : `${attribute}/`}`
          : '';
      const ids = nodeIds(graph.nodes, prefix);
      this.ids = new Map(graph.nodes.map((n, i) => [n, ids[i] ?? n.name]));
    }
    return this.ids.get(node) ?? node.name;
  }

  inference(order: readonly Node[]): GraphInference {
    const { values, captured, subgraphs, calls, unknown } = this;
    return { graph: this.options.graph, order, values, captured, subgraphs, calls, unknown };
  }
}
