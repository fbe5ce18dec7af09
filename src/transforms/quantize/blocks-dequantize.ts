/**
 * MatMul and Gemm with a blocked DequantizeLinear (opset 21) before B: standard ONNX, the operator itself stays. On the
 * CPU ONNX Runtime fuses it with MatMul to MatMulNBits; elsewhere it mostly expands the weight at run time.
 */
import type { Proposal, StepContext } from '../context.ts';
import { intAttribute, makeNode } from '../graph/nodes.ts';
import { blocksOpset } from '../graph/opset.ts';
import type { Entry } from '../graph/workspace.ts';
import type { BlocksEdit } from '../recipe/recipe.ts';
import { blockRowTensors, blockRowBytes, type BlockRowTensors } from '../weights/block-rows.ts';
import { isBlocked, type Blocked, type Weight } from '../weights/find.ts';
import { storedBytes } from '../weights/stream.ts';
import { blockRounding, blockWeight, formOf } from './block-weight.ts';
import { dropFloatWeight, madeOnce, nodeBase } from './shared.ts';

/** Blocks in DequantizeLinear came with it. */
const BLOCKED_OPSET = 21;
/** Tensors of 4 bits came with it. */
const INT4_IR_VERSION = 10;

export function dequantizedBlocks(
  context: StepContext,
  entry: Entry,
  edit: BlocksEdit,
  isTransposed: boolean,
): Proposal | Blocked {
  const { ws } = context;
  const weight = blockWeight(context, entry, edit, isTransposed);
  if (isBlocked(weight)) return weight;
  const reason = blocksDequantize(context, edit);
  if (reason !== undefined) return { reason };
  const { dims } = weight.tensor;
  return {
    beforeBytes: storedBytes(weight.tensor),
    roundings: [blockRounding(context, entry, weight, edit, isTransposed)],
    apply: () => {
      const tensors = quantizeRows(context, entry, weight, edit, isTransposed);
      const dequantized = ws.uniqueName(`${weight.name}_dequantized`);
      const { integers, scales, zeroPoints } = tensors;
      const inputs = [integers.name, scales.name];
      const dequantize = makeNode(
        'DequantizeLinear',
        zeroPoints === undefined ? inputs : [...inputs, zeroPoints.name],
        [dequantized],
        ws.uniqueNodeName(`${nodeBase(entry)}_DequantizeLinear`),
        [intAttribute('axis', isTransposed ? 1 : 0), intAttribute('block_size', edit.blockSize)],
      );
      const [node = entry.original] = entry.nodes;
      const operands = node.inputs.map((name, i) => (i === 1 ? dequantized : name));
      ws.replace(entry, [dequantize, { ...node, inputs: operands, range: undefined }]);
      dropFloatWeight(context, entry, weight);
      ws.requireOpset(BLOCKED_OPSET);
      if (edit.bits === 4) ws.requireIrVersion(INT4_IR_VERSION);
      entry.quantizedBy = { edit: context.edit, form: edit.form };
      return { afterBytes: blockRowBytes(dims, isTransposed, formOf(edit)), warnings: [] };
    },
  };
}

function blocksDequantize(
  { ws }: StepContext,
  { bits, algorithm, accuracyLevel = 0 }: BlocksEdit,
): string | undefined {
  if (accuracyLevel !== 0) return 'DequantizeLinear has no accuracy level';
  if (algorithm === 'gptq') return 'GPTQ is there for MatMulNBits only: leave the operator out';
  if (bits === 2) return 'DequantizeLinear takes 2 bits from opset 25 on only: use MatMulNBits';
  return blocksOpset(ws, BLOCKED_OPSET);
}

function quantizeRows(
  context: StepContext,
  entry: Entry,
  weight: Weight,
  edit: BlocksEdit,
  isTransposed: boolean,
): BlockRowTensors {
  const form = formOf(edit);
  return madeOnce(context, ['block rows', form, isTransposed], weight, () => {
    const { ws } = context;
    const { name } = weight.binding;
    const source = { model: ws.model, tensor: weight.tensor, name, node: entry.id };
    const tensors = blockRowTensors(
      { source, isTransposed, form, factor: 1 },
      {
        integers: ws.uniqueName(`${name}_Q${edit.bits}`),
        scales: ws.uniqueName(`${name}_scales`),
        zeroPoints: ws.uniqueName(`${name}_zero_points`),
      },
    );
    ws.addInitializer(weight.scope, tensors.integers);
    ws.addInitializer(weight.scope, tensors.scales);
    if (tensors.zeroPoints !== undefined) ws.addInitializer(weight.scope, tensors.zeroPoints);
    return tensors;
  });
}
