/** Static quantization: where ranges come from first, then what becomes of values and weights. */
import type { StaticOptions } from '../../src/protocol.ts';
import { t, type TextKey } from '../l10n/index.ts';
import { CalibrationField } from './calibration-field.tsx';
import { Choice } from './choice.tsx';
import type { SettingsProps } from './form-settings.tsx';
import { granularities } from './granularities.ts';
import { More } from './more.tsx';
import { NumberField } from './number-field.tsx';
import { Select, type Named } from './select.tsx';
import { WeightsHint, WeightsSelect } from './weights-select.tsx';

const ranges: readonly Named<StaticOptions['range']>[] = [
  { value: 'minmax', title: 'quantize.minmax' },
  { value: 'entropy', title: 'quantize.entropy' },
  { value: 'percentile', title: 'quantize.percentile' },
  { value: 'mse', title: 'quantize.mse' },
];

export function StaticSettings({ options, change }: SettingsProps<StaticOptions>) {
  return (
    <>
      <CalibrationField
        value={options.calibration}
        onChange={(calibration) => change({ ...options, calibration })}
      />
      <div class="settings">
        <Select
          {...{ label: 'quantize.granularity', hint: 'quantize.granularity.hint', list: granularities }}
          value={options.granularity}
          onChange={(granularity) => change({ ...options, granularity })}
        />
        <Select
          {...{ label: 'quantize.range', hint: 'quantize.range.hint', list: ranges }}
          value={options.range}
          onChange={(range) => change({ ...options, range })}
        />
      </div>
      <More>
        <Types options={options} change={change} />
        <Corrections options={options} change={change} />
      </More>
    </>
  );
}

const formats: readonly Named<StaticOptions['format']>[] = [
  { value: 'qdq', title: 'quantize.qdq' },
  { value: 'qoperator', title: 'quantize.qoperator' },
];
const activationTypes: readonly Named<StaticOptions['activationType']>[] = [
  { value: 'uint8' },
  { value: 'int8' },
  { value: 'uint16' },
  { value: 'int16' },
];
/** Only combinations that ONNX Runtime has kernels for: what does not go with a choice follows it. */
function Types({ options, change }: SettingsProps<StaticOptions>) {
  const { form, format, activationType, weights } = options;
  const hasSigned = activationType === 'int8';
  return (
    <>
      <div class="settings">
        <Select
          {...{ label: 'quantize.format', list: formats, value: format }}
          onChange={(next) => {
            const isWide = next === 'qoperator' && activationType.endsWith('16');
            change({ ...options, format: next, activationType: isWide ? 'uint8' : activationType });
          }}
        />
        <Select
          {...{ label: 'quantize.activationType', value: activationType }}
          list={activationTypes.filter(({ value }) => format === 'qdq' || !value.endsWith('16'))}
          onChange={(next) =>
            change({
              ...options,
              activationType: next,
              weights: next === 'int8' && weights === 'uint8' ? 'usual' : weights,
            })
          }
        />
        <WeightsSelect
          {...{ form, activationType, value: weights }}
          without={hasSigned ? 'uint8' : undefined}
          onChange={(next) => change({ ...options, weights: next })}
        />
      </div>
      <WeightsHint {...{ form, activationType, value: weights }} />
    </>
  );
}

type Flag = 'isSymmetric' | 'equalize' | 'biasCorrection';

const flags: readonly { readonly name: Flag; readonly title: TextKey; readonly hint: TextKey }[] = [
  { name: 'isSymmetric', title: 'quantize.symmetric', hint: 'quantize.symmetricRanges.hint' },
  { name: 'equalize', title: 'quantize.equalize', hint: 'quantize.equalize.hint' },
  { name: 'biasCorrection', title: 'quantize.biasCorrection', hint: 'quantize.biasCorrection.hint' },
];

/** SmoothQuant's authors found half a good start. */
const usualAlpha = 0.5;

function Corrections({ options, change }: SettingsProps<StaticOptions>) {
  const { smoothQuant } = options;
  return (
    <>
      {flags.map(({ name, title, hint }) => (
        <Choice
          key={name}
          title={t(title)}
          hint={t(hint)}
          isChosen={options[name]}
          onChoose={() => change({ ...options, [name]: !options[name] })}
        />
      ))}
      <Choice
        title={t('quantize.smoothQuant')}
        hint={t('quantize.smoothQuant.hint')}
        isChosen={smoothQuant !== undefined}
        onChoose={() =>
          change({ ...options, smoothQuant: smoothQuant === undefined ? usualAlpha : undefined })
        }
      />
      {smoothQuant !== undefined && (
        <NumberField
          {...{ label: 'quantize.alpha', min: 0, max: 1, step: 0.05, value: smoothQuant }}
          onChange={(alpha) => change({ ...options, smoothQuant: alpha })}
        />
      )}
    </>
  );
}
