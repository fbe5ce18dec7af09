/** Which layers a filter lists. */
import type { LayerRow } from '../../src/protocol.ts';
import type { LayerKind } from '../state/view-state.ts';

const kinds: Readonly<Record<LayerKind, (row: LayerRow) => boolean>> = {
  all: () => true,
  weights: (row) => row.parameterBytes > 0,
  changed: (row) => row.change !== undefined,
  quantizable: (row) => row.canQuantize,
  unknown: (row) => row.unknown !== undefined,
};

/**
 * Rows of a kind that hold every word of the filter in their name, operator, shape or type; case does not matter.
 * `-word` leaves out rows that hold it.
 */
export function matchRows(rows: readonly LayerRow[], filter: string, kind: LayerKind): readonly LayerRow[] {
  const words = filter
    .toLowerCase()
    .split(/\s+/)
    .filter((w) => w !== '' && w !== '-');
  const isOfKind = kinds[kind];
  if (words.length === 0 && kind === 'all') return rows;
  return rows.filter((row) => isOfKind(row) && words.every((word) => holds(row, word)));
}

function holds(row: LayerRow, word: string): boolean {
  const isExcluded = word.startsWith('-');
  const wanted = isExcluded ? word.slice(1) : word;
  const text = `${row.name} ${row.opType} ${row.outputShape} ${row.outputType}`.toLowerCase();
  return text.includes(wanted) !== isExcluded;
}
