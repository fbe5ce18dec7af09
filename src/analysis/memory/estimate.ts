/** From formulas to figures: one evaluation of an analysis at chosen dims, provider and optimization level. */
import { dataTypeName } from '../../onnx/datatype.ts';
import { isUnknown } from '../dim.ts';
import type { ModelInference } from '../inference.ts';
import { cpuFigures } from '../ep/cpu.ts';
import { deviceFigures } from '../ep/device.ts';
import { leastCertain } from '../ep/situation.ts';
import type { EpFigures, Situation } from '../ep/situation.ts';
import { thisMachine } from '../../machine.ts';
import type {
  AnalyzedLayer,
  Dim,
  EpName,
  EstimateOptions,
  Figure,
  LayerMemory,
  MemoryEstimate,
  NodeMemory,
  Optimization,
} from '../types.ts';
import type { Layer } from './layers.ts';
import type { ExecutedNode, Program } from './program.ts';
import type { Target } from './rewrite/rewrite.ts';
import type { Runtime } from './runtime.ts';
import { bindSymbols, usesSymbol } from './sizes.ts';
import type { Sizes } from './sizes.ts';
import { timelineOf } from './timeline.ts';
import type { Timeline } from './timeline.ts';
import { elemTypeOfValue } from './values.ts';
import type { Value } from './values.ts';

/** What an analysis keeps from one estimate to the next. */
export interface Compiled {
  readonly inference: ModelInference;
  readonly program: Program;
  readonly layers: readonly Layer[];
  readonly weightsOf: ReadonlyMap<ExecutedNode, readonly Value[]>;
  /** By index of the node. */
  readonly own: readonly OwnCosts[];
  /** Of each of `layers`: what does not change with the dims. */
  readonly ownLayers: readonly AnalyzedLayer[];
  readonly parameterBytes: number;
  readonly parameterCount: number;
  /** Formula of each node's output bytes, by its index. */
  readonly activation: readonly Dim[];
  /** Bytes of each node's float16 outputs that the CPU computes in float32, twice as many; empty where there are none. */
  readonly half: readonly Dim[];
  /** The graph as it runs, and its formulas compiled (extras: `activation`, multiply-accumulates, `half`); made when first asked for. */
  level(optimization: Optimization, target: Target): CompiledLevel;
}

export function targetOf(ep: EpName): Target {
  if (ep === 'cpu') return 'cpu';
  if (ep === 'webgpu') return 'channels-last-device';
  return ep === 'tensorrt' || ep === 'dml' ? 'int8-device' : 'device';
}

/** What does not change with the dims. */
export interface OwnCosts extends Pick<
  NodeMemory,
  'id' | 'opType' | 'parameterBytes' | 'parameterCount' | 'outputType'
> {
  /** Slot of the first output; undefined without one. */
  readonly output: number | undefined;
}

export interface CompiledLevel {
  readonly runtime: Runtime;
  sizesAt(bindings: Readonly<Record<string, number>>): Sizes;
}

export function estimateMemory(compiled: Compiled, options: EstimateOptions = {}): MemoryEstimate {
  const { ep = 'cpu', optimization = 'all' } = options;
  const { dims, bounded } = bindSymbols(compiled.inference, options.dims ?? {});
  const level = compiled.level(optimization, targetOf(ep));
  const sizes = level.sizesAt(dims);
  const { runtime } = level;
  const timeline = timelineOf(runtime.main, sizes, compiled.program.nodes.length);
  const widens = ep === 'cpu' && compiled.half.length > 0;
  const nodes = compiled.own.map((own, i) => nodeMemory(compiled, own, i, sizes, timeline, widens));
  const unknown = unknownCosts(compiled, nodes);
  const peakActivation = activationFigure(compiled, timeline, bounded, unknown.length);
  const situation: Situation = {
    compiled,
    runtime,
    sizes,
    timeline,
    peakActivation,
    optimization,
    threads: options.threads ?? thisMachine().threads,
    isRepeated: options.isRepeated ?? false,
  };
  const figures = ep === 'cpu' ? cpuFigures(situation) : deviceFigures(situation, ep);
  return {
    dims: chosenDims(compiled.inference, dims, options.dims ?? {}),
    ep,
    optimization,
    parameterBytes: compiled.parameterBytes,
    parameterCount: compiled.parameterCount,
    peakActivation,
    ...figures,
    heldPeak: heldPeak(figures, peakActivation),
    nodes,
    layers: compiled.ownLayers.map((own, i) => layerMemory(own, compiled.layers[i], nodes)),
    timeline,
    unknown,
  };
}

