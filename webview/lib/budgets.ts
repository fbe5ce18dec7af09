/** Memory sizes of common cards, offered as budget where the machine has no such GPU. */
export interface CommonCard {
  readonly gib: number;
  /** Names are products': the same in every language. */
  readonly examples: string;
}

export const commonCards: readonly CommonCard[] = [
  { gib: 4, examples: 'GTX 1650, Jetson Nano' },
  { gib: 6, examples: 'RTX 2060, GTX 1660' },
  { gib: 8, examples: 'RTX 4060, RTX 3070, Jetson Orin Nano' },
  { gib: 12, examples: 'RTX 3060, RTX 4070' },
  { gib: 16, examples: 'T4, RTX 4080, RX 7800 XT' },
  { gib: 24, examples: 'RTX 4090, L4, A10' },
  { gib: 32, examples: 'RTX 5090, V100' },
  { gib: 48, examples: 'L40S, RTX 6000 Ada' },
  { gib: 80, examples: 'H100, A100' },
];

export const gib = 2 ** 30;

/**
 * A size as a person types it: '8', '7.5 GB', '512 MiB', '0.5g'. A number alone is GiB. Units are binary, as cards
 * are sold.
 */
export function parseBudget(text: string): number | undefined {
  const match = /^\s*(\d+(?:[.,]\d+)?)\s*(?:([kmgt])i?b?)?\s*$/i.exec(text);
  if (match === null) return undefined;
  const value = Number((match[1] ?? '').replace(',', '.'));
  const power = { k: 1, m: 2, g: 3, t: 4 }[(match[2] ?? 'g').toLowerCase()] ?? 3;
  const bytes = Math.round(value * 1024 ** power);
  return Number.isFinite(bytes) && bytes > 0 ? bytes : undefined;
}
