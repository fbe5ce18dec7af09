import { oneOf } from './checks.ts';
import type { EditCodec } from './codec.ts';
import { describeLayers, parseSelector, type LayerSelector } from './selector.ts';

/**
 * Computes in float16 where operators can, weights included; others stay float32, with Casts between. Subgraphs (If,
 * Loop, Scan) stay float32.
 */
export interface CastEdit {
  readonly type: 'cast';
  readonly layers: LayerSelector;
  readonly to: 'float16';
  /** The model's inputs and outputs keep their types. */
  readonly keepIo: true;
}

export const cast: EditCodec<CastEdit> = {
  parse: (edit, field) => ({
    type: 'cast',
    layers: parseSelector(edit['layers'], `${field}.layers`),
    to: oneOf(edit['to'], `${field}.to`, ['float16']),
    keepIo: oneOf(edit['keepIo'], `${field}.keepIo`, [true]),
  }),
  describe: (edit) => `${edit.to} for ${describeLayers(edit.layers)}`,
};
