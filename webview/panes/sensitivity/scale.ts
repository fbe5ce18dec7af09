/** The values' common scale, and how they are written. */
import type { SensitivityView } from '../../../src/protocol.ts';
import { sharePercent } from '../../lib/quantity.ts';

export interface Scale {
  readonly min: number;
  readonly max: number;
}

/** From a tenth below the least value to the best; never empty, so that lines that hardly fall look so. */
export function valueScale({ layers, original }: Pick<SensitivityView, 'layers' | 'original'>): Scale {
  const values = layers.flatMap((l) => l.values).filter((v) => v !== null);
  const all = original === undefined ? values : [...values, original];
  const max = Math.max(...all, 0);
  const least = Math.min(...all, max - 0.05);
  return { min: Math.floor(least * 20) / 20, max: Math.max(max, Math.ceil(max * 20) / 20) };
}

/** A share as percent, a cosine with its digits. */
export function figureOf({ measure }: Pick<SensitivityView, 'measure'>, value: number): string {
  return measure === 'accuracy' ? sharePercent(value, 1) : value.toFixed(3).replace('-', '−');
}
