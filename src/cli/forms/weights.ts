/** What `--int8`, `--uint8` and `--reduce-range` say of the weights of the int8 forms. */
import type { WeightChoice } from '../../transforms/index.ts';
import { UsageError } from '../failure.ts';

export interface WeightFlags {
  readonly uint8?: boolean;
  readonly int8?: boolean;
  readonly reduceRange?: boolean;
}

/** @throws UsageError of two that do not go together */
export function weightChoice({ uint8, int8, reduceRange }: WeightFlags): WeightChoice {
  if (uint8 === true && int8 === true) throw new UsageError('choose one of --int8 and --uint8');
  if (uint8 === true) return 'uint8';
  if (reduceRange === true) return '7-bit';
  return int8 === true ? 'int8' : 'usual';
}
