/**
 * Each form that weights can take, with its usual settings: add `layers` and it is an edit. Where int8 products overflow on
 * this machine (see `Machine.int8Overflows`), weights are uint8: on such a processor int8 per channel gave 21.0 dB for the
 * MNIST transformer, uint8 45.3; static int8 of the Fashion-MNIST CNN 15.1 dB, uint8 43.5 (docs/quantization.md).
 */
import { thisMachine, type Machine } from '../machine.ts';
import type { BlocksEdit, CastEdit, DynamicInt8Edit, StaticEdit } from './recipe/recipe.ts';

/** An edit of unspecified layers. */
type Settings<E> = E extends unknown ? Omit<E, 'layers'> : never;

/** Weights that keep their accuracy beside uint8 activations. */
export function usualWeightType({ int8Overflows }: Machine = thisMachine()): 'int8' | 'uint8' {
  return int8Overflows === true ? 'uint8' : 'int8';
}

/** What weights of int8 forms become: as is usual for the machine, or as it is said. */
export type WeightChoice = 'usual' | 'int8' | 'uint8' | '7-bit';

/** All, in the order in which they are offered. */
export const WEIGHT_CHOICES: readonly WeightChoice[] = ['usual', 'int8', 'uint8', '7-bit'];

type Weights = Pick<DynamicInt8Edit, 'weightType' | 'reduceRange'>;

const CHOSEN: Readonly<Record<Exclude<WeightChoice, 'usual'>, Weights>> = {
  int8: { weightType: 'int8', reduceRange: false },
  uint8: { weightType: 'uint8', reduceRange: false },
  // 7 bits cannot overflow
  '7-bit': { weightType: 'int8', reduceRange: true },
};

export function dynamicWeights(choice: WeightChoice, machine: Machine = thisMachine()): Weights {
  return CHOSEN[choice === 'usual' ? usualWeightType(machine) : choice];
}

/** Only beside uint8 activations do products of int8 weights overflow. */
export function staticWeights(
  choice: WeightChoice,
  activationType: StaticEdit['activationType'],
  machine: Machine = thisMachine(),
): Pick<StaticEdit, 'weightType' | 'reduceRange'> {
  const usual = activationType === 'uint8' ? usualWeightType(machine) : 'int8';
  const { weightType, reduceRange } = CHOSEN[choice === 'usual' ? usual : choice];
  return { weightType, ...(reduceRange ? { reduceRange } : {}) };
}

/** Those of the machine are looked up each time: it may have been measured meanwhile. */
export const USUAL = {
  get 'dynamic-int8'(): Settings<DynamicInt8Edit> {
    return { type: 'quantize', form: 'dynamic-int8', granularity: 'per-tensor', ...dynamicWeights('usual') };
  },
  'blocks-8': { type: 'quantize', form: 'blocks', bits: 8, blockSize: 32 },
  'blocks-4': { type: 'quantize', form: 'blocks', bits: 4, blockSize: 32 },
  'blocks-2': { type: 'quantize', form: 'blocks', bits: 2, blockSize: 32 },
  get static(): Settings<StaticEdit> {
    return {
      ...{ type: 'quantize', form: 'static', format: 'qdq', activationType: 'uint8' },
      ...{ granularity: 'per-tensor', range: 'minmax', isSymmetric: false },
      ...staticWeights('usual', 'uint8'),
    };
  },
  float16: { type: 'cast', to: 'float16', keepIo: true },
} as const satisfies Readonly<Record<string, Settings<DynamicInt8Edit | BlocksEdit | StaticEdit | CastEdit>>>;
