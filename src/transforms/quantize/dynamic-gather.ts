/**
 * Gather of a constant table → Gather of its integers and DequantizeLinear of what was looked up, as ONNX Runtime's
 * tool has it: one scale in all, whatever the granularity, since each lookup has rows of its own.
 */
import { DataType } from '../../onnx/model.ts';
import type { Proposal, StepContext } from '../context.ts';
import { makeNode } from '../graph/nodes.ts';
import type { Entry } from '../graph/workspace.ts';
import type { DynamicInt8Edit } from '../recipe/recipe.ts';
import { findWeight, isBlocked, type Blocked } from '../weights/find.ts';
import { linearBytes } from '../weights/linear-tensors.ts';
import { storedBytes } from '../weights/stream.ts';
import {
  blocksDynamic,
  DYNAMIC_OPSET,
  dropFloatWeight,
  linearRounding,
  nodeBase,
  quantizeWeight,
  weightPlan,
} from './shared.ts';

export function dynamicGather(context: StepContext, entry: Entry, edit: DynamicInt8Edit): Proposal | Blocked {
  const { ws } = context;
  const reason = blocksDynamic(ws, entry);
  if (reason !== undefined) return { reason };
  const table = findWeight(ws, entry, 0, 'data', [DataType.float]);
  if (isBlocked(table)) return table;
  const { dims } = table.tensor;
  if (dims.length < 2) return { reason: `data "${table.name}" is no table: it has ${dims.length} dims` };
  const plan = weightPlan({ ...edit, granularity: 'per-tensor' }, 0, { isTransposed: false, factor: 1 });
  return {
    beforeBytes: storedBytes(table.tensor),
    roundings: [linearRounding(context, entry, table, plan)],
    apply: () => {
      const { values, scale, zeroPoint } = quantizeWeight(context, entry, table, plan);
      const [output = ''] = entry.original.outputs;
      const [node = entry.original] = entry.nodes;
      const found = ws.uniqueName(`${output}_quantized`);
      const inputs = node.inputs.map((name, i) => (i === 0 ? values.name : name));
      ws.replace(entry, [
        { ...node, inputs, outputs: [found], range: undefined },
        makeNode(
          'DequantizeLinear',
          [found, scale.name, zeroPoint.name],
          [output],
          ws.uniqueNodeName(`${nodeBase(entry)}_DequantizeLinear`),
        ),
      ]);
      ws.requireOpset(DYNAMIC_OPSET);
      dropFloatWeight(context, entry, table);
      entry.quantizedBy = { edit: context.edit, form: edit.form };
      return { afterBytes: linearBytes(dims, undefined), warnings: [] };
    },
  };
}
