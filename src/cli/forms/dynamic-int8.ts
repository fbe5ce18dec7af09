/** `--form dynamic-int8`. */
import { usualWeightType, type DynamicInt8Edit } from '../../transforms/index.ts';
import { UsageError } from '../failure.ts';
import type { Form } from './form.ts';

interface Flags {
  readonly perChannel?: boolean;
  readonly uint8?: boolean;
  readonly int8?: boolean;
  readonly reduceRange?: boolean;
}

export const dynamicInt8: Form = {
  options: ['perChannel', 'uint8', 'int8', 'reduceRange'],
  addOptions: (command) =>
    command
      .option('--per-channel', 'one scale per output channel instead of one per tensor')
      .option(
        '--uint8',
        'unsigned weights; usual where this processor has no VNNI, as int8 products overflow there',
      )
      .option('--int8', 'signed weights, with all 8 bits, on any processor')
      .option('--reduce-range', '7 bits instead of 8, for x86 processors without VNNI'),
  edit: (flags: Flags, layers): DynamicInt8Edit => ({
    type: 'quantize',
    layers,
    form: 'dynamic-int8',
    granularity: flags.perChannel === true ? 'per-channel' : 'per-tensor',
    weightType: weightTypeOf(flags),
    reduceRange: flags.reduceRange === true,
  }),
};

/** 7 bits cannot overflow. */
function weightTypeOf({ uint8, int8, reduceRange }: Flags): DynamicInt8Edit['weightType'] {
  if (uint8 === true && int8 === true) throw new UsageError('choose one of --int8 and --uint8');
  if (uint8 === true) return 'uint8';
  return int8 === true || reduceRange === true ? 'int8' : usualWeightType();
}
