/**
 * In which order parts of sums go, so that the sums are moved least: always the one that, with those gone before it,
 * costs least. What a part brings to the outputs has a mean, a vector; the means of all parts gone add up, or make up for
 * each other. About its mean it varies by itself. With S gone, that costs Σ_S spread + |Σ_S mean|².
 */

export interface ShiftArgs {
  /** [units] what each unit varies by, a share of the whole. */
  readonly spread: Float64Array;
  /** [units, width], of squares in the same measure. */
  readonly mean: Float32Array;
  readonly width: number;
}

/** By unit: the cost of all units gone once it goes, too; rising in the order in which they go. */
export function leastShift({ spread, mean, width }: ShiftArgs): Float64Array {
  const units = spread.length;
  const scores = new Float64Array(units);
  const alone = spread.map((v, u) => v + dot(mean, mean, u * width, u * width, width));
  // what going now costs beside `alone`: twice its product with the means gone
  const beside = new Float64Array(units);
  const left = Int32Array.from({ length: units }, (_, u) => u);
  let [cost, last] = [0, 0];
  for (let count = units; count > 0; count--) {
    let [least, place] = [Infinity, 0];
    for (let p = 0; p < count; p++) {
      const u = left[p] ?? 0;
      const own = (alone[u] ?? 0) + (beside[u] ?? 0);
      if (own < least) [least, place] = [own, p];
    }
    const unit = left[place] ?? 0;
    left.copyWithin(place, place + 1, count);
    cost += least;
    // means that make up for each other bring the cost down: the order stays
    last = Math.max(cost, last + Math.max(last * Number.EPSILON, Number.MIN_VALUE));
    scores[unit] = last;
    if (width === 0) continue;
    for (let p = 0; p < count - 1; p++) {
      const u = left[p] ?? 0;
      beside[u] = (beside[u] ?? 0) + 2 * dot(mean, mean, unit * width, u * width, width);
    }
  }
  return scores;
}

function dot(a: Float32Array, b: Float32Array, i: number, j: number, count: number): number {
  let sum = 0;
  for (let k = 0; k < count; k++) sum += (a[i + k] ?? 0) * (b[j + k] ?? 0);
  return sum;
}
