/**
 * What GPTQ (Frantar et al., 2022) weighs errors with: the upper triangular U with H⁻¹ = Uᵀ·U, where H are the second
 * moments of the rows that the weight is multiplied by, damped. With rows and columns in reverse order, H = L·Lᵀ gives
 * U = L⁻¹ in reverse order: one Cholesky factorization and one triangular inverse, in place.
 */
export interface GptqFactorArgs {
  /** Symmetric, [size, size]. */
  readonly matrix: Float32Array;
  readonly size: number;
}

/** Added to the diagonal, as a share of its mean; more where the matrix is singular all the same. */
const DAMPING = 0.01;
const MORE_DAMPING = 10;
const MAX_DAMPING = 1;

/** Row-major [size, size]; below the diagonal it holds nothing of meaning. @throws RangeError where H is no matrix of moments */
export function gptqFactor({ matrix, size }: GptqFactorArgs): Float32Array {
  for (let damping = DAMPING; damping <= MAX_DAMPING; damping *= MORE_DAMPING) {
    const work = reversed(matrix, size, damping);
    const diagonal = cholesky(work, size);
    if (diagonal === undefined) continue;
    invert(work, diagonal, size);
    return upperFactor(work, diagonal, size);
  }
  throw new RangeError(
    'the moments of the activations are not those of numbers: they hold NaN or an infinity',
  );
}

function reversed(matrix: Float32Array, size: number, damping: number): Float32Array {
  const work = new Float32Array(size * size);
  const last = size * size - 1;
  for (let i = 0; i <= last; i++) work[i] = matrix[last - i] as number;
  let sum = 0;
  for (let i = 0; i < size; i++) sum += work[i * size + i] as number;
  const added = sum === 0 ? 1 : (damping * sum) / size;
  for (let i = 0; i < size; i++) work[i * size + i] = (work[i * size + i] as number) + added;
  return work;
}

/** L below the diagonal, the diagonal apart; undefined where a pivot is not positive. */
function cholesky(work: Float32Array, size: number): Float64Array | undefined {
  const diagonal = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const row = i * size;
    for (let j = 0; j < i; j++) {
      const rest = (work[row + j] as number) - dot(work, row, j * size, j);
      work[row + j] = rest / (diagonal[j] as number);
    }
    const pivot = (work[row + i] as number) - dot(work, row, row, i);
    if (!(pivot > 0)) return undefined;
    diagonal[i] = Math.sqrt(pivot);
  }
  return diagonal;
}

/** X = L⁻¹, transposed, above the diagonal: X[i, j] at (j, i). Its diagonal is 1 / that of L. */
function invert(work: Float32Array, diagonal: Float64Array, size: number): void {
  for (let j = 0; j < size; j++) {
    const column = j * size;
    const first = 1 / (diagonal[j] as number);
    for (let i = j + 1; i < size; i++) {
      const row = i * size;
      const sum = (work[row + j] as number) * first + dotFrom(work, row, column, j + 1, i);
      work[column + i] = -sum / (diagonal[i] as number);
    }
  }
}

function upperFactor(work: Float32Array, diagonal: Float64Array, size: number): Float32Array {
  const factor = new Float32Array(size * size);
  const last = size - 1;
  for (let i = 0; i < size; i++) {
    factor[i * size + i] = 1 / (diagonal[last - i] as number);
    for (let j = i + 1; j < size; j++) factor[i * size + j] = work[(last - j) * size + last - i] as number;
  }
  return factor;
}

function dot(m: Float32Array, a: number, b: number, length: number): number {
  return dotFrom(m, a, b, 0, length);
}

/** Four sums at once: each waits for itself only. */
function dotFrom(m: Float32Array, a: number, b: number, from: number, to: number): number {
  let [s, t, u, v] = [0, 0, 0, 0];
  let i = from;
  for (; i + 3 < to; i += 4) {
    s += (m[a + i] as number) * (m[b + i] as number);
    t += (m[a + i + 1] as number) * (m[b + i + 1] as number);
    u += (m[a + i + 2] as number) * (m[b + i + 2] as number);
    v += (m[a + i + 3] as number) * (m[b + i + 3] as number);
  }
  for (; i < to; i++) s += (m[a + i] as number) * (m[b + i] as number);
  return s + t + u + v;
}