/** The sum of all causes. What the caller holds of the inputs is in it, which an allocator's own figure leaves out. */
function heldPeak(
  { deviceWeights, weightsBeside, workspace, keptBuffers, overhead, totalPeak }: EpFigures,
  activation: Figure,
): Figure {
  const parts = [deviceWeights, weightsBeside, activation, workspace, overhead];
  return {
    bytes: parts.reduce((sum, part) => sum + (part.bytes ?? 0), keptBuffers?.bytes ?? 0),
    certainty: leastCertain(deviceWeights, weightsBeside, activation, totalPeak),
    note: 'all of the above',
  };
}

/** Of the symbols that a person can choose, and of those that were given. */
function chosenDims(
  { symbols }: ModelInference,
  all: Readonly<Record<string, number>>,
  given: Readonly<Record<string, number>>,
): Record<string, number> {
  const names = symbols.filter((s) => !s.isDerived || Object.hasOwn(given, s.name)).map((s) => s.name);
  return Object.fromEntries(names.map((name) => [name, all[name] ?? 0]));
}

/** Looks at nothing but the lists: the objects of 10,000 nodes are far apart in memory. */
function nodeMemory(
  { own: all }: Compiled,
  own: OwnCosts,
  index: number,
  sizes: Sizes,
  timeline: Timeline,
  widens: boolean,
): NodeMemory {
  const count = all.length;
  const widened = widens ? sizes.extra(2 * count + index) : 0;
  return {
    id: own.id,
    opType: own.opType,
    parameterBytes: own.parameterBytes,
    parameterCount: own.parameterCount,
    activationBytes: known(sizes.extra(index) + widened),
    outputShape: sizes.shape(own.output),
    outputType: own.outputType,
    macs: known(sizes.extra(count + index)),
    aliveBytes: timeline.aliveBytes[timeline.stepOf[index] ?? -1] ?? 0,
  };
}

export function ownCosts(n: ExecutedNode, constants: readonly Value[]): OwnCosts {
  const type = elemTypeOfValue(n.outputs[0]);
  let parameterBytes = 0;
  let parameterCount = 0;
  for (const { constant } of constants) {
    parameterBytes += constant?.bytes ?? 0;
    parameterCount += constant?.count ?? 0;
  }
  return {
    id: n.id,
    opType: n.node.opType,
    parameterBytes,
    parameterCount,
    outputType: type === 0 ? undefined : dataTypeName(type),
    output: n.outputs[0]?.slot,
  };
}

function known(n: number): number | undefined {
  return Number.isNaN(n) ? undefined : n;
}

function layerMemory(own: AnalyzedLayer, layer: Layer | undefined, all: readonly NodeMemory[]): LayerMemory {
  let activationBytes: number | undefined = 0;
  let macs: number | undefined = 0;
  for (const n of layer?.nodes ?? []) {
    const m = all[n.index];
    activationBytes = plus(activationBytes, m?.activationBytes);
    macs = plus(macs, m?.macs);
  }
  const { id, name, opType, nodes, parameterBytes, outputType } = own;
  const outputShape = all[layer?.last.index ?? -1]?.outputShape;
  return { id, name, opType, nodes, parameterBytes, activationBytes, macs, outputShape, outputType };
}

/** @param own by index of the node */
export function analyzedLayer(layer: Layer, own: readonly OwnCosts[]): AnalyzedLayer {
  let parameterBytes = 0;
  for (const n of layer.nodes) parameterBytes += own[n.index]?.parameterBytes ?? 0;
  return {
    id: layer.main.id,
    name: layer.name,
    opType: layer.main.node.opType,
    nodes: layer.nodeIds,
    parameterBytes,
    outputType: own[layer.last.index]?.outputType,
  };
}

/** Undefined where one of them is. */
function plus(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}

function unknownCosts(compiled: Compiled, nodes: readonly NodeMemory[]) {
  const found: { node: string; reason: string }[] = [];
  for (const [i, m] of nodes.entries()) {
    if (m.activationBytes !== undefined) continue;
    const n = compiled.program.nodes[i];
    const formula = compiled.activation[i];
    const why = formula !== undefined && isUnknown(formula) ? formula.reason : undefined;
    found.push({ node: m.id, reason: why ?? n?.unknown ?? 'its size is only known when it runs' });
  }
  return found;
}

function activationFigure(
  { program, activation }: Compiled,
  timeline: Timeline,
  bounded: ReadonlySet<string>,
  unknownCount: number,
): Figure {
  const bytes = timeline.peakBytes;
  if (unknownCount > 0)
    return { bytes, certainty: 'atLeast', note: `${unknownCount} nodes of unknown size are not in it` };
  if (bounded.size > 0 && program.nodes.some((n) => usesSymbol(activation[n.index] ?? 0, bounded)))
    return { bytes, certainty: 'bound', note: `${[...bounded].join(', ')} at the upper bound` };
  const branches = program.nodes.some((n) => n.bodies.filter((b) => b.taken).length > 1);
  if (branches) return { bytes, certainty: 'bound', note: 'the heavier branch of each If' };
  return { bytes, certainty: 'exact' };
}
