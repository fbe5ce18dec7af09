/** `--form static`; `--per-channel`, `--uint8`, `--int8`, `--reduce-range` and `--symmetric` are other forms' options, too. */
import {
  ACTIVATION_TYPES,
  RANGE_METHODS,
  usualReduceRange,
  type ActivationType,
  type RangeMethod,
  type StaticEdit,
} from '../../transforms/index.ts';
import { UsageError } from '../failure.ts';
import { oneOf, type Form } from './form.ts';

interface Flags {
  readonly perChannel?: boolean;
  readonly uint8?: boolean;
  readonly int8?: boolean;
  readonly reduceRange?: boolean;
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
      weightType: flags.uint8 === true ? 'uint8' : 'int8',
      granularity: flags.perChannel === true ? 'per-channel' : 'per-tensor',
      range,
      isSymmetric: flags.symmetric === true,
      ...(percentile === undefined ? {} : { percentile }),
      ...(reducesRange(flags) ? { reduceRange: true } : {}),
      ...(smoothQuant === undefined ? {} : { smoothQuant }),
      ...(flags.equalize === true ? { equalize: true } : {}),
      ...(flags.biasCorrection === true ? { biasCorrection: true } : {}),
    };
  },
};

/** Where it is not said: for int8 weights beside uint8 activations, whose products overflow on some processors. */
function reducesRange({ reduceRange, uint8, int8, activations = 'uint8' }: Flags): boolean {
  if (reduceRange !== undefined) return reduceRange;
  return uint8 !== true && int8 !== true && activations === 'uint8' && usualReduceRange();
}

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
