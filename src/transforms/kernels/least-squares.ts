/**
 * Weights that make up for inputs that are gone: of all weights over the inputs that stay, those whose outputs come
 * closest to what the layer gave before. With x about its mean, y about its mean, and old weights W:
 *
 *     W' = W + (E[xyᵀ]ᵀ − W G) (G + λI)⁻¹,   G = E[xxᵀ],   λ = damping · mean(diag G)
 *
 * the normal equations with a ridge that pulls towards the old weights, as layer-wise reconstruction has it (He et al.,
 * ICCV 2017). What that moves on average goes into the bias: E[y] − W' E[x]. How much ridge is told by samples that the
 * fit did not see (`ridge.ts`).
 */
import { fitted, momentsOf, type Fold, type Layer } from './ridge-fit.ts';
import { chosenRidge, type Ridge } from './ridge.ts';

export interface LeastSquaresArgs extends Layer {
  readonly folds: readonly Fold[];
  /** To choose from, ascending; the first where there is but one fold. */
  readonly dampings: readonly number[];
}

export interface LeastSquaresResult {
  /** [outputs, size]. */
  readonly weights: Float32Array;
  /** [outputs]. */
  readonly bias: Float32Array;
  readonly ridge: Ridge;
}

export function leastSquares(args: LeastSquaresArgs): LeastSquaresResult {
  const { size, outputs, groups } = args;
  const ridge = chosenRidge(args);
  const weights = args.weights.slice();
  const bias = new Float32Array(outputs);
  const each = outputs / groups;
  const all = Array.from({ length: each }, (_, o) => o);
  for (let g = 0; g < groups; g++) {
    const fit = fitted(args, momentsOf(args, args.folds, g, all), ridge.damping);
    for (let o = 0; o < each; o++) {
      const row = (g * each + o) * size;
      for (let i = 0; i < size; i++)
        weights[row + i] = (weights[row + i] as number) + (fit.moved[o * size + i] as number);
      bias[g * each + o] = (fit.bias[o] as number) + ridge.shift * (fit.shift[o] as number);
    }
  }
  return { weights, bias, ridge };
}
