/**
 * How much of each layer's weight survives a recipe.
 *
 *     for (const [node, { sqnrDb }] of await weightSqnr(model, recipe)) … // '/encoder/MatMul' → 38.2
 */
import { tensorByteLength } from '../../onnx/index.ts';
import type { Model } from '../../onnx/model.ts';
import { applyRecipe } from '../apply.ts';
import type { Rounding } from '../context.ts';
import type { Recipe } from '../recipe/recipe.ts';
import { RoundingSqnrs } from './noise.ts';

export interface PassOptions {
  readonly signal?: AbortSignal | undefined;
  /** After each layer: bytes of weights read, of all that are to be. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
  /** Called with each layer's figure as soon as it is known. */
  readonly onLayer?: ((node: string, found: LayerSqnr) => void) | undefined;
}

export interface LayerSqnr {
  /** Of the layer's weight, as written against as it was, in dB; Infinity where nothing is lost. */
  readonly sqnrDb: number;
}

/**
 * By node id in the original model, every layer that the recipe rounds: to dynamic and static int8, to blocks by plain
 * or HQQ rounding, to floats of 16 bits. Pruned layers, and weights that calibration data change before or as they are
 * rounded (SmoothQuant, equalisation, GPTQ), are left out. Streams each weight once or twice.
 * @throws OnnxError where a weight holds NaN or an infinity, or cannot be read
 */
export async function weightSqnr(
  model: Model,
  recipe: Recipe,
  options: PassOptions = {},
): Promise<ReadonlyMap<string, LayerSqnr>> {
  const { roundings } = applyRecipe(model, recipe);
  const found = new Map<string, LayerSqnr>();
  const sqnrs = new RoundingSqnrs();
  const total = [...roundings.values()].reduce((sum, r) => sum + bytesOf(r), 0);
  let done = 0;
  for (const [node, ofNode] of roundings) {
    const sqnrDb = await sqnrs.of(ofNode, options.signal);
    found.set(node, { sqnrDb });
    done += bytesOf(ofNode);
    options.onLayer?.(node, { sqnrDb });
    options.onProgress?.(done, total);
  }
  return found;
}

function bytesOf(roundings: readonly Rounding[]): number {
  return roundings.reduce((sum, { source }) => sum + tensorByteLength(source.tensor), 0);
}
