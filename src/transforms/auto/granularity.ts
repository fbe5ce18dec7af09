/** Where one scale for a whole weight costs much that a scale per channel does not. */
import type { Model } from '../../onnx/model.ts';
import { applyRecipe } from '../apply.ts';
import type { LayerSelector, Recipe } from '../recipe/recipe.ts';
import { bytesOf, weightSqnr } from './weight-sqnr.ts';

/** Signal-to-noise ratios of a layer's weight, in dB. */
export interface CoarseLayer {
  /** Id in the model. */
  readonly node: string;
  readonly perTensorDb: number;
  readonly perChannelDb: number;
}

export interface CoarseLayers {
  /** The worst first. */
  readonly layers: readonly CoarseLayer[];
  /** How many of the layers that int8 can round were looked at, the smallest first, and up to which size. */
  readonly looked: { readonly layers: number; readonly of: number; readonly uptoBytes: number };
  /** Of the smallest layer that was not looked at; undefined where all were. */
  readonly nextBytes: number | undefined;
}

export interface CoarseOptions {
  /** The weights of the layers that are looked at hold so much together at most. */
  readonly budgetBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A second or so, where a layer costs some of it at all. */
const BUDGET_BYTES = 256 * 2 ** 20;
/** 8 bits of a weight whose channels are alike keep 35 to 45 dB. */
const LOW_DB = 30;
/** One bit: less would not be worth the scales. */
const GAIN_DB = 6;

/**
 * Layers whose weight keeps less than 30 dB in int8 with one scale, and at least 6 dB more with one per channel. Streams
 * each weight within the budget up to four times.
 * @throws OnnxError as weightSqnr does; the signal's reason when aborted
 */
export async function coarseLayers(
  model: Model,
  layers: LayerSelector,
  { budgetBytes = BUDGET_BYTES, signal }: CoarseOptions = {},
): Promise<CoarseLayers> {
  const { chosen, ...extent } = withinBudget(model, layers, budgetBytes);
  const perTensor = await sqnrs(model, chosen, 'per-tensor', signal);
  const low = new Map([...perTensor].filter(([, sqnrDb]) => sqnrDb < LOW_DB));
  const finer = await sqnrs(model, [...low.keys()], 'per-channel', signal);
  const found = [...low].map(([node, perTensorDb]) => {
    return { node, perTensorDb, perChannelDb: finer.get(node) ?? perTensorDb };
  });
  return {
    ...extent,
    layers: found
      .filter((l) => l.perChannelDb >= l.perTensorDb + GAIN_DB)
      .sort((a, b) => a.perTensorDb - b.perTensorDb),
  };
}

function withinBudget(model: Model, layers: LayerSelector, budgetBytes: number) {
  const { roundings } = applyRecipe(model, recipeOf(layers, 'per-tensor'));
  const all = [...roundings].map(([node, ofNode]) => ({ node, bytes: bytesOf(ofNode) }));
  all.sort((a, b) => a.bytes - b.bytes);
  let sum = 0;
  const end = all.findIndex(({ bytes }) => (sum += bytes) > budgetBytes);
  const chosen = end < 0 ? all : all.slice(0, end);
  return {
    chosen: chosen.map((l) => l.node),
    looked: { layers: chosen.length, of: all.length, uptoBytes: chosen.at(-1)?.bytes ?? 0 },
    nextBytes: all[chosen.length]?.bytes,
  };
}

async function sqnrs(
  model: Model,
  nodes: readonly string[],
  granularity: Granularity,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, number>> {
  signal?.throwIfAborted();
  if (nodes.length === 0) return new Map();
  const found = await weightSqnr(model, recipeOf({ nodes }, granularity), { signal });
  return new Map([...found].map(([node, { sqnrDb = Infinity }]) => [node, sqnrDb]));
}

type Granularity = 'per-tensor' | 'per-channel';

function recipeOf(layers: LayerSelector, granularity: Granularity): Recipe {
  return {
    version: 1,
    source: { name: '', sizeBytes: 0 },
    edits: [
      { type: 'quantize', form: 'dynamic-int8', granularity, weightType: 'int8', reduceRange: false, layers },
    ],
  };
}
