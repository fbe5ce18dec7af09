/** One fit of a group of outputs, with a given ridge; formula and source: `least-squares.ts`. */
import { lowerFactor } from './cholesky.ts';

/** What is left is not blown up further. */
const MAX_SCALE = 10;

/** Means over the rows of some samples. */
export interface Fold {
  readonly rows: number;
  /** E[xxᵀ], [groups, size + 1, size + 1], where the last column of x is 1. */
  readonly inputs: Float32Array;
  /** E[xyᵀ], [groups, size + 1, outputs / groups]. */
  readonly products: Float32Array;
}

export interface Layer {
  readonly size: number;
  /** [outputs, size]. */
  readonly weights: Float32Array;
  /** [outputs]: what it adds now. */
  readonly bias: Float32Array;
  readonly outputs: number;
  /** Of a Conv: each is fitted by itself. */
  readonly groups: number;
}

/** About the means; of the old weights' outputs what they miss: y − W x. */
export interface GroupMoments {
  readonly rows: number;
  /** [size, size]. */
  readonly gram: Float64Array;
  /** [size]. */
  readonly mean: Float64Array;
  /** [outputs looked at, size]. */
  readonly missed: Float64Array;
  /** [outputs looked at]. */
  readonly missedMean: Float64Array;
  /** b and W of these, and W G: [outputs looked at, size]. */
  readonly bias: Float64Array;
  readonly weights: Float64Array;
  readonly through: Float64Array;
  /** What rounding to float32 may add to the gram, as an eigenvalue of either sign. */
  readonly noise: number;
}

/** @param looked outputs of the group */
export function momentsOf(
  { size, weights, bias, outputs, groups }: Layer,
  folds: readonly Fold[],
  group: number,
  looked: readonly number[],
): GroupMoments {
  const [n, each] = [size + 1, outputs / groups];
  const rows = folds.reduce((sum, f) => sum + f.rows, 0);
  const gram = new Float64Array(size * size);
  const mean = new Float64Array(size);
  const missed = new Float64Array(looked.length * size);
  const missedMean = new Float64Array(looked.length);
  const own = new Float64Array(looked.length * size);
  const through = new Float64Array(looked.length * size);
  for (const { rows: count, inputs, products } of folds) {
    const share = count / rows;
    const [x, y] = [group * n * n, group * n * each];
    for (let i = 0; i < size; i++) {
      mean[i] = (mean[i] as number) + share * (inputs[x + size * n + i] as number);
      for (let k = 0; k < size; k++)
        gram[i * size + k] = (gram[i * size + k] as number) + share * (inputs[x + i * n + k] as number);
    }
    for (const [l, o] of looked.entries()) {
      missedMean[l] = (missedMean[l] as number) + share * (products[y + size * each + o] as number);
      for (let i = 0; i < size; i++)
        missed[l * size + i] =
          (missed[l * size + i] as number) + share * (products[y + i * each + o] as number);
    }
  }
  const noise = (2 ** -20 * trace(gram, size)) / Math.sqrt(size);
  for (let i = 0; i < size; i++)
    for (let k = 0; k < size; k++)
      gram[i * size + k] = (gram[i * size + k] as number) - (mean[i] as number) * (mean[k] as number);
  for (const [l, o] of looked.entries()) {
    const from = (group * each + o) * size;
    const row = l * size;
    for (let i = 0; i < size; i++) own[row + i] = weights[from + i] as number;
    for (let i = 0; i < size; i++) {
      let sum = 0;
      for (let k = 0; k < size; k++) sum += (gram[i * size + k] as number) * (own[row + k] as number);
      through[row + i] = sum;
      missed[row + i] = (missed[row + i] as number) - (mean[i] as number) * (missedMean[l] as number) - sum;
    }
    for (let i = 0; i < size; i++)
      missedMean[l] = (missedMean[l] as number) - (own[row + i] as number) * (mean[i] as number);
  }
  const ownBias = Float64Array.from(looked, (o) => bias[group * each + o] as number);
  return { rows, gram, mean, missed, missedMean, bias: ownBias, weights: own, through, noise };
}

export interface Fit {
  /** W' − W, [outputs looked at, size]. */
  readonly moved: Float64Array;
  /** The bias with which the outputs are off on average as much as they were, and what makes up for that. */
  readonly bias: Float64Array;
  readonly shift: Float64Array;
}

/** @param ridge a damping; Infinity: the weights are scaled, no more; none: they stay */
export function fitted({ size }: Pick<Layer, 'size'>, moments: GroupMoments, ridge: number | 'none'): Fit {
  const { gram, mean, missed, missedMean, weights, through, noise } = moments;
  const bias = moments.bias.slice();
  const shift = missedMean.map((m, l) => m - (bias[l] as number));
  const moved = new Float64Array(missed.length);
  if (ridge === 'none') return { moved, bias, shift };
  const more = scaleOf(moments) - 1;
  for (let i = 0; i < moved.length; i++) moved[i] = more * (weights[i] as number);
  if (ridge !== Infinity) {
    const damping = Math.max(ridge * (trace(gram, size) / size), noise) || 1;
    // the gram has no negative eigenvalues
    const factor = lowerFactor(gram, size, { ridge: damping, least: damping });
    const right = new Float64Array(size);
    for (let l = 0; l < bias.length; l++) {
      const row = l * size;
      for (let i = 0; i < size; i++)
        right[i] = (missed[row + i] as number) - more * (through[row + i] as number);
      solve(factor, size, right);
      for (let i = 0; i < size; i++) moved[row + i] = (moved[row + i] as number) + (right[i] as number);
    }
  }
  for (let l = 0; l < bias.length; l++)
    for (let i = 0; i < size; i++)
      bias[l] = (bias[l] as number) - (moved[l * size + i] as number) * (mean[i] as number);
  return { moved, bias, shift };
}

/** The one factor of all weights that brings their outputs closest. */
function scaleOf({ missed, weights, through, noise }: GroupMoments): number {
  let [along, energy, norm] = [0, 0, 0];
  for (let i = 0; i < weights.length; i++) {
    const w = weights[i] as number;
    along += w * (missed[i] as number);
    energy += w * (through[i] as number);
    norm += w * w;
  }
  // of outputs that hardly move nothing can be told
  if (energy <= noise * norm) return 1;
  return Math.min(MAX_SCALE, Math.max(0, 1 + along / energy));
}

function trace(matrix: ArrayLike<number>, size: number): number {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += matrix[i * size + i] as number;
  return sum;
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
