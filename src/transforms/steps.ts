/** The steps by edit and operator. */
import { CAST_OPS } from './cast/low-ops.ts';
import { castToLow } from './cast/step.ts';
import type { Proposal, StepContext } from './context.ts';
import { DataType, operatorOf } from '../onnx/model.ts';
import type { Entry, Workspace } from './graph/workspace.ts';
import { pruneBlocks } from './prune/blocks/step.ts';
import { CHANNEL_OPS } from './prune/channels/operators.ts';
import { pruneChannels } from './prune/channels/step.ts';
import { PRUNE_OPS } from './prune/operands.ts';
import { prune } from './prune/step.ts';
import { blocksGemm, blocksMatMul } from './quantize/blocks.ts';
import { blocksGather } from './quantize/blocks-gather.ts';
import { dynamicAttention } from './quantize/dynamic-attention.ts';
import { dynamicConv } from './quantize/dynamic-conv.ts';
import { dynamicGather } from './quantize/dynamic-gather.ts';
import { dynamicGemm } from './quantize/dynamic-gemm.ts';
import { dynamicLstm } from './quantize/dynamic-lstm.ts';
import { dynamicMatMul } from './quantize/dynamic-matmul.ts';
import { RULES, STATIC_LAYERS } from './quantize/static/rules.ts';
import { staticStep } from './quantize/static/step.ts';
import type { LayersEdit, PruneBlocksEdit, QuantizeEdit } from './recipe/recipe.ts';
import type { Blocked } from './weights/find.ts';

type Step<E extends QuantizeEdit> = (context: StepContext, entry: Entry, edit: E) => Proposal | Blocked;
type Form = QuantizeEdit['form'];

const QUANTIZE_STEPS: { readonly [F in Form]: ReadonlyMap<string, Step<QuantizeEdit & { form: F }>> } = {
  'dynamic-int8': new Map([
    ['MatMul', dynamicMatMul],
    ['Gemm', dynamicGemm],
    ['Conv', dynamicConv],
    ['Gather', dynamicGather],
    ['LSTM', dynamicLstm],
    ['com.microsoft.Attention', dynamicAttention],
  ]),
  blocks: new Map([
    ['MatMul', blocksMatMul],
    ['Gemm', blocksGemm],
    ['Gather', blocksGather],
  ]),
  static: new Map([...RULES.keys()].map((opType) => [opType, staticStep])),
};

const FORM_NAMES: Readonly<Record<Form, string>> = {
  'dynamic-int8': 'dynamic int8',
  blocks: 'blocks',
  static: 'static quantization',
};

/** Operators whose weights are integers already. */
const QUANTIZED_OPS: ReadonlySet<string> = new Set([
  'MatMulInteger',
  'ConvInteger',
  'QLinearMatMul',
  'QLinearConv',
  'QGemm',
  'MatMulNBits',
  'DynamicQuantizeMatMul',
  'MatMulIntegerToFloat',
  'GatherBlockQuantized',
  'DynamicQuantizeLSTM',
  'QAttention',
]);

/** Asked for at every node. */
const FORM_OPS: { readonly [F in Form]: ReadonlySet<string> } = {
  'dynamic-int8': new Set(QUANTIZE_STEPS['dynamic-int8'].keys()),
  blocks: new Set(QUANTIZE_STEPS.blocks.keys()),
  static: new Set(QUANTIZE_STEPS.static.keys()),
};

/** The same without their domains, as layers are named. */
const OP_TYPES = {
  'dynamic-int8': withoutDomain(FORM_OPS['dynamic-int8']),
  blocks: withoutDomain(FORM_OPS.blocks),
};

function withoutDomain(operators: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...operators].map((operator) => operator.slice(operator.lastIndexOf('.') + 1)));
}

/** What `edit` would do to `entry`, or why it cannot. */
export function propose(context: StepContext, entry: Entry, edit: LayersEdit): Proposal | Blocked {
  const { opType } = entry.original;
  if (entry.nodes.length === 0) return { reason: 'an earlier edit removed it' };
  if (edit.type === 'prune-blocks') return pruneBlocks(context, entry, edit);
  if (QUANTIZED_OPS.has(opType)) return { reason: `already quantized: ${opType}` };
  const operator = operatorOf(entry.original);
  if (!opTypesOf(edit).has(operator)) return { reason: `${nameOf(edit)} does not apply to ${operator}` };
  if (edit.type === 'prune') return prune(context, entry, edit);
  if (edit.type === 'prune-channels') return pruneChannels(context, entry, edit);
  if (edit.type === 'cast') return castToLow(context, entry, edit);
  // the table pairs each form with its own edit; TypeScript cannot follow that through an index
  const steps: ReadonlyMap<string, Step<never>> = QUANTIZE_STEPS[edit.form];
  const step = steps.get(operator) as Step<QuantizeEdit> | undefined;
  return step === undefined ? { reason: `no step for ${operator}` } : step(context, entry, edit);
}

function nameOf(edit: LayerEdit): string {
  if (edit.type === 'quantize') return FORM_NAMES[edit.form];
  if (edit.type === 'prune-channels') return 'channel pruning';
  return edit.type === 'prune' ? 'pruning' : edit.to;
}

/** Edits of layers, by their operators. */
export type LayerEdit = Exclude<LayersEdit, PruneBlocksEdit>;

export function opTypesOf(edit: LayerEdit): ReadonlySet<string> {
  if (edit.type === 'prune') return PRUNE_OPS;
  if (edit.type === 'prune-channels') return CHANNEL_OPS;
  return edit.type === 'cast' ? CAST_OPS[edit.to] : FORM_OPS[edit.form];
}

/**
 * Whether `edit` is meant for the entry where it names none. A Gather is a layer only where it looks up rows of a
 * constant table: most of them pick a dim out of a shape.
 */
export function isMeantFor(ws: Workspace, { original, scope, nodes }: Entry, edit: LayerEdit): boolean {
  if (nodes.length === 0) return false;
  const { inputs } = original;
  const operator = operatorOf(original);
  if (!opTypesOf(edit).has(operator)) return false;
  if (operator !== 'Gather' || edit.type !== 'quantize' || edit.form === 'static') return true;
  const data = ws.resolve(scope, inputs[0] ?? '');
  return data.kind === 'constant' && data.tensor.dataType === DataType.float && data.tensor.dims.length > 1;
}

/** Whether an edit of that form can quantize the weights of operators of this name, told without its domain. */
export function quantizes(form: Form, opType: string): boolean {
  return form === 'static' ? STATIC_LAYERS.has(opType) : OP_TYPES[form].has(opType);
}
