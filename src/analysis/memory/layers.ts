/**
 * Layers: a node with weights (or a product of activations) and the cheap nodes that belong to it: bias, activation
 * and normalisation after it, quantize, dequantize and cast around it, the little arithmetic that makes its shapes.
 * Every executed node is in exactly one layer.
 *
 * Works by joining: a cheap node joins the layer of what it reads, where nothing else reads that; what is left joins
 * the layer that reads it, or the loose nodes of the same module, or stands alone.
 */
import { DataType } from '../../onnx/model.ts';
import { layerName, moduleOf } from './layer-names.ts';
import type { ExecutedNode, Program } from './program.ts';
import { dimsOfValue, elemTypeOfValue } from './values.ts';
import type { Value } from './values.ts';

export interface Layer {
  readonly main: ExecutedNode;
  /** The last of its nodes whose result is read outside the layer: what the layer gives. */
  readonly last: ExecutedNode;
  readonly name: string;
  /** In execution order. */
  readonly nodes: readonly ExecutedNode[];
  readonly nodeIds: readonly string[];
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/** Nodes that a person calls a layer, with weights or without. */
const heavy = words(
  'Conv ConvTranspose ConvInteger QLinearConv DeformConv FusedConv NhwcFusedConv Gemm QGemm FusedGemm MatMul ' +
    'MatMulInteger QLinearMatMul MatMulIntegerToFloat DynamicQuantizeMatMul FusedMatMul MatMulNBits MatMulBnb4 Einsum ' +
    'LSTM GRU RNN DynamicQuantizeLSTM Attention QAttention MultiHeadAttention GroupQueryAttention EmbedLayerNormalization ' +
    'SkipLayerNormalization LayerNormalization GroupNormalization InstanceNormalization RMSNormalization ' +
    'SimplifiedLayerNormalization SkipSimplifiedLayerNormalization MoE QMoE If Loop Scan',
);

/** What belongs to the layer before it. */
const trailing = words(
  'Add Sub Mul Div Relu LeakyRelu PRelu Elu Selu Celu Sigmoid HardSigmoid HardSwish Swish Mish Tanh Softplus Softsign ' +
    'ThresholdedRelu Clip Gelu FastGelu QuickGelu BiasGelu Erf BatchNormalization Dropout Cast QuantizeLinear ' +
    'DequantizeLinear Identity QLinearAdd QLinearMul QLinearSigmoid QLinearLeakyRelu',
);

/** What may stand between a layer and its weights or input. */
const leading = words(
  'Cast QuantizeLinear DequantizeLinear DynamicQuantizeLinear Transpose Identity Reshape Pad Mul',
);

export function layersOf(program: Program, weightsOf: ReadonlyMap<ExecutedNode, readonly Value[]>): Layer[] {
  return new Grouping(program, weightsOf).run();
}

class Grouping {
  private readonly program: Program;
  private readonly weightsOf: ReadonlyMap<ExecutedNode, readonly Value[]>;
  /** Indices of the nodes that read the value of a slot: `readers` from `readersFrom[slot]` to before the next. */
  private readonly readersFrom: Int32Array;
  private readonly readers: Int32Array;
  private readonly isOutput: Uint8Array;
  /** Main node of each node's layer, by its index. */
  private readonly mainAt: (ExecutedNode | undefined)[];

  constructor(program: Program, weightsOf: ReadonlyMap<ExecutedNode, readonly Value[]>) {
    this.program = program;
    this.weightsOf = weightsOf;
    this.isOutput = new Uint8Array(program.values.length);
    this.mainAt = Array<ExecutedNode | undefined>(program.nodes.length).fill(undefined);
    for (const v of program.main.outputs) if (v) this.isOutput[v.slot] = 1;
    const from = new Int32Array(program.values.length + 2);
    for (const n of program.nodes) {
      for (const { block } of n.bodies) for (const v of block.outputs) if (v) this.isOutput[v.slot] = 1;
      for (const v of n.inputs) if (v) from[v.slot + 2] = (from[v.slot + 2] ?? 0) + 1;
    }
    for (let i = 1; i < from.length; i++) from[i] = (from[i] ?? 0) + (from[i - 1] ?? 0);
    this.readers = new Int32Array(from.at(-1) ?? 0);
    // counted one place further on: as they are filled in, each start moves to where it belongs
    for (const n of program.nodes)
      for (const v of n.inputs) {
        if (!v) continue;
        const at = from[v.slot + 1] ?? 0;
        this.readers[at] = n.index;
        from[v.slot + 1] = at + 1;
      }
    this.readersFrom = from;
  }

