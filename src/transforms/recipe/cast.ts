import { boolean, oneOf, optional, strings } from './checks.ts';
import type { EditCodec } from './codec.ts';
import { describeLayers, parseSelector, type LayerSelector } from './selector.ts';

export const CAST_TYPES = ['float16', 'bfloat16'] as const;
export type CastType = (typeof CAST_TYPES)[number];

/**
 * Computes in 16 bits where operators can, weights included, in bodies of If, Loop and Scan, too; others stay float32,
 * with Casts between.
 */
export interface CastEdit {
  readonly type: 'cast';
  readonly layers: LayerSelector;
  readonly to: CastType;
  /** Whether the model's float32 inputs and outputs keep their type; else they take the new one, too. */
  readonly keepIo: boolean;
  /** Of the layers, those that stay float32 all the same; an If, Loop or Scan with what is in it. */
  readonly keepFloat32?: LayerSelector | undefined;
  /** Operators that stay float32, besides those that must; If, Loop and Scan with what is in them. */
  readonly keepOps?: readonly string[] | undefined;
}

export const cast: EditCodec<CastEdit> = {
  parse: (edit, field) => ({
    type: 'cast',
    layers: parseSelector(edit['layers'], `${field}.layers`),
    to: oneOf(edit['to'], `${field}.to`, CAST_TYPES),
    keepIo: boolean(edit['keepIo'], `${field}.keepIo`),
    ...optional(edit, 'keepFloat32', field, parseSelector),
    ...optional(edit, 'keepOps', field, strings),
  }),
  describe: (edit) => {
    const io = edit.keepIo ? '' : ', inputs and outputs too,';
    const kept = [
      ...(edit.keepFloat32 === undefined ? [] : [describeLayers(edit.keepFloat32)]),
      ...(edit.keepOps ?? []),
    ];
    const but = kept.length === 0 ? '' : `, but ${kept.join(', ')}`;
    return `${edit.to}${io} for ${describeLayers(edit.layers)}${but}`;
  },
};
