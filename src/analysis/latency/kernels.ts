/**
 * How much each kernel of a model has to do, as ONNX Runtime runs it on the CPU: a roofline, the larger of what it
 * computes and what it moves, each at a usual rate, and a little for being run at all. Only ratios of such figures mean
 * anything: the same kernel before and after an edit.
 */
import { internals } from '../memory/analyze.ts';
import { targetOf } from '../memory/estimate.ts';
import { nchwcDomain } from '../memory/rewrite/nchwc/layout.ts';
import type { RuntimeBlock, RuntimeNode } from '../memory/runtime.ts';
import { bindSymbols, type Sizes } from '../memory/sizes.ts';
import type { Analysis, EstimateOptions } from '../types.ts';
import { attributeInt } from '../../onnx/model.ts';

export interface KernelWork {
  /** Of the model's node that it is, or the main one of those it stands for; one may have several kernels. */
  readonly id: string;
  readonly opType: string;
  /** Whether it is for values in blocks of channels, whose rates are others. */
  readonly isBlocked?: boolean | undefined;
  /** Of one run, in nanoseconds at the usual rates. */
  readonly work: number;
}

/**
 * Rates of one core with AVX2, for ONNX Runtime 1.2x: what kernels of the labelled networks come to (docs/pruning.md).
 * They decide whether a kernel is bound by what it computes or by what it moves, and weigh kernels that were not measured.
 */
const macsPerNs = { dense: 35, depthwise: 8, plain: 20, plainDepthwise: 2.2, recurrent: 10 } as const;
const bytesPerNs = 20;
/** Exponentials and roots for each element. */
const slowBytesPerNs = 6;
/** A kernel that does next to nothing. */
const fixedNs = 8_000;

const slowOps: ReadonlySet<string> = new Set([
  ...[
    'Softmax',
    'LogSoftmax',
    'LayerNormalization',
    'SkipLayerNormalization',
    'SimplifiedLayerNormalization',
  ],
  ...['SkipSimplifiedLayerNormalization', 'RMSNormalization', 'InstanceNormalization', 'GroupNormalization'],
  ...[
    'Gelu',
    'BiasGelu',
    'FastGelu',
    'QuickGelu',
    'Erf',
    'Exp',
    'Log',
    'Tanh',
    'Sigmoid',
    'Pow',
    'Transpose',
  ],
]);
const recurrentOps: ReadonlySet<string> = new Set(['LSTM', 'GRU', 'RNN', 'DynamicQuantizeLSTM']);
/** They change a shape and leave the data where they are. */
const views: ReadonlySet<string> = new Set([
  'Reshape',
  'Flatten',
  'Squeeze',
  'Unsqueeze',
  'Identity',
  'Shape',
]);

/** In the order in which they run; nodes that hold bodies are left out for what is in them. NaN: its sizes are not known. */
export function kernelWork(
  analysis: Analysis,
  { dims = {}, optimization = 'all' }: Pick<EstimateOptions, 'dims' | 'optimization'> = {},
): readonly KernelWork[] {
  const compiled = internals(analysis).variantAt(dims);
  const level = compiled.level(optimization, targetOf('cpu'));
  const sizes = level.sizesAt(bindSymbols(compiled.inference, dims).dims);
  const macs = (node: RuntimeNode) =>
    node.sources.reduce((sum, s) => sum + sizes.extra(compiled.program.nodes.length + s.index), 0);
  return nodesOf(level.runtime.main).map((node) => ({
    id: node.source.id,
    opType: node.opType,
    isBlocked: node.domain === nchwcDomain,
    work: workOf(node, sizes, macs(node)),
  }));
}

function nodesOf(block: RuntimeBlock): RuntimeNode[] {
  return block.nodes.flatMap((n) =>
    n.bodies.length === 0 ? [n] : n.bodies.flatMap((b) => (b.taken ? nodesOf(b.block) : [])),
  );
}

function workOf(node: RuntimeNode, sizes: Sizes, macs: number): number {
  if (views.has(node.opType)) return fixedNs;
  const values = [...node.inputs, ...node.outputs];
  const bytes = values.reduce((sum, v) => sum + (v === undefined ? 0 : sizes.bytes(v)), 0);
  const moves = bytes / (slowOps.has(node.opType) ? slowBytesPerNs : bytesPerNs);
  const [done, kind] = computed(node, sizes, macs);
  return fixedNs + Math.max(moves, done / macsPerNs[kind]);
}

/** Multiply-accumulates as the kernel makes them: those for blocks of channels fill both sides up to whole blocks. */
function computed(node: RuntimeNode, sizes: Sizes, macs: number): [number, keyof typeof macsPerNs] {
  if (recurrentOps.has(node.opType)) return [macs, 'recurrent'];
  const [x, w] = [sizes.dims(node.inputs[0]), sizes.dims(node.inputs[1])];
  if (!node.opType.endsWith('Conv') || w === undefined) return [macs, 'dense'];
  const group = attributeInt(node.node, 'group', 1);
  const isDepthwise = group > 1 && w[1] === 1;
  const y = sizes.dims(node.outputs[0]);
  if (node.domain !== nchwcDomain || y === undefined) return [macs, isDepthwise ? 'plainDepthwise' : 'plain'];
  const perGroup = group === 1 ? Math.max(x?.[1] ?? 0, w[1] ?? 0) : (w[1] ?? 0);
  return [product(y) * perGroup * product(w.slice(2)), isDepthwise ? 'depthwise' : 'dense'];
}

function product(dims: readonly number[]): number {
  return dims.reduce((a, b) => a * b, 1);
}
