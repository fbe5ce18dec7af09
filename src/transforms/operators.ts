/** Which operators each edit is for. */
import { DataType, operatorOf } from '../onnx/model.ts';
import { CAST_OPS } from './cast/low-ops.ts';
import type { Entry, Workspace } from './graph/workspace.ts';
import { CHANNEL_OPS } from './prune/channels/operators.ts';
import { PRUNE_OPS } from './prune/operands.ts';
import { RULES, STATIC_LAYERS } from './quantize/static/rules.ts';
import type { LayersEdit, PruneBlocksEdit, QuantizeEdit } from './recipe/recipe.ts';

export type Form = QuantizeEdit['form'];

const WEIGHT_OPS = {
  'dynamic-int8': ['MatMul', 'Gemm', 'Conv', 'Gather', 'LSTM', 'com.microsoft.Attention'],
  blocks: ['MatMul', 'Gemm', 'Gather'],
} as const;

/** The forms that are for single layers. */
export type WeightForm = keyof typeof WEIGHT_OPS;

/** An operator whose weights the form quantizes, with its domain where that is not ONNX's own. */
export type WeightOperator<F extends WeightForm> = (typeof WEIGHT_OPS)[F][number];

/** Asked for at every node. */
const FORM_OPS: Readonly<Record<Form, ReadonlySet<string>>> = {
  'dynamic-int8': new Set(WEIGHT_OPS['dynamic-int8']),
  blocks: new Set(WEIGHT_OPS.blocks),
  static: new Set(RULES.keys()),
};

/** The same without their domains, as layers are named; of static only those with weights. */
const OP_TYPES: Readonly<Record<Form, ReadonlySet<string>>> = {
  'dynamic-int8': withoutDomain(FORM_OPS['dynamic-int8']),
  blocks: withoutDomain(FORM_OPS.blocks),
  static: STATIC_LAYERS,
};

function withoutDomain(operators: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...operators].map((operator) => operator.slice(operator.lastIndexOf('.') + 1)));
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
  return OP_TYPES[form].has(opType);
}