  private mainOf(n: ExecutedNode): ExecutedNode | undefined {
    return this.mainAt[n.index];
  }

  /** Whether it holds of every node that reads the value. */
  private everyReader({ slot }: Value, holds: (reader: ExecutedNode) => boolean): boolean {
    const end = this.readersFrom[slot + 1] ?? 0;
    for (let i = this.readersFrom[slot] ?? 0; i < end; i++) {
      const reader = this.program.nodes[this.readers[i] ?? -1];
      if (reader && !holds(reader)) return false;
    }
    return true;
  }

  private firstReader({ slot }: Value): ExecutedNode | undefined {
    const [from = 0, end = 0] = [this.readersFrom[slot], this.readersFrom[slot + 1]];
    return from < end ? this.program.nodes[this.readers[from] ?? -1] : undefined;
  }

  run(): Layer[] {
    const { nodes } = this.program;
    const { mainAt } = this;
    const fromEnd = nodes.toReversed();
    for (const n of nodes) if (this.isMain(n)) mainAt[n.index] = n;
    for (const n of nodes) this.joinProducer(n);
    // from the end: a chain that leads to a layer joins it link by link
    for (const n of fromEnd)
      if (!this.mainOf(n) && (isPreparation(n) || isQuantization(n))) this.joinReader(n);
    for (const n of nodes) this.joinProducer(n);
    this.joinModules(nodes.filter((n) => !this.mainOf(n) && !isShapeArithmetic(n)));
    for (const n of fromEnd) if (!this.mainOf(n)) this.joinReader(n);
    const members = new Map<ExecutedNode, ExecutedNode[]>();
    for (const n of nodes) {
      const main = (mainAt[n.index] ??= n);
      const list = members.get(main);
      if (list) list.push(n);
      else members.set(main, [n]);
    }
    return [...members].map(([main, list]) => ({
      main,
      last: list.findLast((n) => this.isReadOutside(n, main)) ?? main,
      name: layerName(main),
      nodes: list,
      nodeIds: list.map((n) => n.id),
    }));
  }

  private isMain(n: ExecutedNode): boolean {
    const { opType } = n.node;
    if (n.bodies.length > 0) return true;
    if (!heavy.has(opType) && (trailing.has(opType) || leading.has(opType))) return false;
    if ((this.weightsOf.get(n) ?? []).some(isWeight)) return true;
    return n.inputs.some(
      (v) => v && (v.constant ? isWeight(v) : heavy.has(opType) && isDequantizedWeight(v)),
    );
  }

  private isReadOutside(n: ExecutedNode, main: ExecutedNode): boolean {
    if (isShapeArithmetic(n)) return false;
    return n.outputs.some(
      (v) =>
        v !== undefined &&
        (this.isOutput[v.slot] === 1 || !this.everyReader(v, (r) => this.mainOf(r) === main)),
    );
  }

  /** The loose nodes of one module are one layer: the core of an attention, a residual sum and its activation. */
  private joinModules(loose: readonly ExecutedNode[]): void {
    const modules = new Map<string, ExecutedNode[]>();
    for (const n of loose) {
      const path = moduleOf(n);
      const key = path === undefined ? n.id : `${n.id.slice(0, n.id.length - n.node.name.length)}\0${path}`;
      const list = modules.get(key);
      if (list) list.push(n);
      else modules.set(key, [n]);
    }
    for (const list of modules.values()) {
      const main =
        list.find((n) => heavy.has(n.node.opType)) ??
        list.find((n) => !leading.has(n.node.opType)) ??
        list[0];
      if (main) for (const n of list) this.mainAt[n.index] = main;
    }
  }

