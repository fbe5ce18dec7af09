/** `--form static`; `--per-channel`, `--uint8`, `--int8`, `--reduce-range` and `--symmetric` are other forms' options, too. */
import {
  ACTIVATION_TYPES,
  RANGE_METHODS,
  staticWeights,
  type ActivationType,
  type RangeMethod,
  type StaticEdit,
} from '../../transforms/index.ts';
import { UsageError } from '../failure.ts';
import { oneOf, type Form } from './form.ts';
import { weightChoice, type WeightFlags } from './weights.ts';

interface Flags extends WeightFlags {
  readonly perChannel?: boolean;
  readonly symmetric?: boolean;
  readonly format?: StaticEdit['format'];
  readonly activations?: ActivationType;
  readonly range?: RangeMethod;
  readonly percentile?: number;
  readonly smoothQuant?: number;
  readonly equalize?: boolean;
  readonly biasCorrection?: boolean;
}

export const staticForm: Form = {
  options: [
    'perChannel',
    'uint8',
    'int8',
    'reduceRange',
    'symmetric',
    'format',
    'activations',
    'range',
    'percentile',
    'smoothQuant',
    'equalize',
    'biasCorrection',
  ],
  addOptions: (command) =>
    command
      .option(
        '--format <name>',
        'qdq (pairs around float operators) or qoperator (default: qdq)',
        oneOf('--format', ['qdq', 'qoperator'] as const),
      )
      .option(
        '--activations <type>',
        `type of activations: ${ACTIVATION_TYPES.join(', ')} (default: uint8)`,
        oneOf('--activations', ACTIVATION_TYPES),
      )
      .option(
        '--range <method>',
        `how ranges come from --calibration: ${RANGE_METHODS.join(', ')} (default: minmax)`,
        oneOf('--range', RANGE_METHODS),
      )
      .option(
        '--percentile <p>',
        'with --range percentile: percent that lies in the range (default: 99.999)',
        parsePercentile,
      )
      .option('--smooth-quant <alpha>', 'SmoothQuant: 0 … 1 of the outliers go into the weights', parseAlpha)
      .option('--equalize', 'cross-layer equalisation of Convs and Gemms')
      .option('--bias-correction', 'biases make up for what rounding the weights adds on average'),
  edit: (flags: Flags, layers): StaticEdit => {
    const { range = 'minmax', percentile, activations = 'uint8', smoothQuant } = flags;
    if (percentile !== undefined && range !== 'percentile') {
      throw new UsageError('--percentile goes with --range percentile');
    }
    return {
      type: 'quantize',
      layers,
      form: 'static',
      format: flags.format ?? 'qdq',
      activationType: activations,
      granularity: flags.perChannel === true ? 'per-channel' : 'per-tensor',
      range,
      isSymmetric: flags.symmetric === true,
      ...(percentile === undefined ? {} : { percentile }),
      ...staticWeights(weightChoice(flags), activations),
      ...(flags.reduceRange === true ? { reduceRange: true } : {}),
      ...(smoothQuant === undefined ? {} : { smoothQuant }),
      ...(flags.equalize === true ? { equalize: true } : {}),
      ...(flags.biasCorrection === true ? { biasCorrection: true } : {}),
    };
  },
};

function parsePercentile(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 100)) {
    throw new UsageError(`--percentile: expected a number above 0, up to 100, got "${text}"`);
  }
  return value;
}

function parseAlpha(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) {
    throw new UsageError(`--smooth-quant: expected a number from 0 to 1, got "${text}"`);
  }
  return value;
}
