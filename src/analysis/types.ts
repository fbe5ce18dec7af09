/** What the analysis says of a model: types shared by the room and by those who show its figures. */
import type { Model, Node } from '../onnx/model.ts';
import type { DimExpr } from './dim.ts';

/** A value that is not known, with the reason: never replaced by zero. */
export interface Unknown {
  readonly kind: 'unknown';
  readonly reason: string;
}

/** A size, a polynomial over symbols, or unknown. */
export type Dim = number | DimExpr | Unknown;

/** [d0, d1, …], or unknown rank. */
export type Shape = readonly Dim[] | Unknown;

/** A symbolic dim that a person can choose (batch, sequence, …). */
export interface DimSymbol {
  /** As in the file, or made up (`input.d0`) where the file names none. */
  readonly name: string;
  /** Where it comes from: the graph inputs and axes that carry it. */
  readonly usedBy: readonly { readonly input: string; readonly axis: number }[];
  /** True for dims that are batch by position or name. */
  readonly isBatch: boolean;
  /** What to begin with: 1 for batch, a typical size otherwise. */
  readonly defaultValue: number;
  /** Bound up by run-time values (NonZero, …) rather than by an input; estimates use an upper bound. */
  readonly isDerived: boolean;
}

/** Names as ONNX Runtime's providers, lower case, without "ExecutionProvider". */
export type EpName = 'cpu' | 'webgpu' | 'cuda' | 'tensorrt' | 'dml' | 'coreml';

export type Optimization = 'disabled' | 'all';

export interface EstimateOptions {
  /** Size of each symbol; symbols left out take their default. */
  readonly dims?: Readonly<Record<string, number>>;
  /** Default 'cpu'. */
  readonly ep?: EpName;
  /** Graph optimization level as given to ONNX Runtime. Default 'all'. */
  readonly optimization?: Optimization;
  /** Threads within one operator; scratch space grows with them. Default: the machine's cores, as ONNX Runtime takes. */
  readonly threads?: number;
  /** Also what runs after the first hold, {@link MemoryEstimate.repeatedPeakBytes}; it takes as long again. */
  readonly isRepeated?: boolean;
}

/** How far a figure may be trusted. `atLeast`: a sum with an unknown term. `bound`: an upper bound. */
export type Certainty = 'exact' | 'estimate' | 'atLeast' | 'bound' | 'unknown';

export interface Figure {
  /** Bytes; undefined only where `certainty` is 'unknown'. */
  readonly bytes: number | undefined;
  readonly certainty: Certainty;
  /** Why it is not exact. */
  readonly note?: string | undefined;
}

/** One executed node (Constants are not executed; nodes of subgraphs are, under `parent/attribute/`). */
export interface AnalyzedNode {
  /** Unique, see `nodeIds` in src/onnx. */
  readonly id: string;
  readonly node: Node;
  /**
   * Index in `Analysis.nodes`: topological, the file's order where that is so. ONNX Runtime's own order, which differs
   * where branches meet, is in `MemoryTimeline.nodes`.
   */
  readonly step: number;
  /** Names of the constants (initializers, Constant outputs) that this node is the first to use, of 1 dim or more. */
  readonly weights: readonly string[];
}

/** Cost of one node at one set of dims. */
export interface NodeMemory {
  readonly id: string;
  readonly opType: string;
  /** Bytes of the constants it uses, each counted at its first user. As stored in the model. */
  readonly parameterBytes: number;
  /** Number of constant elements, counted likewise. */
  readonly parameterCount: number;
  /**
   * Bytes of its outputs: `output_size` in ONNX Runtime's profile; of float16 on the CPU as float32, which it is
   * computed in. Undefined: unknown, see `unknown`.
   */
  readonly activationBytes: number | undefined;
  /** First output's shape; undefined where unknown; null for a dim that is unknown. */
  readonly outputShape: readonly (number | null)[] | undefined;
  /** Element type of the first output, as text ('float32', 'int64', …); undefined where unknown. */
  readonly outputType: string | undefined;
  /** Multiply-accumulates; undefined where no formula is known; 0 for data movement. */
  readonly macs: number | undefined;
  /** Bytes alive while it runs (activations only), and whether it is the step of the peak. */
  readonly aliveBytes: number;
}

/** A node with weights and the cheap nodes that belong to it, and what of it is the same at all dims. */
export interface AnalyzedLayer {
  /** Unique; the id of its main node. */
  readonly id: string;
  /** What a person reads: hierarchy path, or op and output name. */
  readonly name: string;
  readonly opType: string;
  readonly nodes: readonly string[];
  readonly parameterBytes: number;
  readonly outputType: string | undefined;
}

/** Cost of one layer at one set of dims: sums over its nodes. */
export interface LayerMemory extends AnalyzedLayer {
  readonly activationBytes: number | undefined;
  readonly macs: number | undefined;
  readonly outputShape: readonly (number | null)[] | undefined;
}

