/** The steps by edit and operator. */
import { operatorOf } from '../onnx/model.ts';
import { castToLow } from './cast/step.ts';
import type { Proposal, StepContext } from './context.ts';
import type { Entry } from './graph/workspace.ts';
import { opTypesOf, type Form, type LayerEdit, type WeightForm, type WeightOperator } from './operators.ts';
import { pruneBlocks } from './prune/blocks/step.ts';
import { pruneChannels } from './prune/channels/step.ts';
import { prune } from './prune/step.ts';
import { blocksGemm, blocksMatMul } from './quantize/blocks.ts';
import { blocksGather } from './quantize/blocks-gather.ts';
import { dynamicAttention } from './quantize/dynamic-attention.ts';
import { dynamicConv } from './quantize/dynamic-conv.ts';
import { dynamicGather } from './quantize/dynamic-gather.ts';
import { dynamicGemm } from './quantize/dynamic-gemm.ts';
import { dynamicLstm } from './quantize/dynamic-lstm.ts';
import { dynamicMatMul } from './quantize/dynamic-matmul.ts';
import { staticStep } from './quantize/static/step.ts';
import type { LayersEdit, QuantizeEdit } from './recipe/recipe.ts';
import type { Blocked } from './weights/find.ts';

type Step<E extends QuantizeEdit> = (context: StepContext, entry: Entry, edit: E) => Proposal | Blocked;
type Steps<F extends WeightForm> = Readonly<Record<WeightOperator<F>, Step<QuantizeEdit & { form: F }>>>;

const QUANTIZE_STEPS: { readonly [F in WeightForm]: Steps<F> } = {
  'dynamic-int8': {
    MatMul: dynamicMatMul,
    Gemm: dynamicGemm,
    Conv: dynamicConv,
    Gather: dynamicGather,
    LSTM: dynamicLstm,
    'com.microsoft.Attention': dynamicAttention,
  },
  blocks: { MatMul: blocksMatMul, Gemm: blocksGemm, Gather: blocksGather },
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
  if (edit.form === 'static') return staticStep(context, entry, edit);
  // the table pairs each form with its own edit, and has every operator of it; TypeScript cannot follow that through an index
  const steps: Readonly<Record<string, Step<never>>> = QUANTIZE_STEPS[edit.form];
  const step = steps[operator] as Step<QuantizeEdit>;
  return step(context, entry, edit);
}

function nameOf(edit: LayerEdit): string {
  if (edit.type === 'quantize') return FORM_NAMES[edit.form];
  if (edit.type === 'prune-channels') return 'channel pruning';
  return edit.type === 'prune' ? 'pruning' : edit.to;
}
