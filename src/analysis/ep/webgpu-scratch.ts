/**
 * Which nodes have no WebGPU kernel, and what the kernels ask for beside their outputs, as read in ONNX Runtime's
 * sources and seen on Vulkan (onnxruntime-node 1.30.0). What is not here asks for nothing, or is not known.
 */
import { attributeInts } from '../../onnx/model.ts';
import type { Draft, RuntimeNode } from '../memory/runtime.ts';
import type { Sizes } from '../memory/sizes.ts';
import type { Value } from '../memory/values.ts';

/** As seen in profiles: what goes there and back is copied, with staging buffers for both ways. */
export function runsOnHost({ opType, source }: RuntimeNode): boolean {
  return hostOnly.has(opType) || (opType === 'Clip' && source.version < 11);
}

const hostOnly: ReadonlySet<string> = new Set([
  ...['QuantizeLinear', 'DynamicQuantizeLinear', 'MatMulInteger', 'ConvInteger'],
  ...['DynamicQuantizeLSTM', 'QAttention'],
]);

/** Bytes of a tensor that the kernel makes for itself and frees at its end. */
export function webgpuScratchBytes(node: RuntimeNode, sizes: Sizes): number {
  const input = node.inputs[0];
  if (input === undefined || !node.opType.startsWith('Reduce')) return 0;
  return isTransposedFirst(node, sizes.dims(input) ?? []) ? sizes.knownBytes(input) : 0;
}

/** A reduction of axes that are not the last ones; many small ones are reduced where they lie (reduction_ops.cc). */
function isTransposedFirst(node: Draft, dims: readonly number[]): boolean {
  const axes = axesOf(node)?.map((axis) => (axis < 0 ? axis + dims.length : axis));
  if (axes === undefined || axes.length === 0) return false;
  const reduced = product(axes.map((axis) => dims[axis] ?? 1));
  const kept = product(dims) / reduced;
  if (reduced < 32 && kept > 1024) return false;
  const first = dims.length - axes.length;
  return axes.some((axis) => axis < first);
}

function axesOf(node: Draft): readonly number[] | undefined {
  return attributeInts(node.node, 'axes') ?? contentOf(node.inputs[1]);
}

function contentOf(v: Value | undefined): readonly number[] | undefined {
  if (v?.type.kind !== 'tensor') return undefined;
  const { content } = v.type;
  return content?.every((c) => typeof c === 'number') ? content : undefined;
}

function product(list: readonly number[]): number {
  return list.reduce((p, n) => p * n, 1);
}
