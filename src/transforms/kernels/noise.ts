/** What rounding does to a chunk of a weight: the sums of the squares of its values and of their errors. */
import { roundedValues, type ChunkRounding } from './rounded.ts';
import { floatsOf, type Values } from './values.ts';

export interface NoiseArgs {
  readonly values: Values;
  readonly start: number;
  readonly rounding: ChunkRounding;
}

export interface Noise {
  readonly signal: number;
  readonly noise: number;
  /** Index in the tensor of the first NaN or infinity; -1 where all are finite. */
  readonly badIndex: number;
}

export function roundingNoise({ values: given, start, rounding }: NoiseArgs): Noise {
  const values = floatsOf(given);
  const { rounded, badIndex } = roundedValues(values, start, rounding);
  let [signal, noise] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    // casts keep them, the others refuse them
    if (!Number.isFinite(value)) continue;
    const error = (rounded[i] as number) - value;
    signal += value * value;
    noise += error * error;
  }
  return { signal, noise, badIndex };
}
