/** `--form dynamic-int8`. */
import { dynamicWeights, type DynamicInt8Edit } from '../../transforms/index.ts';
import type { Form } from './form.ts';
import { weightChoice, type WeightFlags } from './weights.ts';

interface Flags extends WeightFlags {
  readonly perChannel?: boolean;
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
    ...dynamicWeights(weightChoice(flags)),
    reduceRange: flags.reduceRange === true,
  }),
};
