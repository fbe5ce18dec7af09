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
  private readonly readers = new Map<Value, ExecutedNode[]>();
  private readonly outputs: ReadonlySet<Value | undefined>;
  /** Main node of each node's layer. */
  private readonly mainOf = new Map<ExecutedNode, ExecutedNode>();

  constructor(program: Program, weightsOf: ReadonlyMap<ExecutedNode, readonly Value[]>) {
    this.program = program;
    this.weightsOf = weightsOf;
    const inner = program.nodes.flatMap((n) => n.bodies.flatMap((b) => b.block.outputs));
    this.outputs = new Set([...program.main.outputs, ...inner]);
    for (const n of program.nodes)
      for (const v of n.inputs) {
        if (!v) continue;
        const list = this.readers.get(v);
        if (list) list.push(n);
        else this.readers.set(v, [n]);
      }
  }

  run(): Layer[] {
    const { nodes } = this.program;
    for (const n of nodes) if (this.isMain(n)) this.mainOf.set(n, n);
    for (const n of nodes) this.joinProducer(n);
    // from the end: a chain that leads to a layer joins it link by link
    for (const n of nodes.toReversed()) this.joinReader(n, isPreparation(n) || isQuantization(n));
    for (const n of nodes) this.joinProducer(n);
    this.joinModules(nodes.filter((n) => !this.mainOf.has(n) && !isShapeArithmetic(n)));
    for (const n of nodes.toReversed()) this.joinReader(n, true);
    for (const n of nodes) if (!this.mainOf.has(n)) this.mainOf.set(n, n);
    const members = new Map<ExecutedNode, ExecutedNode[]>();
    for (const n of nodes) {
      const main = this.mainOf.get(n) ?? n;
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
        (this.outputs.has(v) || (this.readers.get(v) ?? []).some((r) => this.mainOf.get(r) !== main)),
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
      if (main) for (const n of list) this.mainOf.set(n, main);
    }
  }

  /** A cheap node whose data come from one layer only, which nobody else outside that layer reads. */
  private joinProducer(n: ExecutedNode): void {
    if (this.mainOf.has(n) || !trailing.has(n.node.opType)) return;
    const data = n.inputs.filter((v) => v?.kind === 'produced' && !isOfConstants(v));
    const mains = new Set(data.map((v) => v?.producer && this.mainOf.get(v.producer)));
    const [main] = mains;
    if (mains.size !== 1 || main === undefined) return;
    const readers = data.flatMap((v) => (v && this.readers.get(v)) ?? []);
    const isAlone = readers.every((r) => r === n || this.mainOf.get(r) === main || this.wouldJoin(r, main));
    if (isAlone && main.depth === n.depth) this.mainOf.set(n, main);
  }

  /** `x · sigmoid(x)` reads x twice; both belong to x's layer. */
  private wouldJoin(n: ExecutedNode, main: ExecutedNode): boolean {
    if (this.mainOf.has(n) || !trailing.has(n.node.opType)) return false;
    return n.inputs.every((v) => {
      if (v?.kind !== 'produced') return true;
      const producer = v.producer;
      return (
        producer !== undefined && (this.mainOf.get(producer) === main || trailing.has(producer.node.opType))
      );
    });
  }

  /** What prepares the input or weight of a layer, or computes a shape for it, belongs to the first that reads it. */
  private joinReader(n: ExecutedNode, belongs: boolean): void {
    if (!belongs || this.mainOf.has(n)) return;
    const [first] = n.outputs.flatMap((v) => (v && this.readers.get(v)) ?? []);
    const main = first && this.mainOf.get(first);
    if (main?.depth === n.depth) this.mainOf.set(n, main);
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