  /** A cheap node whose data come from one layer only, which nobody else outside that layer reads. */
  private joinProducer(n: ExecutedNode): void {
    if (this.mainOf(n) || !trailing.has(n.node.opType)) return;
    let main: ExecutedNode | undefined;
    const data: Value[] = [];
    for (const v of n.inputs) {
      if (v?.kind !== 'produced' || isOfConstants(v)) continue;
      const own = v.producer && this.mainOf(v.producer);
      if (own === undefined || (main !== undefined && own !== main)) return;
      main = own;
      data.push(v);
    }
    if (main?.depth !== n.depth) return;
    const belongsTo = main;
    const belongs = (r: ExecutedNode) =>
      r === n || this.mainOf(r) === belongsTo || this.wouldJoin(r, belongsTo);
    if (data.every((v) => this.everyReader(v, belongs))) this.mainAt[n.index] = main;
  }

  /** `x · sigmoid(x)` reads x twice; both belong to x's layer. */
  private wouldJoin(n: ExecutedNode, main: ExecutedNode): boolean {
    if (this.mainOf(n) || !trailing.has(n.node.opType)) return false;
    return n.inputs.every((v) => {
      if (v?.kind !== 'produced') return true;
      const producer = v.producer;
      return producer !== undefined && (this.mainOf(producer) === main || trailing.has(producer.node.opType));
    });
  }

  /** What prepares the input or weight of a layer, or computes a shape for it, belongs to the first that reads it. */
  private joinReader(n: ExecutedNode): void {
    for (const v of n.outputs) {
      const first = v && this.firstReader(v);
      if (first === undefined) continue;
      const main = this.mainOf(first);
      if (main?.depth === n.depth) this.mainAt[n.index] = main;
      return;
    }
  }
}

/** A constant with an axis: scalars are settings, not weights. */
function isWeight(v: Value): boolean {
  return (v.constant?.dims.length ?? 0) > 0 && v.constant?.dataType !== DataType.int64;
}

function isShapeArithmetic(n: ExecutedNode): boolean {
  if (n.node.opType === 'Shape' || n.node.opType === 'Size') return true;
  const [output] = n.outputs;
  const type = elemTypeOfValue(output);
  if (type !== DataType.int64 && type !== DataType.int32) return false;
  return (dimsOfValue(output)?.length ?? 2) <= 1 && n.inputs.every((v) => (dimsOfValue(v)?.length ?? 2) <= 1);
}

function isDynamicQuantize(n: ExecutedNode): boolean {
  return n.node.opType === 'DynamicQuantizeLinear';
}

/** Not joined to what it quantizes, it belongs to what reads it. */
function isQuantization(n: ExecutedNode): boolean {
  return n.node.opType === 'QuantizeLinear' || n.node.opType === 'DequantizeLinear';
}

function isDequantizedWeight({ producer }: Value): boolean {
  const stored = producer?.node.opType === 'DequantizeLinear' ? producer.inputs[0] : undefined;
  return stored?.constant !== undefined && isWeight(stored);
}

/** Quantizes an input, or makes a weight of constants. */
function isPreparation(n: ExecutedNode): boolean {
  return (
    isDynamicQuantize(n) || (leading.has(n.node.opType) && n.inputs.every((v) => !v || isOfConstants(v)))
  );
}

/** Made of constants, or of a scale that is found for an input; `depth` links of a chain are looked at. */
function isOfConstants(v: Value, depth = 4): boolean {
  const { producer } = v;
  if (producer === undefined) return v.kind === 'constant';
  if (isDynamicQuantize(producer)) return true; // its scale, on the way to a product with the weight's
  return (
    depth > 0 &&
    leading.has(producer.node.opType) &&
    producer.inputs.every((i) => i === undefined || isOfConstants(i, depth - 1))
  );
}
