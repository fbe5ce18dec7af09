/**
 * Gather of a constant table → GatherBlockQuantized (com.microsoft): the rows in blocks, dequantized as they are looked
 * up. The table stays packed on every EP that has the kernel.
 */
import { attributeInt, DataType } from '../../onnx/model.ts';
import type { Proposal, StepContext } from '../context.ts';
import { intAttribute, makeNode } from '../graph/nodes.ts';
import type { Entry } from '../graph/workspace.ts';
import type { BlocksEdit } from '../recipe/recipe.ts';
import { blockSizes, blockTensors, type BlockTensors } from '../weights/block-tensors.ts';
import { findWeight, isBlocked, type Blocked, type Weight } from '../weights/find.ts';
import { storedBytes } from '../weights/stream.ts';
import { blockRounding, formOf } from './block-weight.ts';
import { blocksAgain, dropFloatWeight, madeOnce, nodeBase } from './shared.ts';

export function blocksGather(context: StepContext, entry: Entry, edit: BlocksEdit): Proposal | Blocked {
  const table = tableOf(context, entry, edit);
  if (isBlocked(table)) return table;
  const { ws } = context;
  const { dims } = table.tensor;
  return {
    beforeBytes: storedBytes(table.tensor),
    roundings: [blockRounding(context, entry, table, edit, true)],
    apply: () => {
      const { packed, scales, zeroPoints } = quantizeTable(context, entry, table, edit);
      const [, indices = ''] = entry.original.inputs;
      const inputs = [packed.name, indices, scales.name];
      const node = makeNode(
        'GatherBlockQuantized',
        zeroPoints === undefined ? inputs : [...inputs, zeroPoints.name],
        entry.original.outputs,
        ws.uniqueNodeName(`${nodeBase(entry)}_Q${edit.bits}`),
        [
          intAttribute('bits', edit.bits),
          intAttribute('block_size', edit.blockSize),
          intAttribute('gather_axis', 0),
          intAttribute('quantize_axis', 1),
        ],
        'com.microsoft',
      );
      ws.replace(entry, [node]);
      dropFloatWeight(context, entry, table);
      entry.quantizedBy = { edit: context.edit, form: edit.form };
      return { afterBytes: blockSizes(dims, true, formOf(edit)).bytes, warnings: [] };
    },
  };
}

/** The float32 table of rows [rows, values], or why it cannot be cut into blocks. */
function tableOf({ ws }: StepContext, entry: Entry, edit: BlocksEdit): Weight | Blocked {
  const again = blocksAgain(entry);
  if (again !== undefined) return { reason: again };
  const table = findWeight(ws, entry, 0, 'data', [DataType.float]);
  if (isBlocked(table)) return table;
  const { dims } = table.tensor;
  if (dims.length !== 2) return { reason: `data "${table.name}" has ${dims.length} dims, not 2` };
  if (attributeInt(entry.original, 'axis', 0) % 2 !== 0) return { reason: 'it gathers columns, not rows' };
  if (edit.operator === 'DequantizeLinear') {
    return { reason: 'DequantizeLinear would expand the whole table at each run; use GatherBlockQuantized' };
  }
  if (edit.algorithm === 'gptq') {
    return {
      reason: 'GPTQ weighs errors by what a weight is multiplied by, and a table is only looked up: use HQQ',
    };
  }
  const [, values = 0] = dims;
  if (values % edit.blockSize !== 0) {
    return { reason: `a row of ${values} values is not whole blocks of ${edit.blockSize}` };
  }
  return table;
}

function quantizeTable(context: StepContext, entry: Entry, table: Weight, edit: BlocksEdit): BlockTensors {
  const form = formOf(edit);
  return madeOnce(context, ['gather blocks', form], table, () => {
    const { ws } = context;
    const { name } = table.binding;
    const source = { model: ws.model, tensor: table.tensor, name, node: entry.id };
    const tensors = blockTensors(
      { source, form, isTransposed: true, factor: 1, isFlat: true },
      {
        packed: ws.uniqueName(`${name}_Q${edit.bits}`),
        scales: ws.uniqueName(`${name}_scales`),
        zeroPoints: ws.uniqueName(`${name}_zero_points`),
      },
    );
    ws.addInitializer(table.scope, tensors.packed);
    ws.addInitializer(table.scope, tensors.scales);
    if (tensors.zeroPoints !== undefined) ws.addInitializer(table.scope, tensors.zeroPoints);
    return tensors;
  });
}
