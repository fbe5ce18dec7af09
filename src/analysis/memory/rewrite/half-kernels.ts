/**
 * Which nodes the CPU computes in float16: those that only move data, and a few more. All others are computed in
 * float32, and so is a lone one between two of those, since casting to float16 and back would cost more. Read from
 * the graphs that ONNX Runtime 1.30 saves.
 */
import { DataType } from '../../../onnx/model.ts';
import { elemTypeOfValue } from '../values.ts';
import type { Value } from '../values.ts';

const HALF_OPS: ReadonlySet<string> = new Set(
  `Attention Clip Compress Concat ConstantOfShape DequantizeLinear Expand Flatten Gather GatherElements GatherND
   Identity IsInf IsNaN LayerNormalization Max Min Mod QuantizeLinear RMSNormalization Reshape ReverseSequence Round
   ScatterElements ScatterND Shape Sign SimplifiedLayerNormalization Size Slice Split Squeeze Transpose Unsqueeze
   com.microsoft.MatMulNBits com.microsoft.RotaryEmbedding com.microsoft.SkipLayerNormalization
   com.microsoft.SkipSimplifiedLayerNormalization`.split(/\s+/u),
);

export interface ComputingNode {
  readonly domain: string;
  readonly opType: string;
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly (Value | undefined)[];
}

/**
 * The nodes with float16 values that are computed in float32; casts are none of them. `isPinned`: the caller or a
 * subgraph uses the value.
 */
export function computedInFloat<N extends ComputingNode>(
  nodes: readonly N[],
  isPinned: (value: Value) => boolean,
): Set<N> {
  const halves = nodes.filter((n) => n.inputs.some(isHalf) || n.outputs.some(isHalf));
  const wide = new Set(halves.filter((n) => !hasHalfKernel(n) && !isCast(n)));
  const makers = new Map<Value, N>();
  const readers = new Map<Value, N[]>();
  for (const n of nodes) {
    for (const v of n.outputs) if (v) makers.set(v, n);
    for (const v of n.inputs) if (v) readers.set(v, [...(readers.get(v) ?? []), n]);
  }
  const isLone = (n: N): boolean => {
    const made = n.inputs.filter((v) => v !== undefined && makers.has(v));
    const [given, taken] = [n.inputs.filter(isHalf), n.outputs.filter(isHalf)];
    if (made.length === 0 || given.length === 0 || taken.length === 0) return false;
    if (n.outputs.some((v) => v && isPinned(v))) return false;
    const before = given.flatMap((v) => makers.get(v) ?? []);
    const after = taken.flatMap((v) => readers.get(v) ?? []);
    return [...before, ...after].every((other) => wide.has(other));
  };
  const lone = halves.filter((n) => !wide.has(n) && !isCast(n) && isLone(n));
  for (const n of lone) wide.add(n);
  return wide;
}

export function isHalf(v: Value | undefined): v is Value {
  return elemTypeOfValue(v) === DataType.float16;
}

export function isCast({ domain, opType }: ComputingNode): boolean {
  return opType === 'Cast' && domain === '';
}

function hasHalfKernel({ domain, opType }: ComputingNode): boolean {
  return HALF_OPS.has(domain === '' || domain === 'ai.onnx' ? opType : `${domain}.${opType}`);
}
