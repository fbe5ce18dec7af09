/** The settings of each form. What is rarely changed is behind "More options". */
import type { JSX } from 'preact';
import type { AutoOptions, BlocksOptions, DynamicInt8Options, QuantizeOptions } from '../../src/protocol.ts';
import { t } from '../l10n/index.ts';
import { CalibrationField } from './calibration-field.tsx';
import { Choice } from './choice.tsx';
import { granularities } from './granularities.ts';
import { More } from './more.tsx';
import { NumberField } from './number-field.tsx';
import { Select, type Named } from './select.tsx';
import { WeightsHint, WeightsSelect } from './weights-select.tsx';
import { StaticSettings } from './static-settings.tsx';

export interface SettingsProps<O> {
  readonly options: O;
  readonly change: (options: QuantizeOptions) => void;
}

export function FormSettings({ options, change }: SettingsProps<QuantizeOptions>): JSX.Element {
  switch (options.form) {
    case 'auto':
      return <AutoSettings options={options} change={change} />;
    case 'dynamic-int8':
      return <DynamicSettings options={options} change={change} />;
    case 'blocks':
      return <BlocksSettings options={options} change={change} />;
    case 'static':
      return <StaticSettings options={options} change={change} />;
  }
}

function AutoSettings({ options, change }: SettingsProps<AutoOptions>) {
  return (
    <NumberField
      label="quantize.minSqnr"
      unit="dB"
      value={options.minSqnrDb}
      {...{ min: 0, max: 100, step: 1 }}
      onChange={(minSqnrDb) => change({ ...options, minSqnrDb })}
    />
  );
}

function DynamicSettings({ options, change }: SettingsProps<DynamicInt8Options>) {
  return (
    <>
      <div class="settings">
        <Select
          {...{ label: 'quantize.granularity', hint: 'quantize.granularity.hint', list: granularities }}
          value={options.granularity}
          onChange={(granularity) => change({ ...options, granularity })}
        />
        <WeightsSelect
          {...{ form: options.form, value: options.weights }}
          onChange={(weights) => change({ ...options, weights })}
        />
      </div>
      <WeightsHint form={options.form} value={options.weights} />
    </>
  );
}

const blockSizes: readonly Named<BlocksOptions['blockSize']>[] = [
  { value: 16 },
  { value: 32 },
  { value: 64 },
  { value: 128 },
  { value: 256 },
];
const algorithms: readonly Named<BlocksOptions['algorithm']>[] = [
  { value: 'round', title: 'quantize.round' },
  { value: 'hqq', title: 'quantize.hqq' },
  { value: 'gptq', title: 'quantize.gptq' },
];
const operators: readonly Named<BlocksOptions['operator']>[] = [
  { value: 'MatMulNBits', title: 'quantize.matMulNBits' },
  { value: 'DequantizeLinear', title: 'quantize.dequantizeLinear' },
];

function BlocksSettings({ options, change }: SettingsProps<BlocksOptions>) {
  return (
    <>
      <div class="settings">
        <Select
          {...{ label: 'quantize.blockSize', hint: 'quantize.blockSize.hint', list: blockSizes }}
          value={options.blockSize}
          onChange={(blockSize) => change({ ...options, blockSize })}
        />
        <Select
          {...{ label: 'quantize.algorithm', hint: 'quantize.algorithm.hint', list: algorithms }}
          value={options.algorithm}
          onChange={(algorithm) => change({ ...options, algorithm })}
        />
      </div>
      {options.algorithm === 'gptq' && (
        <CalibrationField
          value={options.calibration}
          onChange={(calibration) => change({ ...options, calibration })}
        />
      )}
      <More>
        <Select
          {...{ label: 'quantize.operator', hint: 'quantize.operator.hint', list: operators }}
          value={options.operator}
          onChange={(operator) => change({ ...options, operator })}
        />
        <Choice
          title={t('quantize.symmetric')}
          hint={t('quantize.symmetric.hint')}
          isChosen={options.isSymmetric}
          onChoose={() => change({ ...options, isSymmetric: !options.isSymmetric })}
        />
      </More>
    </>
  );
}
