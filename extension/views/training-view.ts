/** What training takes, the key-value cache, and which cards hold so much. */
import {
  cardsThatFit,
  kvCache,
  trainingEstimate,
  type Analysis,
  type TrainingEstimate,
} from '../../src/analysis/index.ts';
import type { CacheView, CardsView, TrainingChoice, TrainingView } from '../../src/protocol.ts';

export interface Trained {
  readonly original: Analysis;
  /** As it is edited. */
  readonly changed: Analysis;
  readonly dims: Readonly<Record<string, number>>;
}

/** Of the original, since a quantized model is not trained; the cache is the edited model's. */
export function trainingView({ original, changed, dims }: Trained, choice: TrainingChoice): TrainingView {
  const { optimizer, optimizerBits, precision, isCheckpointed } = choice;
  const estimate = trainingEstimate(original, {
    ...{ dims, optimizer, optimizerBits, precision },
    checkpointing: isCheckpointed ? 'sqrt' : 'none',
  });
  return {
    parts: partsOf(estimate),
    peakBytes: estimate.peak.bytes,
    isAtLeast: estimate.peak.certainty === 'atLeast',
    segments: estimate.segments,
    trainableCount: estimate.trainableCount,
    frozenCount: estimate.frozenCount,
    cards: estimate.peak.bytes === undefined ? [] : cardsView(estimate.peak.bytes),
    cache: cacheView(changed, dims),
  };
}

function partsOf(estimate: TrainingEstimate): TrainingView['parts'] {
  const figures = [
    ['weights', estimate.weights],
    ['gradients', estimate.gradients],
    ['optimizer', estimate.optimizerState],
    ['master', estimate.masterWeights],
    ['activations', estimate.activations],
    ['transient', estimate.transient],
  ] as const;
  return figures.map(([name, { bytes, formula }]) => ({ name, bytes, formula }));
}

export function cacheView(changed: Analysis, dims: Trained['dims']): CacheView | undefined {
  const cache = kvCache(changed);
  if (cache === undefined) return undefined;
  const { layers, formula, bytesPerToken } = cache;
  return { layers, formula, bytesPerToken, bytes: cache.bytesAt(dims).bytes };
}

/** Cards of one size together, least memory first. */
export function cardsView(bytes: number): readonly CardsView[] {
  const bySize = new Map<number, string[]>();
  for (const { vendor, name, memoryBytes } of cardsThatFit(bytes)) {
    const names = bySize.get(memoryBytes) ?? [];
    names.push(vendor === 'NVIDIA' ? name : `${vendor} ${name}`);
    bySize.set(memoryBytes, names);
  }
  return [...bySize].map(([memoryBytes, names]) => ({ memoryBytes, names }));
}
