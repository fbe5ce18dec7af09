/**
 * Weights that make up for inputs that are gone: of all weights over the inputs that stay, those whose outputs come
 * closest to what the layer gave before. With x about its mean, y about its mean, and old weights W:
 *
 *     W' = W + (E[xyᵀ]ᵀ − W G) (G + λI)⁻¹,   G = E[xxᵀ],   λ = damping · mean(diag G)
 *
 * the normal equations with a ridge that pulls towards the old weights, as layer-wise reconstruction has it (He et al.,
 * ICCV 2017). What that moves on average goes into the bias: E[y] − W' E[x].
 */
import { lowerFactor } from './cholesky.ts';

export interface LeastSquaresArgs {
  /** E[xxᵀ], [groups, size + 1, size + 1], where the last column of x is 1. */
  readonly inputs: Float32Array;
  /** E[xyᵀ], [groups, size + 1, outputs / groups]. */
  readonly products: Float32Array;
  readonly size: number;
  /** [outputs, size]. */
  readonly weights: Float32Array;
  readonly outputs: number;
  /** Of a Conv: each is fitted by itself. */
  readonly groups: number;
  readonly damping: number;
}

export interface LeastSquaresResult {
  /** [outputs, size]. */
  readonly weights: Float32Array;
  /** [outputs]. */
  readonly bias: Float32Array;
}

export function leastSquares(args: LeastSquaresArgs): LeastSquaresResult {
  const { inputs, products, size, outputs, groups } = args;
  const weights = new Float32Array(args.weights.length);
  const bias = new Float32Array(outputs);
  const [n, each] = [size + 1, outputs / groups];
  for (let g = 0; g < groups; g++) {
    const found = fitGroup({
      ...{ ...args, outputs: each },
      inputs: inputs.subarray(g * n * n, (g + 1) * n * n),
      products: products.subarray(g * n * each, (g + 1) * n * each),
      weights: args.weights.subarray(g * each * size, (g + 1) * each * size),
    });
    weights.set(found.weights, g * each * size);
    bias.set(found.bias, g * each);
  }
  return { weights, bias };
}

function fitGroup(args: LeastSquaresArgs): LeastSquaresResult {
  const { inputs, products, size, weights, outputs, damping } = args;
  const mean = Float64Array.from(inputs.subarray(size * (size + 1), size * (size + 1) + size));
  const gram = centred(inputs, mean);
  const ridge = Math.max(damping * (trace(gram, size) / size), noise(inputs, size)) || 1;
  // G has no negative eigenvalues
  const factor = lowerFactor(gram, size, { ridge, least: ridge });
  const result = new Float32Array(weights.length);
  const bias = new Float32Array(outputs);
  const right = new Float64Array(size);
  for (let o = 0; o < outputs; o++) {
    const row = o * size;
    const meanOut = products[size * outputs + o] as number;
    for (let i = 0; i < size; i++) {
      let sum = (products[i * outputs + o] as number) - (mean[i] as number) * meanOut;
      for (let k = 0; k < size; k++) sum -= (gram[i * size + k] as number) * (weights[row + k] as number);
      right[i] = sum;
    }
    solve(factor, size, right);
    let rest = meanOut;
    for (let i = 0; i < size; i++) {
      const w = (weights[row + i] as number) + (right[i] as number);
      result[row + i] = w;
      rest -= w * (mean[i] as number);
    }
    bias[o] = rest;
  }
  return { weights: result, bias };
}

/** G − m mᵀ, [size, size]. */
function centred(inputs: Float32Array, mean: Float64Array): Float64Array {
  const size = mean.length;
  const gram = new Float64Array(size * size);
  for (let i = 0; i < size; i++)
    for (let k = 0; k < size; k++)
      gram[i * size + k] = (inputs[i * (size + 1) + k] as number) - (mean[i] as number) * (mean[k] as number);
  return gram;
}

function trace(matrix: ArrayLike<number>, size: number, stride = size): number {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += matrix[i * stride + i] as number;
  return sum;
}

/**
 * What rounding to float32 may add to the centred moments, as an eigenvalue: where the inputs hardly move about their
 * means, that is all there is, of either sign.
 */
function noise(inputs: Float32Array, size: number): number {
  return (2 ** -20 * trace(inputs, size, size + 1)) / Math.sqrt(size);
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
