/** Problems of initializers that do nothing, by their codes. */

export const UNUSED = 'unused-initializer';
/** One name twice. */
export const HIDDEN = 'duplicate-initializer';
export const EQUAL = 'equal-initializers';

const WASTE: ReadonlySet<unknown> = new Set([UNUSED, HIDDEN, EQUAL]);

export function isWaste(code: unknown): boolean {
  return WASTE.has(code);
}
