/**
 * Conv → ConvInteger (uint8 weights) + Cast + Mul, and Reshape + Add for the bias. ConvInteger takes one zero point
 * only, so per channel the weights are symmetric about 128 and the scales [M, 1, …] go into the Mul behind it.
 */
import { elementCount } from '../../onnx/index.ts';
import { DataType, type Node } from '../../onnx/model.ts';
import type { Proposal, StepContext } from '../context.ts';
import { int64Tensor, makeNode } from '../graph/nodes.ts';
import type { Entry, Workspace } from '../graph/workspace.ts';
import type { DynamicInt8Edit } from '../recipe/recipe.ts';
import { constantBytes, findWeight, isBlocked, type Blocked } from '../weights/find.ts';
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
  type QuantizedActivation,
  type QuantizedWeight,
  type WeightPlan,
} from './shared.ts';

export function dynamicConv(context: StepContext, entry: Entry, edit: DynamicInt8Edit): Proposal | Blocked {
  const { ws } = context;
  const reason = blocksDynamic(ws, entry);
  if (reason !== undefined) return { reason };
  const weight = findWeight(ws, entry, 1, 'W', [DataType.float]);
  if (isBlocked(weight)) return weight;
  const [activation = ''] = entry.original.inputs;
  if (ws.resolve(entry.scope, activation).kind === 'constant') return { reason: 'both X and W are constant' };
  const { dims } = weight.tensor;
  const [channels = 0, , ...kernel] = dims;
  const isPerChannel = edit.granularity === 'per-channel';
  const plan: WeightPlan = {
    weightType: 'uint8',
    reduceRange: edit.reduceRange,
    axis: isPerChannel ? 0 : undefined,
    isTransposed: false,
    factor: 1,
    ...(isPerChannel ? { scaleDims: [channels, ...kernel.map(() => 1)] } : {}),
  };
  // one zero point in all
  const bytes = isPerChannel ? elementCount(dims) + 4 * channels + 1 : linearBytes(dims, undefined);
  const biasBytes = constantBytes(ws, entry, 2);
  return {
    beforeBytes: storedBytes(weight.tensor) + biasBytes,
    roundings: [linearRounding(context, entry, weight, plan)],
    apply: () => {
      const x = quantizeActivation(ws, entry, activation);
      const w = quantizeWeight(context, entry, weight, plan);
      ws.replace(entry, integerConv(ws, entry, x, w, dims.length));
      dropFloatWeight(context, entry, weight);
      entry.quantizedBy = { edit: context.edit, form: edit.form };
      return { afterBytes: bytes + biasBytes, warnings: [] };
    },
  };
}

function integerConv(
  ws: Workspace,
  entry: Entry,
  x: QuantizedActivation,
  w: QuantizedWeight,
  rank: number,
): Node[] {
  const base = nodeBase(entry);
  const [output = ''] = entry.original.outputs;
  const [, , bias = ''] = entry.nodes[0]?.inputs ?? [];
  const accumulator = ws.uniqueName(`${output}_output_quantized`);
  const conv: Node = {
    ...makeNode(
      'ConvInteger',
      [x.values, w.values.name, x.zeroPoint, w.zeroPoint.name],
      [accumulator],
      ws.uniqueNodeName(`${base}_quant`),
    ),
    attributes: entry.original.attributes,
  };
  const scales = [x.scale, w.scale.name] as const;
  if (bias === '') return [conv, ...rescale(ws, accumulator, scales, base, output)];
  const scaled = ws.uniqueName(`${output}quant_scaled_output`);
  const shape = int64Tensor(
    ws.uniqueName(`${output}_bias_reshape_shape`),
    [rank],
    Array.from({ length: rank }, (_, axis) => (axis === 1 ? -1 : 1)),
  );
  ws.addInitializer(entry.scope, shape);
  const reshaped = ws.uniqueName(`${output}_bias_reshape_output`);
  return [
    conv,
    ...rescale(ws, accumulator, scales, base, scaled),
    makeNode('Reshape', [bias, shape.name], [reshaped], ws.uniqueNodeName(`${output}_bias_reshape`)),
    makeNode('Add', [scaled, reshaped], [output], ws.uniqueNodeName(`${output}_bias_add`)),
  ];
}
