/** The integers that weights become, with what is usual on this machine, and why. */
import type { FormView, StaticOptions, WeightChoice } from '../../src/protocol.ts';
import { Icon } from '../components/icon.tsx';
import { t } from '../l10n/index.ts';
import { draftForms } from '../state/draft.ts';
import { Select } from './select.tsx';

interface WeightsProps {
  readonly form: 'dynamic-int8' | 'static';
  /** Those that are quantized at run time are uint8. */
  readonly activationType?: StaticOptions['activationType'];
  readonly value: WeightChoice;
}

interface SelectProps extends WeightsProps {
  /** One that does not go with the other settings. */
  readonly without?: WeightChoice | undefined;
  readonly onChange: (weights: WeightChoice) => void;
}

const choices: readonly WeightChoice[] = ['usual', 'int8', 'uint8', '7-bit'];

export function WeightsSelect({ without, onChange, ...props }: SelectProps) {
  return (
    <Select
      {...{ label: 'quantize.weights', hint: 'quantize.weights.hint', value: props.value, onChange }}
      list={choices
        .filter((value) => value !== without)
        .map((value) => ({ value, text: value === 'usual' ? usualText(props) : nameOf(value) }))}
    />
  );
}

/** Of a processor whose products of int8 overflow, and of settings that this is a matter of. */
export function WeightsHint(props: WeightsProps) {
  if (usualOf(props) !== 'uint8') return null;
  return props.value === 'int8' ? (
    <p class="preview-line warning">
      <Icon name="warning" />
      <span>{t('quantize.weights.overflow')}</span>
    </p>
  ) : (
    <p class="muted">{t('quantize.weights.why')}</p>
  );
}

/** Undefined until the host has said. */
function usualOf({ form, activationType = 'uint8' }: WeightsProps): FormView['usualWeights'] {
  if (activationType !== 'uint8') return 'int8';
  return draftForms.value.find((f) => f.name === form)?.usualWeights;
}

function usualText(props: WeightsProps): string {
  const usual = usualOf(props);
  return usual === undefined
    ? t('quantize.weights.usual')
    : t('quantize.weights.usualIs', { type: nameOf(usual) });
}

function nameOf(value: Exclude<WeightChoice, 'usual'>): string {
  return value === '7-bit' ? t('quantize.weights.7bit') : value;
}
