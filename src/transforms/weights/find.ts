/** Which constants a node computes with, and why one of them cannot be changed. */
import { DataType, type TensorRef } from '../../onnx/model.ts';
import { dataTypeName, tensorByteLength } from '../../onnx/index.ts';
import type { Binding, Entry, Scope, Workspace } from '../graph/workspace.ts';

/** A constant that a node uses and an edit may replace. */
export interface Weight {
  /** As the node names it; another name than the tensor's where an Identity stands between. */
  readonly name: string;
  /** Where the constant is defined. */
  readonly scope: Scope;
  readonly tensor: TensorRef;
  readonly binding: Binding & { readonly kind: 'constant' };
}

export interface Blocked {
  readonly reason: string;
}

export function isBlocked(found: object): found is Blocked {
  return 'reason' in found;
}

const INTEGER_TYPES: ReadonlySet<number> = new Set([
  DataType.int8,
  DataType.uint8,
  DataType.int16,
  DataType.uint16,
  DataType.int4,
  DataType.uint4,
  DataType.int2,
  DataType.uint2,
]);

/**
 * The constant behind input `index` of the entry's node.
 * @param label what the operator's documentation calls that input ('B', 'W'), for the reason
 * @param types element types that will do
 */
export function findWeight(
  ws: Workspace,
  entry: Entry,
  index: number,
  label: string,
  types: readonly number[],
): Weight | Blocked {
  const name = entry.nodes[0]?.inputs[index] ?? '';
  if (name === '') return { reason: `${label} is left out` };
  const binding = ws.resolve(entry.scope, name);
  if (binding.kind !== 'constant') return { reason: notConstant(label, binding) };
  if (binding.isOverridable) {
    return { reason: `${label} "${name}" is also a graph input (overridable): its value is not final` };
  }
  const { tensor } = binding;
  if (INTEGER_TYPES.has(tensor.dataType) && !types.includes(tensor.dataType)) {
    return { reason: `already quantized: ${label} "${name}" is ${dataTypeName(tensor.dataType)}` };
  }
  if (!types.includes(tensor.dataType)) {
    const wanted = types.map(dataTypeName).join(' or ');
    return { reason: `${label} "${name}" is ${dataTypeName(tensor.dataType)}, not ${wanted}` };
  }
  if (tensor.dims.includes(0)) return { reason: `${label} "${name}" has no elements` };
  return { name, scope: binding.scope, tensor, binding };
}

function notConstant(label: string, binding: Binding): string {
  switch (binding.kind) {
    case 'input':
      return `${label} is not constant: "${binding.name}" is a graph input`;
    case 'sparse':
      return `${label} "${binding.name}" is a sparse initializer`;
    case 'missing':
      return `${label} "${binding.name}" is defined nowhere`;
    default:
      return producedBy(label, binding);
  }
}

function producedBy(label: string, binding: Binding): string {
  if (binding.kind !== 'produced') return `${label} is not constant`;
  const { id, original } = binding.entry;
  if (original.opType === 'DequantizeLinear') {
    return `already quantized: ${label} comes from DequantizeLinear "${id}"`;
  }
  return `${label} is not constant: ${original.opType} "${id}" computes it`;
}

/** Stored bytes of the constant behind input `index`; 0 where it is left out or computed. */
export function constantBytes(ws: Workspace, entry: Entry, index: number): number {
  const name = entry.nodes[0]?.inputs[index] ?? '';
  const binding = name === '' ? undefined : ws.resolve(entry.scope, name);
  return binding?.kind === 'constant' ? tensorByteLength(binding.tensor) : 0;
}

/** Stored bytes of all constants the entry's node uses. */
export function allConstantBytes(ws: Workspace, entry: Entry): number {
  const inputs = entry.nodes[0]?.inputs ?? [];
  return inputs.reduce((sum, _, i) => sum + constantBytes(ws, entry, i), 0);
}
