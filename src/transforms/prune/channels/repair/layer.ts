/** A Conv, Gemm or MatMul with constant weights, or a BatchNormalization, as repair sees it. */
import type { GramTarget } from '../../../../analysis/index.ts';
import {
  attributeFloat,
  attributeInt,
  DataType,
  elementCount,
  type Node,
  type TensorRef,
} from '../../../../onnx/index.ts';
import { convPatches } from '../../conv-patches.ts';
import type { ImportanceContext } from '../importance.ts';

export interface WeightLayer {
  readonly node: Node;
  readonly id: string;
  readonly kind: 'rows' | 'patches';
  /** Name of the weight, and the weight with all of its channels. */
  readonly name: string;
  readonly weight: TensorRef;
  /** Its dim of output channels; for matrices the other one is read. */
  readonly outAxis: 0 | 1;
  /** Name of the constant bias that only this layer has: its own input, or an Add's behind a MatMul. */
  readonly bias: string | undefined;
  /** Value with the bias, and its dim of channels. */
  readonly output: string;
  readonly outputAxis: 1 | -1;
  /** What the node multiplies weight and bias by. */
  readonly alpha: number;
  readonly beta: number;
}

type Context = Pick<ImportanceContext, 'trace' | 'tensor'> & { readonly users: Users };
export type Users = (value: string) => readonly Node[];

/** Undefined where the node is none; a string says why its weights cannot be replaced. */
export function weightLayer(context: Context, node: Node): WeightLayer | string | undefined {
  const { trace, tensor, users } = context;
  if (node.domain !== '' || !['Conv', 'Gemm', 'MatMul'].includes(node.opType)) return undefined;
  const [, name = ''] = node.inputs;
  const weight = tensor(name);
  if (weight === undefined) return trace.constants.has(name) ? 'its weight is computed' : undefined;
  if (weight.dataType !== DataType.float) return 'its weight is not float32';
  if (users(name).length > 1) return 'its weight is shared';
  if (node.opType !== 'Conv' && weight.dims.length !== 2) return 'its weight is no matrix';
  if (attributeInt(node, 'transA', 0) !== 0) return 'its input is transposed';
  const [alpha, beta] = [attributeFloat(node, 'alpha', 1), attributeFloat(node, 'beta', 1)];
  if (alpha === 0 || beta === 0) return 'it multiplies by zero';
  const isConv = node.opType === 'Conv';
  const found = biasOf(context, node);
  if (found === undefined) return 'its bias is no constant of its own with one number per channel';
  return {
    ...{ node, id: trace.ids.get(node) ?? node.name, kind: isConv ? 'patches' : 'rows', name, weight },
    outAxis: isConv || attributeInt(node, 'transB', 0) !== 0 ? 0 : 1,
    ...{ ...found, outputAxis: isConv ? 1 : -1, alpha, beta },
  };
}

function biasOf(context: Context, node: Node): Pick<WeightLayer, 'bias' | 'output'> | undefined {
  const [output = ''] = node.outputs;
  const { users, trace } = context;
  if (node.opType !== 'MatMul') {
    const bias = node.inputs[2] ?? '';
    if (bias === '') return { bias: undefined, output };
    return isOwnVector(context, bias) ? { bias, output } : undefined;
  }
  const [next, ...others] = users(output);
  const bias = next?.opType === 'Add' ? next.inputs.find((n) => n !== output) : undefined;
  const isBias = bias !== undefined && others.length === 0 && trace.constants.has(bias);
  const sum = next?.outputs[0] ?? '';
  if (isBias && isOwnVector(context, bias)) return { bias, output: sum };
  return { bias: undefined, output };
}

function isOwnVector({ tensor, users }: Context, name: string): boolean {
  const bias = tensor(name);
  return bias?.dims.length === 1 && bias.dataType === DataType.float && users(name).length === 1;
}

export interface NormLayer {
  readonly node: Node;
  readonly id: string;
  /** Names of the constants. */
  readonly mean: string;
  readonly variance: string;
}

export function normLayer({ trace, tensor, users }: Context, node: Node): NormLayer | undefined {
  if (node.domain !== '' || node.opType !== 'BatchNormalization') return undefined;
  const [, , , mean = '', variance = ''] = node.inputs;
  const isOwn = [mean, variance].every(
    (name) => tensor(name)?.dataType === DataType.float && users(name).length === 1,
  );
  return isOwn ? { node, id: trace.ids.get(node) ?? node.name, mean, variance } : undefined;
}

/** Columns of a weight that is solved for: a matrix of 4608² float32 has 81 MiB. */
const MAX_COLUMNS = 4608;

/**
 * The rows that the weight is multiplied by; undefined where there are too many columns.
 * @param channels output channels that are left
 */
export function rowsOf({ node, weight, outAxis }: WeightLayer, channels: number): GramTarget | undefined {
  const rows = rowsOfWeight(node, weight, 1 - outAxis, MAX_COLUMNS);
  const groups = attributeInt(node, 'group', 1);
  // a depthwise Conv loses groups; others lose channels of each
  if (rows?.kind !== 'patches' || weight.dims[1] !== 1) return rows;
  return { ...rows, groups: (channels * groups) / (weight.dims[0] ?? 1) };
}

/** @param axis of the weight that is summed over. Undefined for other nodes, too */
export function rowsOfWeight(
  node: Node,
  weight: TensorRef,
  axis: number,
  maxColumns: number,
): GramTarget | undefined {
  if (node.opType === 'MatMul' || node.opType === 'Gemm') {
    const isFit = weight.dims.length === 2 && attributeInt(node, 'transA', 0) === 0;
    return isFit && (weight.dims[axis] ?? Infinity) <= maxColumns ? { kind: 'rows' } : undefined;
  }
  if (node.opType !== 'Conv') return undefined;
  return elementCount(weight.dims.slice(1)) > maxColumns ? undefined : convPatches(node, weight);
}
