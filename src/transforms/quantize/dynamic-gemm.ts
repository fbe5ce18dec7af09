/**
 * Gemm → MatMulInteger + Cast + Mul + Add. A transposed A is turned by a Transpose node, a transposed B while its
 * weights stream by; alpha goes into the weight's scale, beta into a Mul of C.
 */
import { attributeFloat, attributeInt, DataType } from '../../onnx/model.ts';
import type { Proposal, StepContext } from '../context.ts';
import { makeNode } from '../graph/nodes.ts';
import type { Entry } from '../graph/workspace.ts';
import type { DynamicInt8Edit } from '../recipe/recipe.ts';
import { constantBytes, findWeight, isBlocked, type Blocked } from '../weights/find.ts';
import { linearBytes } from '../weights/linear-tensors.ts';
import { storedBytes } from '../weights/stream.ts';
import { integerMatMul } from './dynamic-matmul.ts';
import { scaledC, turnedA } from './gemm-parts.ts';
import {
  blocksDynamic,
  dropFloatWeight,
  linearRounding,
  nodeBase,
  quantizeActivation,
  quantizeWeight,
  weightPlan,
} from './shared.ts';

export function dynamicGemm(context: StepContext, entry: Entry, edit: DynamicInt8Edit): Proposal | Blocked {
  const { ws } = context;
  const reason = blocksDynamic(ws, entry);
  if (reason !== undefined) return { reason };
  const weight = findWeight(ws, entry, 1, 'B', [DataType.float]);
  if (isBlocked(weight)) return weight;
  const [node = entry.original] = entry.nodes;
  const [a = '', , c = ''] = node.inputs;
  if (ws.resolve(entry.scope, a).kind === 'constant') return { reason: 'both A and B are constant' };
  const { dims } = weight.tensor;
  if (dims.length !== 2) return { reason: `B "${weight.name}" has ${dims.length} dims, not 2` };
  const isTransposed = attributeInt(node, 'transB', 0) !== 0;
  const plan = weightPlan(edit, isTransposed ? 0 : 1, {
    isTransposed,
    factor: attributeFloat(node, 'alpha', 1),
  });
  const biasBytes = constantBytes(ws, entry, 2);
  return {
    beforeBytes: storedBytes(weight.tensor) + biasBytes,
    roundings: [linearRounding(context, entry, weight, plan)],
    apply: () => {
      const base = nodeBase(entry);
      const x = quantizeActivation(ws, entry, turnedA(ws, entry, a, base));
      const w = quantizeWeight(context, entry, weight, plan);
      const [output = ''] = node.outputs;
      const product = c === '' ? output : ws.uniqueName(`${output}_MatMul`);
      const bias = scaledC(ws, entry, c, base);
      ws.replace(entry, [
        ...bias.nodes,
        ...integerMatMul(ws, x, w, `${base}_MatMul`, product),
        ...(c === ''
          ? []
          : [makeNode('Add', [product, bias.name], [output], ws.uniqueNodeName(`${base}_Add`))]),
      ]);
      dropFloatWeight(context, entry, weight);
      entry.quantizedBy = { edit: context.edit, form: edit.form };
      return {
        afterBytes: linearBytes(dims, plan.axis) + biasBytes,
        warnings: [],
      };
    },
  };
}
