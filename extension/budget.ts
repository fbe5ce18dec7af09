/** Memory budgets and batch sizes as a person types them. */

/** "8", "8 GB", "512MiB" → bytes; undefined where it is no size. A bare number is GiB, as graphics cards are sold. */
export function parseBudget(text: string): number | undefined {
  const m = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?)?$/i.exec(text.trim());
  if (m === null) return undefined;
  const unit = m[2]?.toLowerCase();
  const exponent = unit === undefined ? 3 : 'kmgt'.indexOf(unit) + 1;
  const bytes = Math.round(Number(m[1]) * 1024 ** exponent);
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** "1, 8, 32" → [1, 8, 32], ascending, without repeats; undefined where a part is no whole number of at least 1. */
export function parseBatchSizes(text: string): number[] | undefined {
  const parts = text.split(/[\s,;，、]+/).filter((p) => p !== '');
  const sizes = parts.map((p) => (/^\d+$/.test(p) ? Number(p) : Number.NaN));
  if (sizes.length === 0 || sizes.some((n) => !Number.isSafeInteger(n) || n < 1)) return undefined;
  return [...new Set(sizes)].sort((a, b) => a - b);
}

/** What people buy and rent, by memory. */
export const commonCards: readonly { readonly name: string; readonly gibibytes: number }[] = [
  { name: 'GeForce RTX 3050 / Jetson Orin Nano', gibibytes: 8 },
  { name: 'GeForce RTX 3060 / 4070', gibibytes: 12 },
  { name: 'Tesla T4 / RTX 4080', gibibytes: 16 },
  { name: 'GeForce RTX 3090 / 4090 / L4 / A10', gibibytes: 24 },
  { name: 'GeForce RTX 5090', gibibytes: 32 },
  { name: 'L40S / RTX A6000', gibibytes: 48 },
  { name: 'A100 / H100', gibibytes: 80 },
  { name: 'H200', gibibytes: 141 },
];