export interface AliveTensor {
  readonly name: string;
  readonly bytes: number;
  /** Producer's node id; undefined for graph inputs. */
  readonly producer: string | undefined;
}

/**
 * Activation bytes alive at each step, in the order in which ONNX Runtime runs the graph as it rewrites it at the
 * chosen optimization level: a fused node stands under its main node's id.
 */
export interface MemoryTimeline {
  /** One entry per step, in bytes. */
  readonly aliveBytes: readonly number[];
  /** Node id per step. */
  readonly nodes: readonly string[];
  readonly peakStep: number;
  readonly peakBytes: number;
  /** The tensors alive at the peak, largest first. */
  readonly peakTensors: readonly AliveTensor[];
}

export interface MemoryEstimate {
  /** Size of each symbol that can be chosen. */
  readonly dims: Readonly<Record<string, number>>;
  readonly ep: EpName;
  readonly optimization: Optimization;
  /** Bytes of all constants as stored in the model. */
  readonly parameterBytes: number;
  readonly parameterCount: number;
  /** Constants as the EP's allocator holds them (prepacked, expanded, folded). */
  readonly deviceWeights: Figure;
  /** Constants that the EP holds outside its allocator: on the CPU, as stored and as laid out anew for blocked kernels. */
  readonly weightsBeside: Figure;
  /** Highest sum of activations alive at once, graph inputs (which the caller holds) and outputs included. */
  readonly peakActivation: Figure;
  /** Scratch space of kernels at the peak. */
  readonly workspace: Figure;
  /** The same at each step of the timeline; undefined where the EP's is not known. */
  readonly stepWorkspaceBytes?: readonly number[] | undefined;
  /** Beyond the activations alive at once: buffers that the EP keeps for reuse, and their rounding; undefined where it has an arena. */
  readonly keptBuffers?: Figure | undefined;
  /** What the EP holds beside tensors. */
  readonly overhead: Figure;
  /** What the EP's allocator holds at the peak: `mem_in_use_peak` where the EP reports it. */
  readonly totalPeak: Figure;
  /**
   * `totalPeak` from the second run at the same dims on: ONNX Runtime then takes one block for what the first run held (its
   * memory pattern), which may be more or less. On the CPU, where `isRepeated` asks for it, of models without Loop and Scan.
   */
  readonly repeatedPeakBytes?: number | undefined;
  /** Everything held at the peak: weights inside and outside the allocator, activations, workspace, overhead. */
  readonly heldPeak: Figure;
  readonly nodes: readonly NodeMemory[];
  readonly layers: readonly LayerMemory[];
  readonly timeline: MemoryTimeline;
  /** Nodes whose cost is not known, with the reason. */
  readonly unknown: readonly { readonly node: string; readonly reason: string }[];
}

export interface Diagnostic {
  readonly severity: 'error' | 'warning' | 'info';
  /** Kebab-case. */
  readonly code: string;
  readonly message: string;
  readonly node?: string | undefined;
}

/** Bytes by element type. */
export interface WeightBytesByType {
  readonly type: string;
  readonly bytes: number;
  readonly count: number;
}

/** The analysis of one model: inferred once, evaluated for any dims in milliseconds. */
export interface Analysis {
  readonly model: Model;
  readonly symbols: readonly DimSymbol[];
  /** Executed nodes in execution order, those of subgraphs after their parent. */
  readonly nodes: readonly AnalyzedNode[];
  /** As in an estimate, in the order of execution; known long before the figures of one. */
  readonly layers: readonly AnalyzedLayer[];
  readonly weightBytesByType: readonly WeightBytesByType[];
  readonly diagnostics: readonly Diagnostic[];
  /** Shape of a value of the main graph, symbolic; unknown with a reason. */
  shapeOf(value: string): Shape;
  /** Element type (TensorProto.DataType) of a value of the main graph. */
  elemTypeOf(value: string): number | undefined;
  /** The formula of a node's activation bytes, e.g. `batch·12544·4`, as text; undefined where unknown. */
  activationFormula(nodeId: string): string | undefined;
  estimate(options?: EstimateOptions): MemoryEstimate;
}

/** What a weight form becomes on an EP. */
export type WeightFate =
  | 'small' // held in its stored form
  | 'expanded' // held or expanded to float at run time
  | 'cpu-fallback' // the node leaves the EP for the CPU
  | 'refused'; // no kernel anywhere: ONNX Runtime makes no session

export interface EpWeightBehaviour {
  readonly fate: WeightFate;
  /** Device bytes per stored byte, where measured. */
  readonly ratio?: number | undefined;
  readonly evidence: 'measured' | 'from-sources';
  /** One sentence: what was seen, with the version it was seen with. */
  readonly note: string;
}

/** How a layer's weight is stored. */
export type WeightForm =
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'float8'
  | 'dynamic-int8'
  | 'qdq-int8'
  | 'dequantize-int8'
  | 'dequantize-int4'
  | 'matmulnbits-8'
  | 'matmulnbits-4'
  | 'matmulnbits-2';
