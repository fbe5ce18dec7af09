/** What scales single channels between layers of weights: norms and depthwise kernels, as factors of squares. */
import { attributeFloat, attributeInt, type Node } from '../../../../onnx/model.ts';
import { elementCount, readTensor } from '../../../../onnx/index.ts';
import type { WeightSource } from '../../../weights/stream.ts';
import { decodeFloats } from '../floats.ts';
import type { ImportanceContext } from '../importance.ts';
import { eachCell } from './cells.ts';
import { functionOf } from './functions.ts';
import { places, weights } from './points.ts';
import type { Moments } from './spread.ts';

type Context = Pick<ImportanceContext, 'model' | 'trace' | 'tensor'>;

/** Of a BatchNormalization that alone sees the node's output: scale² / (variance + epsilon), else 1. */
export async function normGain(
  context: Context,
  node: Node,
  count: number,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const ones = new Float64Array(count).fill(1);
  const norm = normBehind(context, node);
  if (norm === undefined) return ones;
  return (await batchNormGain(context, norm, count, signal)) ?? ones;
}

function normBehind({ trace }: Context, { outputs: [output = ''] }: Node): Node | undefined {
  const users = trace.inference.main.order.filter((n) => n.inputs.includes(output));
  const [only] = users;
  return users.length === 1 && only?.opType === 'BatchNormalization' && only.domain === '' ? only : undefined;
}

async function batchNormGain(
  context: Context,
  norm: Node,
  count: number,
  signal: AbortSignal | undefined,
): Promise<Float64Array | undefined> {
  const scale = await vector(context, norm, 1, count, signal);
  const variance = await vector(context, norm, 4, count, signal);
  if (scale === undefined || variance === undefined) return undefined;
  const epsilon = attributeFloat(norm, 'epsilon', 1e-5);
  return scale.map((s, i) => (s * s) / ((variance[i] ?? 0) + epsilon));
}

async function vector(
  context: Context,
  node: Node,
  input: number,
  count: number,
  signal: AbortSignal | undefined,
): Promise<Float64Array | undefined> {
  const source = sourceOf(context, node, input);
  if (source === undefined || elementCount(source.tensor.dims) !== count) return undefined;
  const bytes = await readTensor(source.model, source.tensor, { signal });
  return Float64Array.from(decodeFloats(Uint8Array.from(bytes), source.tensor.dataType));
}

function sourceOf({ model, trace, tensor }: Context, node: Node, input: number): WeightSource | undefined {
  const name = node.inputs[input] ?? '';
  const found = trace.constants.has(name) ? tensor(name) : undefined;
  return found && { model, tensor: found, name, node: trace.ids.get(node) ?? node.name };
}

const POOLS: ReadonlySet<string> = new Set([
  ...['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool', 'ReduceMean', 'Flatten', 'Squeeze'],
  ...['Unsqueeze', 'Clip', 'Pad', 'Resize'],
]);
const NORMS: ReadonlySet<string> = new Set([
  ...['LayerNormalization', 'RMSNormalization', 'SimplifiedLayerNormalization', 'InstanceNormalization'],
]);

/**
 * From the last layer or sum of values up to `value`, backwards: the nodes that change each channel by itself. A norm right
 * behind a layer is that layer's (`normGain`).
 */
export function pathBefore(context: Context, value: string, makers: Makers): Node[] {
  const path: Node[] = [];
  let at = value;
  for (;;) {
    const node = makers.get(at);
    const input = node === undefined ? undefined : inputOf(context, node, makers);
    if (node === undefined || input === undefined) return path;
    path.push(node);
    at = input;
  }
}

/** By value: the node that gives it. */
export type Makers = ReadonlyMap<string, Node>;

/** The value whose channels the node changes one by one; undefined where another layer or a sum begins. */
function inputOf(context: Context, node: Node, makers: Makers): string | undefined {
  const [input = ''] = node.inputs;
  const { opType } = node;
  if (functionOf(node) !== undefined || POOLS.has(opType) || NORMS.has(opType)) return input;
  if (opType === 'BatchNormalization') {
    const maker = makers.get(input);
    const isOfLayer = maker !== undefined && LAYERS.has(maker.opType) && normBehind(context, maker) === node;
    return isOfLayer ? undefined : input;
  }
  if (opType === 'Conv') return isDepthwise(context, node) ? input : undefined;
  if (opType !== 'Mul' && opType !== 'Add') return undefined;
  const { constants } = context.trace;
  const [other] = node.inputs.filter((name) => !constants.has(name));
  return node.inputs.some((name) => constants.has(name)) ? other : undefined;
}

const LAYERS: ReadonlySet<string> = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul']);

function isDepthwise(context: Context, node: Node): boolean {
  const dims = sourceOf(context, node, 1)?.tensor.dims;
  return dims?.[1] === 1 && dims[0] === attributeInt(node, 'group', 1);
}

/** What the nodes of a path scale channels by in all. */
export async function channelGain(
  context: Context,
  path: readonly Node[],
  moments: (value: string) => Moments | undefined,
  count: number,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const gain = new Float64Array(count).fill(1);
  for (const node of path) {
    const factors = await factorsOf(context, node, moments, count, signal);
    if (factors?.length === count) factors.forEach((f, i) => (gain[i] = (gain[i] ?? 1) * f));
  }
  return gain;
}

/** Undefined where it is one for all, or not known. */
async function factorsOf(
  context: Context,
  node: Node,
  moments: (value: string) => Moments | undefined,
  count: number,
  signal: AbortSignal | undefined,
): Promise<Float64Array | undefined> {
  const { opType } = node;
  const f = functionOf(node);
  if (f !== undefined) return slopes(f, moments(node.inputs[0] ?? ''));
  if (POOLS.has(opType) || opType === 'Add') return undefined;
  if (opType === 'BatchNormalization') return batchNormGain(context, node, count, signal);
  if (opType === 'Conv') return kernelGain(context, node, count, signal);
  const at = opType === 'Mul' ? node.inputs.findIndex((name) => context.trace.constants.has(name)) : 1;
  return (await vector(context, node, at, count, signal))?.map((s) => s * s);
}

const STEP = 1e-3;

/** E[f′(z)²]: of a ReLU the share of the time that it is on. */
function slopes(f: (x: number) => number, moments: Moments | undefined): Float64Array | undefined {
  return moments?.mean.map((m, i) => {
    const deviation = Math.sqrt(moments.variance[i] ?? 0);
    return places.reduce((sum, z, k) => {
      const x = m + deviation * z;
      const slope = (f(x + STEP) - f(x - STEP)) / (2 * STEP);
      return sum + (weights[k] ?? 0) * slope * slope;
    }, 0);
  });
}

async function kernelGain(
  context: Context,
  node: Node,
  count: number,
  signal: AbortSignal | undefined,
): Promise<Float64Array | undefined> {
  const source = sourceOf(context, node, 1);
  if (source?.tensor.dims[0] !== count || source.tensor.dims[1] !== 1) return undefined;
  const sums = new Float64Array(count);
  await eachCell(source, [count, 1], (o, _, __, square) => (sums[o] = square), signal);
  return sums;
}
