/**
 * The forms that edits can give to weights, and which of them stays small where.
 *
 *     recommendForm('webgpu', 'MatMul') // { name: '8-bit blocks', settings: { form: 'blocks', bits: 8, … }, … }
 *     recommendForm('webgpu', 'Conv')   // undefined: none stays small there
 */
import { weightBehaviour } from '../analysis/index.ts';
import type { EpName, EpWeightBehaviour, WeightForm } from '../analysis/types.ts';
import type { BlocksEdit, CastEdit, DynamicInt8Edit, QuantizeEdit, StaticEdit } from './recipe/recipe.ts';
import { quantizes } from './operators.ts';
import { USUAL } from './usual.ts';

/** A form, as the settings of an edit: add `layers` and it is one. */
export interface FormChoice {
  /** In English, as in `use 8-bit blocks`. */
  readonly name: string;
  readonly weightForm: WeightForm;
  readonly settings:
    Omit<DynamicInt8Edit, 'layers'> | Omit<BlocksEdit, 'layers'> | Omit<StaticEdit, 'layers'>;
}

export interface RecommendedForm extends FormChoice {
  readonly behaviour: EpWeightBehaviour;
}

/** In the order in which they are to be preferred: exact first, then small; `usual`: whose settings. */
const CHOICES = [
  { name: 'dynamic int8', weightForm: 'dynamic-int8', usual: 'dynamic-int8' },
  { name: '8-bit blocks', weightForm: 'matmulnbits-8', usual: 'blocks-8' },
  { name: '4-bit blocks', weightForm: 'matmulnbits-4', usual: 'blocks-4' },
  // last: it needs calibration data
  { name: 'static int8', weightForm: 'qdq-int8', usual: 'static' },
] as const;

/** The form that stays small on `ep` for the weights of `opType`; undefined where no edit makes one. */
export function recommendForm(ep: EpName, opType: string): RecommendedForm | undefined {
  for (const { name, weightForm, usual } of CHOICES) {
    const settings = USUAL[usual];
    if (!quantizes(settings.form, opType)) continue;
    const behaviour = weightBehaviour(ep, opType, weightForm);
    if (behaviour.fate === 'small') return { name, weightForm, settings, behaviour };
  }
  return undefined;
}

/** What the EP table calls the form of this edit. */
export function weightFormOf(edit: QuantizeEdit | CastEdit): WeightForm {
  if (edit.type === 'cast') return edit.to;
  if (edit.form === 'dynamic-int8') return 'dynamic-int8';
  // nothing is fused with activations of 16 bits: their weights are expanded
  if (edit.form === 'static') return edit.activationType.endsWith('16') ? 'dequantize-int8' : 'qdq-int8';
  if (edit.operator === 'DequantizeLinear') return edit.bits === 8 ? 'dequantize-int8' : 'dequantize-int4';
  return `matmulnbits-${edit.bits}`;
}

/** The form's name in English: `dynamic int8`, `4-bit blocks`. */
export function formName(edit: QuantizeEdit | CastEdit): string {
  if (edit.type === 'cast') return edit.to;
  if (edit.form === 'blocks') {
    const by = edit.operator === 'DequantizeLinear' ? ' by DequantizeLinear' : '';
    return `${edit.bits}-bit blocks${by}`;
  }
  if (edit.form === 'static') {
    return edit.activationType.endsWith('16') ? 'static int8 with 16-bit activations' : 'static int8';
  }
  const form = weightFormOf(edit);
  return CHOICES.find((c) => c.weightForm === form)?.name ?? form;
}
