/** A colour per operator: the costliest have their own, the rest share one. */
import type { LayerRow } from '../../../src/protocol.ts';

/** Classes that set `--tone` (see the styles). */
const tones = ['tone-1', 'tone-2', 'tone-3', 'tone-4', 'tone-5', 'tone-6'] as const;
export const otherTone = 'tone-other';

export interface OpColours {
  readonly toneOf: (opType: string) => string;
  /** Operators with a colour of their own, costliest first. */
  readonly legend: readonly { readonly opType: string; readonly tone: string }[];
  readonly hasOthers: boolean;
}

export function opColours(rows: readonly LayerRow[], value: (row: LayerRow) => number): OpColours {
  const totals = new Map<string, number>();
  for (const row of rows) totals.set(row.opType, (totals.get(row.opType) ?? 0) + value(row));
  const ranked = [...totals].filter(([, sum]) => sum > 0).sort((a, b) => b[1] - a[1]);
  const legend = ranked
    .slice(0, tones.length)
    .map(([opType], i) => ({ opType, tone: tones[i] ?? otherTone }));
  const toneOf = new Map(legend.map((l) => [l.opType, l.tone]));
  return {
    legend,
    toneOf: (opType) => toneOf.get(opType) ?? otherTone,
    hasOthers: ranked.length > tones.length,
  };
}
