/** Rows of scores: as probabilities, and where a class comes in them. */

/** How far from 1 the sum of a row of probabilities may be, float16 included. */
const sumTolerance = 1e-2;

/** Whether a row is one of probabilities rather than of logits. */
export function areProbabilities(row: ArrayLike<number>): boolean {
  let sum = 0;
  for (let i = 0; i < row.length; i++) {
    const v = row[i] ?? Number.NaN;
    if (!(v >= 0 && v <= 1 + sumTolerance)) return false;
    sum += v;
  }
  return Math.abs(sum - 1) <= sumTolerance;
}

/** log p of each class, of logits (log-softmax) or probabilities. */
export function logProbabilities(row: ArrayLike<number>): Float64Array {
  const out = new Float64Array(row.length);
  if (areProbabilities(row)) {
    // a probability that was rounded to 0 is small, not impossible
    for (let i = 0; i < out.length; i++) out[i] = Math.log(Math.max(row[i] ?? 0, Number.MIN_VALUE));
    return out;
  }
  let max = -Infinity;
  for (let i = 0; i < out.length; i++) max = Math.max(max, row[i] ?? Number.NaN);
  let sum = 0;
  for (let i = 0; i < out.length; i++) sum += Math.exp((row[i] ?? Number.NaN) - max);
  const shift = max + Math.log(sum);
  for (let i = 0; i < out.length; i++) out[i] = (row[i] ?? Number.NaN) - shift;
  return out;
}

/** Σ p·(log p − log q), in nats. */
export function klDivergence(p: ArrayLike<number>, q: ArrayLike<number>): number {
  const [logP, logQ] = [logProbabilities(p), logProbabilities(q)];
  let sum = 0;
  for (let i = 0; i < logP.length; i++) {
    const a = logP[i] ?? Number.NaN;
    // a class without any probability adds nothing, however unlikely the other one finds it
    if (a > -Infinity) sum += Math.exp(a) * (a - (logQ[i] ?? Number.NaN));
  }
  return Math.max(0, sum);
}

/** How many classes come before `index`: 0 for the largest; of equals, the first comes first. Row length where NaN. */
export function rankOf(row: ArrayLike<number>, index: number): number {
  const value = row[index];
  if (value === undefined || Number.isNaN(value)) return row.length;
  let rank = 0;
  for (let i = 0; i < row.length; i++) {
    const v = row[i] ?? Number.NaN;
    if (v > value || (v === value && i < index) || Number.isNaN(v)) rank++;
  }
  return rank;
}
