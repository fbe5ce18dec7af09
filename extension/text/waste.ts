/** Problems of initializers that do nothing, or are larger than they need be, by their codes. */

export const UNUSED = 'unused-initializer';
/** One name twice. */
export const HIDDEN = 'duplicate-initializer';
export const EQUAL = 'equal-initializers';
/** Twice the memory of float32. */
export const WIDE = 'float64-weights';

const WASTE: ReadonlySet<unknown> = new Set([UNUSED, HIDDEN, EQUAL, WIDE]);

export function isWaste(code: unknown): boolean {
  return WASTE.has(code);
}
