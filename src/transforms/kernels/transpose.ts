/** Turns rows into columns while a matrix streams by: a band of the result's rows is filled at each pass. */

/** Rows `[firstRow, firstRow + rows)` of the transposed bytes, each `columns` long. */
export interface Band {
  readonly firstRow: number;
  readonly rows: number;
  readonly columns: number;
  readonly bytes: Uint8Array;
}

/**
 * Puts the part of `bytes` that belongs into the band at its place.
 * @param bytes consecutive elements of the source matrix [columns, sourceColumns], one byte each
 * @param start index of the first one
 */
export function transposeInto(band: Band, bytes: Uint8Array, start: number, sourceColumns: number): void {
  const { firstRow, rows, columns } = band;
  let row = Math.floor(start / sourceColumns);
  let column = start % sourceColumns;
  let i = 0;
  while (i < bytes.length) {
    const until = Math.min(sourceColumns, column + bytes.length - i);
    const from = Math.max(column, firstRow);
    const to = Math.min(until, firstRow + rows);
    for (let c = from; c < to; c++) {
      band.bytes[(c - firstRow) * columns + row] = bytes[i + c - column] as number;
    }
    i += until - column;
    column = 0;
    row++;
  }
}

/** Rows of the result that are written side by side: a cache line of the source. */
export const SIDE = 16;

/** [rows, columns] → [columns, rows]. */
export function turned<T extends Float32Array | Uint8Array>(
  from: T,
  to: T,
  rows: number,
  columns: number,
): T {
  for (let first = 0; first < columns; first += SIDE) {
    const end = Math.min(columns, first + SIDE);
    for (let row = 0; row < rows; row++) {
      const at = row * columns;
      for (let c = first; c < end; c++) to[c * rows + row] = from[at + c] as number;
    }
  }
  return to;
}
