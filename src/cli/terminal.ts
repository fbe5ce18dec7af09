/** Tables, bars and colours for the terminal. */
import { isatty } from 'node:tty';
import { stripVTControlCharacters } from 'node:util';
import { createColors } from 'picocolors';

/**
 * Colour where a person reads: on a terminal, unless NO_COLOR says otherwise; elsewhere only where FORCE_COLOR asks.
 * (picocolors by itself also paints wherever CI is set, files and pipes included.)
 */
function wantsColour(): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR) return FORCE_COLOR !== '0';
  return isatty(1) && TERM !== 'dumb';
}

export const colour = createColors(wantsColour());

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Longer cells are cut in the middle, so that both ends of a path stay readable. */
  readonly maxWidth?: number;
  /** Left out where the terminal is too narrow for the whole table; the highest number first. */
  readonly dropFirst?: number;
}

/** Columns of the terminal; unlimited where the output goes to a file or another program. */
function terminalWidth(): number {
  // 0: a terminal that does not tell
  return process.stdout.isTTY && process.stdout.columns > 0 ? process.stdout.columns : Infinity;
}

/** Lines of a table: a dim heading, two spaces between columns, no frame. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  limit: number = terminalWidth(),
): string[] {
  const cut = rows.map((row) => columns.map((c, i) => ellipsis(row[i] ?? '', c.maxWidth ?? Infinity)));
  const widths = columns.map((c, i) => Math.max(width(c.title), ...cut.map((row) => width(row[i] ?? ''))));
  const shown = fitting(columns, widths, limit);
  const line = (cells: readonly string[]): string =>
    shown
      .map((i) => pad(cells[i] ?? '', widths[i] ?? 0, columns[i]?.align ?? 'left'))
      .join('  ')
      .trimEnd();
  return [colour.dim(line(columns.map((c) => c.title))), ...cut.map(line)];
}

/** Indexes of the columns that fit side by side. */
function fitting(columns: readonly Column[], widths: readonly number[], limit: number): number[] {
  const shown = columns.map((_, i) => i);
  const total = () => shown.reduce((sum, i) => sum + (widths[i] ?? 0) + 2, -2);
  const expendable = columns
    .map((c, i) => ({ i, order: c.dropFirst ?? 0 }))
    .filter((c) => c.order > 0)
    .sort((a, b) => b.order - a.order);
  for (const { i } of expendable) {
    if (total() <= limit) break;
    shown.splice(shown.indexOf(i), 1);
  }
  return shown;
}

/** A paragraph in lines no longer than the terminal (at most `limit`), later lines indented as the first one's text. */
export function wrap(text: string, indent = 0, limit: number = Math.min(terminalWidth(), 110)): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && width(longer) > limit - indent) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line].map((l, i) => (i === 0 ? l : ' '.repeat(indent) + l));
}

/** A bar of `cells` cells for `share` in 0..1, in eighths. */
export function bar(share: number, cells: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * cells * 8);
  const rest = ' ▏▎▍▌▋▊▉'[eighths % 8] ?? '';
  return ('█'.repeat(Math.floor(eighths / 8)) + rest.trim()).padEnd(cells);
}

function ellipsis(text: string, max: number): string {
  if (width(text) <= max) return text;
  const plain = stripVTControlCharacters(text);
  const head = Math.ceil((max - 1) / 2);
  return `${plain.slice(0, head)}…${plain.slice(plain.length - (max - 1 - head))}`;
}

function pad(text: string, to: number, align: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, to - width(text)));
  return align === 'left' ? text + space : space + text;
}

/** Columns taken on screen: wide (CJK) characters count two. */
export function width(text: string): number {
  let columns = 0;
  for (const ch of stripVTControlCharacters(text))
    columns += /[\u1100-\u115f\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60\uffe0-\uffe6]/.test(ch)
      ? 2
      : 1;
  return columns;
}

/** Redraws one line on a terminal's stderr; silent otherwise. */
export function progressLine(): ((p: { fraction: number; message?: string }) => void) | undefined {
  if (!process.stderr.isTTY) return undefined;
  return ({ fraction, message = '' }) => {
    const text =
      fraction >= 1 ? '' : colour.dim(`${String(Math.round(fraction * 100)).padStart(3)} % ${message}`);
    process.stderr.write(`\r\u001b[2K${ellipsis(text, process.stderr.columns - 1)}`);
  };
}
