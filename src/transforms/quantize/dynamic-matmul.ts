/** MatMul → MatMulInteger + Cast + Mul, the activation by DynamicQuantizeLinear. */
import { elementCount } from '../../onnx/index.ts';
import { DataType, type Node } from '../../onnx/model.ts';
import type { Proposal, StepContext } from '../context.ts';
import { makeNode } from '../graph/nodes.ts';
import type { Entry, Workspace } from '../graph/workspace.ts';
import type { DynamicInt8Edit } from '../recipe/recipe.ts';
import { findWeight, isBlocked, type Blocked } from '../weights/find.ts';
import { linearBytes } from '../weights/linear-tensors.ts';
import { storedBytes } from '../weights/stream.ts';
import {
  blocksDynamic,
  dropFloatWeight,
  linearRounding,
  nodeBase,
  quantizeActivation,
  quantizeWeight,
  rescale,
  weightPlan,
  type QuantizedActivation,
  type QuantizedWeight,
  type WeightPlan,
} from './shared.ts';

export function dynamicMatMul(context: StepContext, entry: Entry, edit: DynamicInt8Edit): Proposal | Blocked {
  const { ws } = context;
  const reason = blocksDynamic(ws, entry);
  if (reason !== undefined) return { reason };
  const weight = findWeight(ws, entry, 1, 'B', [DataType.float]);
  if (isBlocked(weight)) return weight;
  const [activation = '', , ...rest] = entry.original.inputs;
  if (activation === '' || rest.length > 0) return { reason: 'MatMul has two inputs' };
  if (ws.resolve(entry.scope, activation).kind === 'constant') return { reason: 'both inputs are constant' };
  const { dims } = weight.tensor;
  if (dims.length === 0) return { reason: `B "${weight.name}" is a scalar` };
  const plan = planOf(edit, dims);
  return {
    beforeBytes: storedBytes(weight.tensor),
    roundings: [linearRounding(context, entry, weight, plan)],
    apply: () => {
      const x = quantizeActivation(ws, entry, activation);
      const w = quantizeWeight(context, entry, weight, plan);
      const [output = ''] = entry.original.outputs;
      ws.replace(entry, integerMatMul(ws, x, w, nodeBase(entry), output));
      dropFloatWeight(context, entry, weight);
      entry.quantizedBy = { edit: context.edit, form: edit.form };
      return { afterBytes: bytesOf(plan, dims), warnings: [] };
    },
  };
}

/**
 * A vector has no output channels. A stack of matrices has one zero point: MatMulInteger's would have to be
 * [.., 1, channels], and ONNX Runtime refuses another in its fused kernel.
 */
function planOf(edit: DynamicInt8Edit, dims: readonly number[]): WeightPlan {
  const isVector = dims.length < 2;
  const axis = dims.length - 1;
  const asked: DynamicInt8Edit = isVector ? { ...edit, granularity: 'per-tensor' } : edit;
  const plan = weightPlan(asked, axis, { isTransposed: false, factor: 1 });
  const isStack = dims.length > 2 && plan.axis !== undefined;
  return isStack ? { ...plan, scaleDims: [dims[axis] ?? 0] } : plan;
}

function bytesOf({ axis, scaleDims }: WeightPlan, dims: readonly number[]): number {
  const [channels] = scaleDims ?? [];
  return channels === undefined ? linearBytes(dims, axis) : elementCount(dims) + 4 * channels + 1;
}

/** MatMulInteger of both and its rescaling to float32 as `output`. */
export function integerMatMul(
  ws: Workspace,
  x: QuantizedActivation,
  w: QuantizedWeight,
  base: string,
  output: string,
): Node[] {
  const accumulator = ws.uniqueName(`${output}_output_quantized`);
  const inputs = [x.values, w.values.name, x.zeroPoint, w.zeroPoint.name];
  return [
    makeNode('MatMulInteger', inputs, [accumulator], ws.uniqueNodeName(`${base}_quant`)),
    ...rescale(ws, accumulator, [x.scale, w.scale.name], base, output),
  ];
}
