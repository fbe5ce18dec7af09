/**
 * Each form that weights can take, with its usual settings: add `layers` and it is an edit. Where int8 products overflow on
 * this machine (see `Machine.int8Overflows`), weights are uint8, or keep to 7 bits where activations are uint8 by calibration:
 * on such a processor int8 per channel gave 21.0 dB for the MNIST transformer, uint8 45.3; static int8 of the Fashion-MNIST
 * CNN 15.1 dB, with 7 bits 35.0 (docs/quantization.md).
 */
import { thisMachine, type Machine } from '../machine.ts';
import type { BlocksEdit, CastEdit, DynamicInt8Edit, StaticEdit } from './recipe/recipe.ts';

/** An edit of unspecified layers. */
type Settings<E> = E extends unknown ? Omit<E, 'layers'> : never;

/** Weights of dynamic int8 that keep their accuracy. */
export function usualWeightType({ int8Overflows }: Machine = thisMachine()): 'int8' | 'uint8' {
  return int8Overflows === true ? 'uint8' : 'int8';
}

/** Whether static int8 does better with 7 of 8 bits. */
export function usualReduceRange({ int8Overflows }: Machine = thisMachine()): boolean {
  return int8Overflows === true;
}

export const USUAL = {
  'dynamic-int8': {
    type: 'quantize',
    form: 'dynamic-int8',
    granularity: 'per-tensor',
    weightType: usualWeightType(),
    reduceRange: false,
  },
  'blocks-8': { type: 'quantize', form: 'blocks', bits: 8, blockSize: 32 },
  'blocks-4': { type: 'quantize', form: 'blocks', bits: 4, blockSize: 32 },
  'blocks-2': { type: 'quantize', form: 'blocks', bits: 2, blockSize: 32 },
  static: {
    type: 'quantize',
    form: 'static',
    format: 'qdq',
    activationType: 'uint8',
    weightType: 'int8',
    granularity: 'per-tensor',
    range: 'minmax',
    isSymmetric: false,
    ...(usualReduceRange() ? { reduceRange: true } : {}),
  },
  float16: { type: 'cast', to: 'float16', keepIo: true },
} as const satisfies Readonly<Record<string, Settings<DynamicInt8Edit | BlocksEdit | StaticEdit | CastEdit>>>;
