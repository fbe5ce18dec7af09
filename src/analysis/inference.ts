/**
 * What shape inference says of a model: the contract between the operator rules (`shapes/`) and the costs
 * (`memory/`). Inferred once per model; everything is symbolic in the dims.
 */
import type { Graph, LocalFunction, Node } from '../onnx/model.ts';
import type { Diagnostic, Dim, DimSymbol, Shape, Unknown } from './types.ts';

/** Elements of a small integer, bool or float tensor whose content is known, row-major; one Dim per element. */
export type KnownContent = readonly Dim[];

export type InferredType =
  | {
      readonly kind: 'tensor';
      /** TensorProto.DataType; 0 where unknown. */
      readonly elemType: number;
      readonly shape: Shape;
      /** Known content of small tensors (shapes, axes, scales, …). */
      readonly content?: KnownContent | undefined;
      /** Every element has this value: tensors too large, or of unknown size, for `content`. */
      readonly fill?: Dim | undefined;
    }
  | {
      readonly kind: 'sequence' | 'optional';
      /** What all elements have in common. */
      readonly elem: InferredType | Unknown;
      /** The elements one by one, where they are known; of an optional, none or one. */
      readonly items?: readonly InferredType[] | undefined;
      /** Number of elements of a sequence, where it is known and `items` is not. */
      readonly length?: Dim | undefined;
    }
  | { readonly kind: 'map' }
  | Unknown;

/** A subgraph at one node. */
export interface SubgraphInference {
  readonly attribute: string;
  readonly inference: GraphInference;
  /** False: a branch of an If whose condition is known to choose the other one; it never runs. */
  readonly taken: boolean;
}

/** One graph: the main one, a subgraph, or the body of a local function at one call. */
export interface GraphInference {
  readonly graph: Graph | LocalFunction;
  /** Executable order (topological, stable with respect to file order). Constant nodes are in it too. */
  readonly order: readonly Node[];
  /** Type of every value defined in this graph: inputs, initializers, node outputs. */
  readonly values: ReadonlyMap<string, InferredType>;
  /** Values this graph takes from an enclosing one. */
  readonly captured: ReadonlySet<string>;
  /** Inference of each node's subgraphs, by attribute name. */
  readonly subgraphs: ReadonlyMap<Node, readonly SubgraphInference[]>;
  /** For nodes that call a local function: its body at this call. */
  readonly calls: ReadonlyMap<Node, GraphInference>;
  /** Why a node's outputs are not (fully) known. */
  readonly unknown: ReadonlyMap<Node, string>;
}

/**
 * A choice that the dims decide, and that gives different ranks: no formula can tell both. It was made at the sizes
 * that the symbols begin with; where `condition` is another number, the model has to be inferred again (see
 * `inferShapes`' option `at`).
 */
export interface Assumption {
  /** Id of the node that chooses. */
  readonly node: string;
  /** 1 or 0, a formula of the dims. */
  readonly condition: Dim;
  readonly assumed: number;
}

export interface ModelInference {
  readonly main: GraphInference;
  /** Free symbols (from inputs) and derived ones (bounded by run-time values), in order of appearance. */
  readonly symbols: readonly DimSymbol[];
  /** Upper bound of each derived symbol, where there is one. */
  readonly bounds: ReadonlyMap<string, Dim>;
  readonly diagnostics: readonly Diagnostic[];
  readonly assumptions: readonly Assumption[];
}
