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
