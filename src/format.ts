/** How figures are written, the same everywhere a person reads them: editor, text view, hover, terminal. */

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** 1536 → '1.50 KiB'; three significant digits, binary units; '0 B' for zero, with '−' where negative. */
export function formatBytes(bytes: number): string {
  const sign = bytes < 0 ? '−' : '';
  let value = Math.abs(bytes);
  let unit = 0;
  // 1023.5 of a unit would be written as 1024
  while (Math.round(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${sign}${value.toFixed(digits)} ${units[unit] ?? 'B'}`;
}

const magnitudes = ['', ' K', ' M', ' G', ' T', ' P'] as const;

/** 157_306 → '157 K'; decimal magnitudes, three significant digits, whole numbers below 1000. */
export function formatCount(count: number): string {
  let value = count;
  let magnitude = 0;
  while (Math.round(value) >= 1000 && magnitude < magnitudes.length - 1) {
    value /= 1000;
    magnitude++;
  }
  const digits = magnitude === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)}${magnitudes[magnitude] ?? ''}`;
}

/** A share of 1 as '73.4 %'; '100 %' and '0 %' without decimals. */
export function formatPercent(share: number): string {
  const percent = share * 100;
  return `${Number.isInteger(percent) ? String(percent) : percent.toFixed(1)} %`;
}

/** A change as a share of what was: 4.8 to 1.2 → '−75 %'; '–' where there was nothing. */
export function formatChange(before: number, after: number): string {
  if (before === 0) return '–';
  const share = (after - before) / before;
  return `${share > 0 ? '+' : share < 0 ? '−' : '±'}${formatPercent(Math.abs(share))}`;
}

/** [8, 64, 28, 28] → '8 × 64 × 28 × 28'; '?' for a dim that is not known; 'scalar' where there is none. */
export function formatShape(dims: readonly (number | null)[]): string {
  return dims.length === 0 ? 'scalar' : dims.map((d) => (d === null ? '?' : String(d))).join(' × ');
}
