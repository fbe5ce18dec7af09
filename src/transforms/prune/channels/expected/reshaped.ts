/** Reshape of what is expected: dims between which sizes agree are taken apart and put together as the values are. */
import { sameDim } from '../../../../analysis/dim.ts';
import type { Dim } from '../../../../analysis/types.ts';
import { countOf, stretched, Unfit, type Spread } from './spread.ts';

/** @param from,to the whole sizes of both shapes */
export function reshaped(spread: Spread, from: readonly Dim[], to: readonly Dim[]): Spread {
  const dims = to.map(() => 1);
  const full = spread.dims.slice();
  for (const { before, after } of segments(from, to)) {
    const own = before.filter((k) => (spread.dims[k] ?? 1) > 1);
    if (own.length === 0) continue;
    for (const k of before) full[k] = sizeOf(from[k]);
    for (const k of after) dims[k] = sizeOf(to[k]);
  }
  const stretch = stretched(spread, full);
  if (countOf(dims) !== countOf(full)) throw new Unfit();
  return { ...stretch, dims };
}

function sizeOf(dim: Dim | undefined): number {
  if (typeof dim !== 'number') throw new Unfit();
  return dim;
}

interface Segment {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** From the last dim on: as few dims of both sides as have one size; what is left at the front is one segment. */
function segments(from: readonly Dim[], to: readonly Dim[]): Segment[] {
  const found: Segment[] = [];
  let [i, j] = [from.length - 1, to.length - 1];
  while (i >= 0 && j >= 0) {
    const [before, after] = [[i], [j]];
    const [a, b] = [from[i], to[j]];
    if (a !== undefined && b !== undefined && typeof a !== 'number' && typeof b !== 'number') {
      if (!sameDim(a, b)) break;
    } else {
      let [x, y] = [numberOf(a), numberOf(b)];
      while (x !== y && !Number.isNaN(x + y)) {
        if (x < y) {
          before.push(--i);
          x *= numberOf(from[i]);
        } else {
          after.push(--j);
          y *= numberOf(to[j]);
        }
      }
      if (x !== y) {
        i = before[0] ?? 0;
        j = after[0] ?? 0;
        break;
      }
    }
    found.push({ before, after });
    i--;
    j--;
  }
  const rest = (n: number): number[] => Array.from({ length: n + 1 }, (_, k) => k);
  return [...found, { before: rest(i), after: rest(j) }];
}

const numberOf = (dim: Dim | undefined): number => (typeof dim === 'number' ? dim : NaN);
