/**
 * How much of each layer's weight survives a recipe.
 *
 *     for (const [node, { sqnrDb }] of await weightSqnr(model, recipe)) … // '/encoder/MatMul' → 38.2
 */
import { tensorByteLength } from '../../onnx/index.ts';
import type { Model } from '../../onnx/model.ts';
import { applyRecipe, type ApplyOptions } from '../apply.ts';
import type { Rounding } from '../context.ts';
import type { Recipe } from '../recipe/recipe.ts';
import { RoundingSqnrs } from './noise.ts';

export interface PassOptions {
  /** What calibration data told, where the recipe needs any and they have run. */
  readonly data?: ApplyOptions | undefined;
  readonly signal?: AbortSignal | undefined;
  /** After each layer: bytes of weights read, of all that are to be. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
  /** Called with each layer's figure as soon as it is known. */
  readonly onLayer?: ((node: string, found: LayerSqnr) => void) | undefined;
}

export interface LayerSqnr {
  /**
   * Of the layer's weight, as written against as it was, in dB; Infinity where nothing is lost, as where only channels
   * are gone. Undefined where calibration data make the weight what it is, and have not run.
   */
  readonly sqnrDb: number | undefined;
}

/**
 * By node id in the original model, every layer that the recipe rounds or prunes: against the original's weight, where
 * channels went against those that are left. The factors of SmoothQuant and equalisation, which activations undo, are
 * taken off first. Streams each weight once or twice, a pruned or rescaled one up to four times; GPTQ and those of
 * patterns, Wanda and SparseGPT work as when they are written, and hold as much.
 * @throws OnnxError where a weight holds NaN or an infinity, or cannot be read
 */
export async function weightSqnr(
  model: Model,
  recipe: Recipe,
  options: PassOptions = {},
): Promise<ReadonlyMap<string, LayerSqnr>> {
  const { roundings, calibrated } = applyRecipe(model, recipe, options.data);
  const found = new Map<string, LayerSqnr>();
  const sqnrs = new RoundingSqnrs();
  const total = [...roundings.values()].reduce((sum, r) => sum + bytesOf(r), 0);
  let done = 0;
  for (const [node, ofNode] of roundings) {
    const isKnown = !calibrated.has(node) || options.data !== undefined;
    const sqnrDb = isKnown ? await sqnrs.of(ofNode, options.signal) : undefined;
    found.set(node, { sqnrDb });
    done += bytesOf(ofNode);
    options.onLayer?.(node, { sqnrDb });
    options.onProgress?.(done, total);
  }
  return found;
}

/** Of the weights that are rounded, as they are stored. */
export function bytesOf(roundings: readonly Rounding[]): number {
  return roundings.reduce((sum, { source }) => sum + tensorByteLength(source.tensor), 0);
}
