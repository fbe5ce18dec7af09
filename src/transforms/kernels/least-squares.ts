/**
 * Weights that make up for inputs that are gone: of all weights over the inputs that stay, those whose outputs come
 * closest to the old ones. With second moments G of the inputs, kept K and removed R:
 *
 *     W'_K = W_K + (G_KK + λI)⁻¹ G_KR W_R,   λ = damping · mean(diag G_KK)
 *
 * the normal equations with a ridge that pulls towards the old weights, as layer-wise reconstruction has it (He et al.,
 * ICCV 2017).
 */

export interface LeastSquaresArgs {
  /** [size, size]. */
  readonly gram: Float32Array;
  readonly size: number;
  /** [outputs, size]. */
  readonly weights: Float32Array;
  readonly outputs: number;
  /** Columns that stay, ascending. */
  readonly kept: Int32Array;
  readonly damping: number;
}

/** [outputs, size] with the columns that stay made anew; the others are as they were. */
export function leastSquares(args: LeastSquaresArgs): Float32Array {
  const { gram, size, weights, outputs, kept, damping } = args;
  const n = kept.length;
  const factor = factored(gram, size, kept, damping);
  const removed = complement(kept, size);
  const result = weights.slice();
  const right = new Float64Array(n);
  for (let o = 0; o < outputs; o++) {
    const row = o * size;
    for (let i = 0; i < n; i++) {
      const at = (kept[i] as number) * size;
      let sum = 0;
      for (const r of removed) sum += (gram[at + r] as number) * (weights[row + r] as number);
      right[i] = sum;
    }
    solve(factor, n, right);
    for (let i = 0; i < n; i++) {
      const at = row + (kept[i] as number);
      result[at] = (weights[at] as number) + (right[i] as number);
    }
  }
  return result;
}

function complement(kept: Int32Array, size: number): Int32Array {
  const stays = new Uint8Array(size);
  for (const k of kept) stays[k] = 1;
  return Int32Array.from({ length: size }, (_, i) => i).filter((i) => stays[i] === 0);
}

/** The lower Cholesky factor of G_KK + λI, [n, n] in row order. */
function factored(gram: Float32Array, size: number, kept: Int32Array, damping: number): Float64Array {
  const n = kept.length;
  const lower = new Float64Array(n * n);
  let trace = 0;
  for (const k of kept) trace += gram[k * size + k] as number;
  // inputs that were never anything but zero leave a matrix of zeros
  const ridge = damping * (trace / n) || 1;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = gram[(kept[i] as number) * size + (kept[j] as number)] as number;
      if (i === j) sum += ridge;
      const [a, b] = [i * n, j * n];
      for (let k = 0; k < j; k++) sum -= (lower[a + k] as number) * (lower[b + k] as number);
      lower[a + j] = i === j ? Math.sqrt(Math.max(sum, ridge * 1e-6)) : sum / (lower[b + j] as number);
    }
  }
  return lower;
}

/** Solves L Lᵀ x = right in place. */
function solve(lower: Float64Array, n: number, right: Float64Array): void {
  for (let i = 0; i < n; i++) {
    let sum = right[i] as number;
    for (let k = 0; k < i; k++) sum -= (lower[i * n + k] as number) * (right[k] as number);
    right[i] = sum / (lower[i * n + i] as number);
  }
  for (let i = n - 1; i >= 0; i--) {
    const x = (right[i] as number) / (lower[i * n + i] as number);
    right[i] = x;
    for (let k = 0; k < i; k++) right[k] = (right[k] as number) - (lower[i * n + k] as number) * x;
  }
}
