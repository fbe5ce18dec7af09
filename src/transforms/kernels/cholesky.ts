/** Symmetric positive matrices, [n, n] in row order, in float64: their Cholesky factors and what follows from these. */

export interface FactorOptions {
  /** The smallest pivot: rounding may leave less of a matrix that is all but singular. */
  readonly least: number;
  /** Added along the diagonal. Default 0. */
  readonly ridge?: number | undefined;
  /** Where the factor goes; may be the matrix itself, whose values above the diagonal then stay. */
  readonly into?: Float64Array | undefined;
}

/** L, lower triangular, with L Lᵀ = a + ridge · I. */
export function lowerFactor(
  a: Float64Array,
  n: number,
  { least, ridge = 0, into: lower = new Float64Array(n * n) }: FactorOptions,
): Float64Array {
  for (let i = 0; i < n; i++) {
    const row = i * n;
    let j = 0;
    // four columns at a time, each summed in the order in which it is alone: sums that do not wait for one another
    for (; j + 4 <= i; j += 4) {
      let s0 = a[row + j] as number;
      let s1 = a[row + j + 1] as number;
      let s2 = a[row + j + 2] as number;
      let s3 = a[row + j + 3] as number;
      const r0 = j * n;
      const r1 = r0 + n;
      const r2 = r1 + n;
      const r3 = r2 + n;
      for (let k = 0; k < j; k++) {
        const own = lower[row + k] as number;
        s0 -= own * (lower[r0 + k] as number);
        s1 -= own * (lower[r1 + k] as number);
        s2 -= own * (lower[r2 + k] as number);
        s3 -= own * (lower[r3 + k] as number);
      }
      const x0 = s0 / (lower[r0 + j] as number);
      s1 -= x0 * (lower[r1 + j] as number);
      const x1 = s1 / (lower[r1 + j + 1] as number);
      s2 -= x0 * (lower[r2 + j] as number);
      s2 -= x1 * (lower[r2 + j + 1] as number);
      const x2 = s2 / (lower[r2 + j + 2] as number);
      s3 -= x0 * (lower[r3 + j] as number);
      s3 -= x1 * (lower[r3 + j + 1] as number);
      s3 -= x2 * (lower[r3 + j + 2] as number);
      lower[row + j] = x0;
      lower[row + j + 1] = x1;
      lower[row + j + 2] = x2;
      lower[row + j + 3] = s3 / (lower[r3 + j + 3] as number);
    }
    for (; j <= i; j++) {
      const other = j * n;
      let sum = a[row + j] as number;
      if (i === j) sum += ridge;
      for (let k = 0; k < j; k++) sum -= (lower[row + k] as number) * (lower[other + k] as number);
      lower[row + j] = i === j ? Math.sqrt(Math.max(sum, least)) : sum / (lower[other + j] as number);
    }
  }
  return lower;
}

/** (L Lᵀ)⁻¹; of L only what is on and below the diagonal is read. */
export function inverseOfFactor(lower: Float64Array, n: number): Float64Array {
  // L⁻¹, a column to a row, so that sums run along memory
  const turned = new Float64Array(n * n);
  for (let c = 0; c < n; c++) {
    turned[c * n + c] = 1 / (lower[c * n + c] as number);
    for (let i = c + 1; i < n; i++) {
      let sum = 0;
      for (let k = c; k < i; k++) sum -= (lower[i * n + k] as number) * (turned[c * n + k] as number);
      turned[c * n + i] = sum / (lower[i * n + i] as number);
    }
  }
  const result = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = i; k < n; k++) sum += (turned[i * n + k] as number) * (turned[j * n + k] as number);
      result[i * n + j] = sum;
      result[j * n + i] = sum;
    }
  return result;
}
