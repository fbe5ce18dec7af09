/** Figures as a number and a unit, so that numbers can stand under each other. */
import { formatBytes, formatCount, formatPercent } from '../../src/format.ts';

export interface Quantity {
  readonly number: string;
  readonly unit: string;
}

/** 1536 → { number: '1.50', unit: 'KiB' } */
export function bytesOf(bytes: number): Quantity {
  return split(formatBytes(bytes));
}

/** 157306 → { number: '157', unit: 'K' } */
export function countOf(count: number): Quantity {
  return split(formatCount(count));
}

function split(text: string): Quantity {
  const at = text.lastIndexOf(' ');
  return at < 0 ? { number: text, unit: '' } : { number: text.slice(0, at), unit: text.slice(at + 1) };
}

/** Change as a share of what was: 0.25 less → '−25 %'; '±0 %' where nothing to speak of changed. */
export function signedPercent(before: number, after: number): string {
  if (before === after) return '±0 %';
  if (before === 0) return '+∞ %';
  const percent = (100 * (after - before)) / before;
  if (Math.abs(percent) < 0.05) return '±0 %';
  const digits = Math.abs(percent) >= 9.95 ? 0 : 1;
  const size = Math.abs(percent).toFixed(digits);
  return `${percent < 0 ? '−' : '+'}${size} %`;
}

/** A part of a whole to a tenth of a percent: '12.5 %'; '< 0.1 %' of little, which is not nothing. */
export function sharePercent(part: number, whole: number): string {
  const share = whole === 0 ? 0 : Math.round((1000 * part) / whole) / 1000;
  return share === 0 && part > 0 ? '< 0.1 %' : formatPercent(share);
}

/** '38.2 dB'; '∞ dB' where nothing is lost; '' where it is not known. */
export function decibels(value: number | 'inf' | undefined): string {
  if (value === undefined) return '';
  return `${value === 'inf' ? '∞' : value.toFixed(1).replace('-', '−')} dB`;
}
