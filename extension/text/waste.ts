/** Problems that the edit `clean` solves, by their codes: what does nothing, is larger than need be, or hides layers. */

export const UNUSED = 'unused-initializer';
/** One name twice. */
export const HIDDEN = 'duplicate-initializer';
export const EQUAL = 'equal-initializers';
/** Twice the memory of float32. */
export const WIDE = 'float64-weights';
/** Layers inside are out of the reach of edits. */
export const FUNCTIONS = 'local-functions';

const WASTE: ReadonlySet<unknown> = new Set([UNUSED, HIDDEN, EQUAL, WIDE, FUNCTIONS]);

export function isWaste(code: unknown): boolean {
  return WASTE.has(code);
}
