/** What becomes of a chunk of a weight: the sums of the squares of its values and of their errors. */
import { roundedValues, type ChunkRounding } from './rounded.ts';
import { floatsOf, type Values } from './values.ts';

export interface NoiseArgs {
  readonly values: Values;
  readonly start: number;
  /** Undefined: the values are written as they are. */
  readonly rounding: ChunkRounding | undefined;
  /** What the values were before an edit changed them; undefined: the same. */
  readonly original?: Float32Array | undefined;
}

export interface Noise {
  readonly signal: number;
  readonly noise: number;
  /** Index in the tensor of the first NaN or infinity; -1 where all are finite. */
  readonly badIndex: number;
}

export function weightNoise({ values: given, start, rounding, original }: NoiseArgs): Noise {
  const changed = floatsOf(given);
  const values = original ?? changed;
  const { rounded, badIndex } =
    rounding === undefined ? { rounded: changed, badIndex: -1 } : roundedValues(changed, start, rounding);
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
