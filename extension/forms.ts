/** The forms that weights can take, each with its usual settings. */
import type { DynamicInt8Options, FormName } from '../src/protocol.ts';
import {
  dynamicWeights,
  staticWeights,
  USUAL,
  type CastEdit,
  type FormChoice,
  type LayerSelector,
  type QuantizeEdit,
} from '../src/transforms/index.ts';

export type FormEdit = QuantizeEdit | CastEdit;

/** What a person may set for the int8 forms. */
export type UsualSettings = Pick<DynamicInt8Options, 'granularity' | 'weights'>;

export function usualEdit(
  name: FormName,
  layers: LayerSelector,
  { granularity, weights }: UsualSettings,
): FormEdit {
  switch (name) {
    case 'dynamic-int8':
      return { ...USUAL[name], layers, granularity, ...dynamicWeights(weights) };
    case 'static':
      return { ...USUAL[name], layers, granularity, ...staticWeights(weights, USUAL[name].activationType) };
    default:
      return { ...USUAL[name], layers };
  }
}

/** What a form that suits an EP is called here. */
export function nameOfChoice({ settings: choice }: FormChoice): Exclude<FormName, 'float16'> {
  return choice.form === 'blocks' ? `blocks-${choice.bits}` : choice.form;
}

export const formNames: readonly FormName[] = [
  'dynamic-int8',
  'blocks-8',
  'blocks-4',
  'blocks-2',
  'static',
  'float16',
];

export function isFormName(text: unknown): text is FormName {
  return formNames.some((name) => name === text);
}
