/** AttributeProto.AttributeType, by the names that this reader uses. */
import type { Attribute } from './model.ts';

export type AttributeKind = Exclude<Attribute['kind'], 'ref' | 'unknown'>;

export const ATTRIBUTE_TYPES: Readonly<Record<AttributeKind, number>> = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
  sparseTensor: 11,
  sparseTensors: 12,
  type: 13,
  types: 14,
};

export const ATTRIBUTE_KINDS: Readonly<Record<number, AttributeKind | undefined>> = Object.fromEntries(
  (Object.entries(ATTRIBUTE_TYPES) as [AttributeKind, number][]).map(([kind, type]) => [type, kind]),
);
