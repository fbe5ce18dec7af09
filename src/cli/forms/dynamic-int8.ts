/** `--form dynamic-int8`. */
import type { DynamicInt8Edit } from '../../transforms/index.ts';
import type { Form } from './form.ts';

interface Flags {
  readonly perChannel?: boolean;
  readonly uint8?: boolean;
  readonly reduceRange?: boolean;
}

export const dynamicInt8: Form = {
  options: ['perChannel', 'uint8', 'reduceRange'],
  addOptions: (command) =>
    command
      .option('--per-channel', 'one scale per output channel instead of one per tensor')
      .option('--uint8', 'unsigned weights')
      .option('--reduce-range', '7 bits instead of 8, for x86 processors without VNNI'),
  edit: (flags: Flags, layers): DynamicInt8Edit => ({
    type: 'quantize',
    layers,
    form: 'dynamic-int8',
    granularity: flags.perChannel === true ? 'per-channel' : 'per-tensor',
    weightType: flags.uint8 === true ? 'uint8' : 'int8',
    reduceRange: flags.reduceRange === true,
  }),
};
