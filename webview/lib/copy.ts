/** Rows of the table as text for other programs. */
import type { LayerRow } from '../../src/protocol.ts';
import { type ColumnId, columns } from '../state/columns.ts';

export type CopyFormat = 'tsv' | 'markdown';

/**
 * A header and one line per row, in the columns shown. Figures are plain numbers (bytes, MACs) in TSV, for
 * spreadsheets; Markdown too, so that both say the same.
 * @param titleOf the column's title in the language of the page
 */
export function copyRows(
  rows: readonly LayerRow[],
  shown: readonly ColumnId[],
  format: CopyFormat,
  titleOf: (id: ColumnId) => string,
): string {
  const head = shown.map(titleOf);
  const body = rows.map((row) => shown.map((id) => columns[id].copyText(row)));
  return format === 'tsv' ? tsv([head, ...body]) : markdown(head, body, shown);
}

function tsv(lines: readonly (readonly string[])[]): string {
  return lines.map((line) => line.map((cell) => cell.replace(/[\t\r\n]/g, ' ')).join('\t')).join('\n');
}

function markdown(
  head: readonly string[],
  body: readonly (readonly string[])[],
  shown: readonly ColumnId[],
): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((c) => c.replace(/\|/g, '\\|').replace(/[\r\n]/g, ' ')).join(' | ')} |`;
  const rule = shown.map((id) => (columns[id].isNumeric ? '---:' : '---'));
  return [line(head), line(rule), ...body.map(line)].join('\n');
}
