/** Where one scale for a whole weight costs much that a scale per channel does not. */
import type { Model } from '../../onnx/model.ts';
import type { LayerSelector, Recipe } from '../recipe/recipe.ts';
import { weightSqnr } from './weight-sqnr.ts';

/** Signal-to-noise ratios of a layer's weight, in dB. */
export interface CoarseLayer {
  /** Id in the model. */
  readonly node: string;
  readonly perTensorDb: number;
  readonly perChannelDb: number;
}

/** 8 bits of a weight whose channels are alike keep 35 to 45 dB. */
const LOW_DB = 30;
/** One bit: less would not be worth the scales. */
const GAIN_DB = 6;

/**
 * Layers whose weight keeps less than 30 dB in int8 with one scale, and at least 6 dB more with one per channel; the worst
 * first. Streams each weight up to four times.
 * @throws OnnxError as weightSqnr does
 */
export async function coarseLayers(
  model: Model,
  layers: LayerSelector,
  signal?: AbortSignal,
): Promise<CoarseLayer[]> {
  const perTensor = await weightSqnr(model, recipeOf(layers, 'per-tensor'), { signal });
  const low = new Map<string, number>();
  for (const [node, { sqnrDb = Infinity }] of perTensor) if (sqnrDb < LOW_DB) low.set(node, sqnrDb);
  if (low.size === 0) return [];
  const finer = await weightSqnr(model, recipeOf({ nodes: [...low.keys()] }, 'per-channel'), { signal });
  const found = [...low].map(([node, perTensorDb]) => {
    return { node, perTensorDb, perChannelDb: finer.get(node)?.sqnrDb ?? perTensorDb };
  });
  return found
    .filter((l) => l.perChannelDb >= l.perTensorDb + GAIN_DB)
    .sort((a, b) => a.perTensorDb - b.perTensorDb);
}

function recipeOf(layers: LayerSelector, granularity: 'per-tensor' | 'per-channel'): Recipe {
  return {
    version: 1,
    source: { name: '', sizeBytes: 0 },
    edits: [
      { type: 'quantize', form: 'dynamic-int8', granularity, weightType: 'int8', reduceRange: false, layers },
    ],
  };
}
