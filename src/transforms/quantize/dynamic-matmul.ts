/** MatMul → MatMulInteger + Cast + Mul, the activation by DynamicQuantizeLinear. */
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
  // a vector has no output channels
  const plan = weightPlan(dims.length < 2 ? { ...edit, granularity: 'per-tensor' } : edit, dims.length - 1, {
    isTransposed: false,
    factor: 1,
  });
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
      return { afterBytes: linearBytes(dims, plan.axis), warnings: [] };
    },
  };
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
