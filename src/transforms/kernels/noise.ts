/** What becomes of a chunk of a weight: the sums of the squares of its values and of their errors. */
import type { BlockGrid } from './block-tiles.ts';
import type { BlockForm } from './blocks.ts';
import { gridValues, roundedValues, type ChunkRounding } from './rounded.ts';
import { floatsOf, type Values } from './values.ts';

/** Of the squares of the values, and of their errors. */
export interface Sums {
  readonly signal: number;
  readonly noise: number;
}

export interface NoiseArgs {
  readonly values: Values;
  readonly start: number;
  /** Undefined: the values are written as they are. */
  readonly rounding: ChunkRounding | undefined;
  /** What the values were before each channel got a factor, which is undone elsewhere; undefined: none did. */
  readonly unscaled?: Float32Array | undefined;
  /** What those were before an edit changed them; undefined: the same. */
  readonly original?: Float32Array | undefined;
}

export interface Noise extends Sums {
  /** Index in the tensor of the first NaN or infinity; -1 where all are finite. */
  readonly badIndex: number;
}

export function weightNoise({ values: given, start, rounding, unscaled, original }: NoiseArgs): Noise {
  const values = floatsOf(given);
  const { rounded, badIndex } =
    rounding === undefined ? { rounded: values, badIndex: -1 } : roundedValues(values, start, rounding);
  if (unscaled !== undefined) undoFactors(rounded, values, unscaled);
  return { ...sumsOf(original ?? unscaled ?? values, rounded), badIndex };
}

/** The factor of each value is what it became by it; of 0 it does not matter, since that is rounded to itself. */
function undoFactors(rounded: Float32Array, scaled: Float32Array, unscaled: Float32Array): void {
  for (let i = 0; i < rounded.length; i++) {
    const value = scaled[i] as number;
    if (value !== 0) rounded[i] = (rounded[i] as number) * ((unscaled[i] as number) / value);
  }
}

export interface GridArgs {
  /** Of whole output channels. */
  readonly grid: BlockGrid;
  readonly depth: number;
  readonly form: BlockForm;
  /** [channels, depth]. */
  readonly original: Float32Array;
}

/** As `weightNoise`, of blocks that are rounded already. */
export function gridNoise({ grid, depth, form, original }: GridArgs): Sums {
  const rounded = gridValues(grid, { depth, width: grid.channels, form, isTransposed: true });
  return sumsOf(original, rounded);
}

function sumsOf(values: Float32Array, made: Float32Array): Sums {
  let [signal, noise] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    // casts keep them, the others refuse them
    if (!Number.isFinite(value)) continue;
    const error = (made[i] as number) - value;
    signal += value * value;
    noise += error * error;
  }
  return { signal, noise };
}
