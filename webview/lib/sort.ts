/** The order of the table's rows. */
import type { LayerRow } from '../../src/protocol.ts';
import { columns } from '../state/columns.ts';
import type { Sort } from '../state/view-state.ts';

export type SortValue = number | string | undefined;

const collator = new Intl.Collator('en', { numeric: true });

/** Unknown last, whichever way; names with numbers in them by the number (layer.2 before layer.10). */
export function compareValues(a: SortValue, b: SortValue, isDescending: boolean): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  const order =
    typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(String(a), String(b));
  return isDescending ? -order : order;
}

/** Rows by a column; without one in the order given (execution order). Equal rows keep their order. */
export function sortRows(rows: readonly LayerRow[], sort: Sort | undefined): readonly LayerRow[] {
  if (sort === undefined) return rows;
  const valueOf = columns[sort.column].sortValue;
  return rows
    .map((row) => ({ row, value: valueOf(row) }))
    .sort((a, b) => compareValues(a.value, b.value, sort.isDescending))
    .map(({ row }) => row);
}
