/** The page is code of ours, but what it sends is checked where it would be calculated with. */
import type { EpName } from '../../src/analysis/index.ts';
import { isEpName } from '../settings.ts';

export function checkedDims(dims: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  for (const [name, size] of Object.entries(dims)) {
    if (!Number.isSafeInteger(size) || size < 1)
      throw new RangeError(`${name}: expected a whole number of at least 1, got ${String(size)}`);
  }
  return dims;
}

export function checkedEp(ep: string): EpName {
  if (!isEpName(ep)) throw new RangeError(`unknown execution provider ${ep}`);
  return ep;
}
