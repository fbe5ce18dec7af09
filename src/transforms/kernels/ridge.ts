/**
 * How much of a fit a layer gets: as much as makes it best on samples that it did not see (cross-validation; Stone, 1974).
 * The moments of each fold tell the error there, so nothing runs again: with W' = W + D and r = y − W x, fitted on the
 * other folds, about this fold's means
 *
 *     E|y − W'x − b'|² = E|r|² − 2 tr D E[xrᵀ] + tr D G Dᵀ + |E[r] − D E[x] − b'|²
 *
 * of which E|r|² is the same for all of them.
 */
import type { LeastSquaresArgs } from './least-squares.ts';
import { fitted, momentsOf, type Fit, type Fold, type GroupMoments } from './ridge-fit.ts';

export interface Ridge {
  /** Infinity: one factor for all weights of a group; none: they stay. */
  readonly damping: number | 'none';
  /** How much of what the outputs are off on average goes into the bias, 0 to 1. */
  readonly shift: number;
}

/** Outputs of a group that are looked at: as good as all of them to tell one ridge from another, and much quicker. */
const MAX_LOOKED = 16;
/** Of the most that can be gained: more ridge than that takes moves what hardly varies, which others may depend on. */
const ENOUGH = 0.99;
/** Steps from no shift to all of it: what rounding makes of the moments is not to show. */
const SHIFTS = 4;
/** Moments about the means are kept from one ridge to the next where they take no more. */
const MAX_KEPT_BYTES = 128 * 1024 ** 2;

export function chosenRidge(args: LeastSquaresArgs): Ridge {
  const { dampings } = args;
  const folds = args.folds.filter((f) => f.rows > 0);
  const [least = Infinity] = dampings;
  if (folds.length < 2) return { damping: least, shift: 1 };
  const heldOut = new HeldOut({ ...args, folds });
  const asItIs = heldOut.judge('none');
  const judged = [heldOut.judge(Infinity)];
  // from the smallest on, for as long as more ridge makes it better
  let before = Infinity;
  for (const damping of dampings) {
    const own = heldOut.judge(damping);
    judged.push(own);
    if (own.error >= before) break;
    before = own.error;
  }
  const most = asItIs.error - Math.min(...judged.map((j) => j.error));
  if (most <= 0) return { damping: 'none', shift: asItIs.shift };
  const good = judged.filter((j) => asItIs.error - j.error >= ENOUGH * most);
  const { damping, shift } = good.reduce((a, b) => (b.damping < a.damping ? b : a));
  return { damping, shift };
}

interface Judged<D> {
  readonly damping: D;
  readonly shift: number;
  /** Up to what is the same for all of them. */
  readonly error: number;
}

/** Of a group: what is fitted to, and what it is judged by. */
interface Sides {
  readonly others: GroupMoments;
  readonly seen: GroupMoments;
}

class HeldOut {
  private readonly args: LeastSquaresArgs;
  private readonly looked: readonly number[];
  private readonly kept = new Map<string, Sides>();
  private readonly isKeeping: boolean;

  constructor(args: LeastSquaresArgs) {
    this.args = args;
    const { size, outputs, groups, folds } = args;
    const each = outputs / groups;
    const count = Math.min(each, MAX_LOOKED);
    this.looked = Array.from({ length: count }, (_, l) => Math.floor((l * each) / count));
    this.isKeeping = 2 * 8 * folds.length * groups * size * size <= MAX_KEPT_BYTES;
  }

  judge<D extends Ridge['damping']>(damping: D): Judged<D> {
    const { folds, size, groups } = this.args;
    // of the error's part on average, by how much of the shift is made: a + b · shift + c · shift²
    let [a, b, c] = [0, 0, 0];
    for (let g = 0; g < groups; g++)
      for (const [k, { rows }] of folds.entries()) {
        const { others, seen } = this.sides(g, k);
        const fit = fitted(this.args, others, damping);
        a += rows * errorAbout(seen, fit, size);
        for (const [l, shift] of fit.shift.entries()) {
          let left = (seen.missedMean[l] as number) - (fit.bias[l] as number);
          for (let i = 0; i < size; i++)
            left -= (fit.moved[l * size + i] as number) * (seen.mean[i] as number);
          a += rows * left * left;
          b -= 2 * rows * left * shift;
          c += rows * shift * shift;
        }
      }
    const best = c > 0 ? Math.min(1, Math.max(0, -b / (2 * c))) : 0;
    const shift = Math.round(SHIFTS * best) / SHIFTS;
    return { damping, shift, error: a + b * shift + c * shift * shift };
  }

  private sides(group: number, fold: number): Sides {
    const key = `${group} ${fold}`;
    const found = this.kept.get(key);
    if (found !== undefined) return found;
    const { folds } = this.args;
    const of = (own: readonly Fold[]): GroupMoments => momentsOf(this.args, own, group, this.looked);
    const made = {
      others: of(folds.filter((_, k) => k !== fold)),
      seen: of(folds.slice(fold, fold + 1)),
    };
    if (this.isKeeping) this.kept.set(key, made);
    return made;
  }
}

/** −2 tr D E[xrᵀ] + tr D G Dᵀ */
function errorAbout({ gram, missed }: GroupMoments, { moved, shift }: Fit, size: number): number {
  let error = 0;
  for (let l = 0; l < shift.length; l++)
    for (let i = 0; i < size; i++) {
      const own = moved[l * size + i] as number;
      if (own === 0) continue;
      let sum = -2 * (missed[l * size + i] as number);
      for (let k = 0; k < size; k++) sum += (gram[i * size + k] as number) * (moved[l * size + k] as number);
      error += own * sum;
    }
  return error;
}
