/** Each form that weights can take, with its usual settings: add `layers` and it is an edit. */
import type { BlocksEdit, CastEdit, DynamicInt8Edit, StaticEdit } from './recipe/recipe.ts';

/** An edit of unspecified layers. */
type Settings<E> = E extends unknown ? Omit<E, 'layers'> : never;

export const USUAL = {
  'dynamic-int8': {
    type: 'quantize',
    form: 'dynamic-int8',
    granularity: 'per-tensor',
    weightType: 'int8',
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
  },
  float16: { type: 'cast', to: 'float16', keepIo: true },
} as const satisfies Readonly<Record<string, Settings<DynamicInt8Edit | BlocksEdit | StaticEdit | CastEdit>>>;
