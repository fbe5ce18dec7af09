/**
 * MatMul and Gemm → MatMulNBits (com.microsoft): the weight in blocks along K, the activation as it is. Gemm's alpha
 * goes into the scales, a transposed B is what MatMulNBits wants anyway, C is added behind.
 */
import { attributeFloat, attributeInt, type Node } from '../../onnx/model.ts';
import type { Proposal, StepContext } from '../context.ts';
import { intAttribute, makeNode } from '../graph/nodes.ts';
import type { Entry } from '../graph/workspace.ts';
import type { BlockForm } from '../kernels/blocks.ts';
import type { BlocksEdit } from '../recipe/recipe.ts';
import { blockSizes, blockTensors, type BlockTensors } from '../weights/block-tensors.ts';
import { constantBytes, isBlocked, type Blocked, type Weight } from '../weights/find.ts';
import { storedBytes } from '../weights/stream.ts';
import { blockRounding, blockWeight, formOf } from './block-weight.ts';
import { dequantizedBlocks } from './blocks-dequantize.ts';
import { gptqCalibration, type GptqCalibration } from './gptq-calibration.ts';
import { scaledC, turnedA } from './gemm-parts.ts';
import { dropFloatWeight, madeOnce, nodeBase } from './shared.ts';

const DOMAIN = 'com.microsoft';

export function blocksMatMul(context: StepContext, entry: Entry, edit: BlocksEdit): Proposal | Blocked {
  if (edit.operator === 'DequantizeLinear') return dequantizedBlocks(context, entry, edit, false);
  const weight = blockWeight(context, entry, edit, false);
  if (isBlocked(weight)) return weight;
  const [activation = '', , ...rest] = entry.original.inputs;
  if (activation === '' || rest.length > 0) return { reason: 'MatMul has two inputs' };
  const calibrated = gptqCalibration(
    context,
    entry,
    edit,
    blockSizes(weight.tensor.dims, false, formOf(edit)),
  );
  if (isBlocked(calibrated)) return calibrated;
  const plan = { form: formOf(edit), isTransposed: false, factor: 1, gram: calibrated.gram };
  return {
    beforeBytes: storedBytes(weight.tensor),
    needs: calibrated.needs,
    roundings: [{ ...blockRounding(context, entry, weight, edit, false), gram: calibrated.gram }],
    apply: () => {
      const [output = ''] = entry.original.outputs;
      const tensors = quantizeInBlocks(context, entry, weight, plan);
      const product = productNode(context, entry, edit, { a: activation, weight, plan, tensors, output });
      return replaced(context, entry, edit, [product], { weight, plan, otherBytes: 0 });
    },
  };
}

export function blocksGemm(context: StepContext, entry: Entry, edit: BlocksEdit): Proposal | Blocked {
  const { ws } = context;
  const [node = entry.original] = entry.nodes;
  const isTransposed = attributeInt(node, 'transB', 0) !== 0;
  if (edit.operator === 'DequantizeLinear') return dequantizedBlocks(context, entry, edit, isTransposed);
  const weight = blockWeight(context, entry, edit, isTransposed);
  if (isBlocked(weight)) return weight;
  const [a = '', , c = ''] = node.inputs;
  const calibrated = gptqCalibration(
    context,
    entry,
    edit,
    blockSizes(weight.tensor.dims, isTransposed, formOf(edit)),
  );
  if (isBlocked(calibrated)) return calibrated;
  const factor = attributeFloat(node, 'alpha', 1);
  const plan = { form: formOf(edit), isTransposed, factor, gram: calibrated.gram };
  const biasBytes = constantBytes(ws, entry, 2);
  return {
    beforeBytes: storedBytes(weight.tensor) + biasBytes,
    needs: calibrated.needs,
    roundings: [{ ...blockRounding(context, entry, weight, edit, isTransposed), gram: calibrated.gram }],
    apply: () => {
      const base = nodeBase(entry);
      const [y = ''] = node.outputs;
      const output = c === '' ? y : ws.uniqueName(`${y}_MatMul`);
      const left = turnedA(ws, entry, a, base);
      const tensors = quantizeInBlocks(context, entry, weight, plan);
      const product = productNode(context, entry, edit, { a: left, weight, plan, tensors, output });
      const bias = scaledC(ws, entry, c, base);
      const sum = makeNode('Add', [output, bias.name], [y], ws.uniqueNodeName(`${base}_Add`));
      const nodes = c === '' ? [product] : [...bias.nodes, product, sum];
      return replaced(context, entry, edit, nodes, { weight, plan, otherBytes: biasBytes });
    },
  };
}

interface Plan {
  readonly form: BlockForm;
  readonly isTransposed: boolean;
  readonly factor: number;
  readonly gram: GptqCalibration['gram'];
}

/** The tensors of the weight, made once for all nodes that need it in the same form. */
function quantizeInBlocks(context: StepContext, entry: Entry, weight: Weight, plan: Plan): BlockTensors {
  // GPTQ's integers depend on what the weight is multiplied by
  const of = plan.gram === undefined ? '' : entry.original.inputs[0];
  return madeOnce(context, ['blocks', plan, of], weight, () => {
    const { ws } = context;
    const { name } = weight.binding;
    const tensors = blockTensors(
      { source: { model: ws.model, tensor: weight.tensor, name, node: entry.id }, ...plan },
      {
        packed: ws.uniqueName(`${name}_Q${plan.form.bits}`),
        scales: ws.uniqueName(`${name}_scales`),
        zeroPoints: ws.uniqueName(`${name}_zero_points`),
      },
    );
    // in this order: the scales and zero points come from the pass that makes the integers
    ws.addInitializer(weight.scope, tensors.packed);
    ws.addInitializer(weight.scope, tensors.scales);
    if (tensors.zeroPoints !== undefined) ws.addInitializer(weight.scope, tensors.zeroPoints);
    return tensors;
  });
}

interface Product {
  readonly a: string;
  readonly weight: Weight;
  readonly plan: Plan;
  readonly tensors: BlockTensors;
  readonly output: string;
}

function productNode({ ws }: StepContext, entry: Entry, edit: BlocksEdit, product: Product): Node {
  const { a, weight, plan, tensors, output } = product;
  const { depth, width } = blockSizes(weight.tensor.dims, plan.isTransposed, plan.form);
  const level = edit.accuracyLevel ?? 0;
  const inputs = [a, tensors.packed.name, tensors.scales.name];
  return makeNode(
    'MatMulNBits',
    tensors.zeroPoints === undefined ? inputs : [...inputs, tensors.zeroPoints.name],
    [output],
    ws.uniqueNodeName(`${nodeBase(entry)}_Q${edit.bits}`),
    [
      intAttribute('K', depth),
      intAttribute('N', width),
      intAttribute('bits', edit.bits),
      intAttribute('block_size', edit.blockSize),
      ...(level === 0 ? [] : [intAttribute('accuracy_level', level)]),
    ],
    DOMAIN,
  );
}

function replaced(
  context: StepContext,
  entry: Entry,
  edit: BlocksEdit,
  nodes: readonly Node[],
  { weight, plan, otherBytes }: { weight: Weight; plan: Plan; otherBytes: number },
): { afterBytes: number; warnings: [] } {
  context.ws.replace(entry, nodes);
  dropFloatWeight(context, entry, weight);
  entry.quantizedBy = { edit: context.edit, form: edit.form };
  const { bytes } = blockSizes(weight.tensor.dims, plan.isTransposed, plan.form);
  return { afterBytes: bytes + otherBytes, warnings: [] };
}
