/**
 * A ratio for each layer, so that the whole model keeps within a loss. Each layer may lose alone as much as any other,
 * by what its sensitivity tells; how much that is, is found by running the model with all of them pruned together.
 *
 *     fitRatios(model, { curves: [{ layer: 'conv1', points: [{ ratio: 0.1, value: 0.93 }, …] }, …], maxLoss: 0.02, … })
 *     // { ratios: { conv1: 0.34, conv2: 0.61 }, value: 0.917, original: 0.934, … }
 */
import { withTrials, type Trial, type TrialOptions } from './edit-trials.ts';
import type { Model } from './onnx/index.ts';
import type { Edit } from './transforms/index.ts';

/** One layer pruned alone. */
export interface Curve {
  readonly layer: string;
  /** By ratio, ascending; the value is an accuracy or a cosine, 0..1. */
  readonly points: readonly { readonly ratio: number; readonly value: number }[];
}

export type LayerRatios = Readonly<Record<string, number>>;

export interface FitOptions extends TrialOptions {
  readonly curves: readonly Curve[];
  readonly measure: 'accuracy' | 'similarity';
  /** Of the original: its accuracy, or 1. */
  readonly original: number;
  /** Of the whole model, 0..1. */
  readonly maxLoss: number;
  readonly editsAt: (ratios: LayerRatios) => readonly Edit[];
  readonly onTry?: (done: number, total: number, value: number) => void;
}

export interface Fit {
  /** Of the layers that lose some; empty where none can. */
  readonly ratios: LayerRatios;
  /** With all of them pruned. */
  readonly value: number;
  readonly original: number;
}

/** Enough to tell a loss of two points from one of half as much, and few enough to wait for. */
const maxTries = 8;

/** The largest whole percent at which a layer alone loses no more, by straight lines between what was measured. */
export function ratioWithin(points: Curve['points'], original: number, loss: number): number {
  const least = original - loss;
  let [at, value] = [0, original];
  for (const next of points) {
    if (next.value < least) {
      // rounding of sums must not take a whole percent away
      const crossing = at + ((next.ratio - at) * (value - least)) / (value - next.value);
      return Math.max(0, Math.floor(100 * Math.min(crossing, next.ratio) + 1e-9)) / 100;
    }
    [at, value] = [next.ratio, next.value];
  }
  return at;
}

/**
 * @throws as `measureSensitivity`; Error where a run fails, with the reason
 */
export async function fitRatios(model: Model, options: FitOptions): Promise<Fit> {
  const { curves, original, maxLoss, editsAt, signal, onTry } = options;
  const ratiosAt = (loss: number): LayerRatios =>
    Object.fromEntries(
      curves
        .map(({ layer, points }) => [layer, ratioWithin(points, original, loss)] as const)
        .filter(([, ratio]) => ratio > 0),
    );
  const widest = JSON.stringify(ratiosAt(Infinity));
  return withTrials(model, options, async (tryEdits) => {
    const tried = new Map<string, number>([['{}', original]]);
    let best: Fit = { ratios: {}, value: original, original };
    let [fits, exceeds] = [0, Infinity];
    let loss = maxLoss;
    for (let n = 0; n < maxTries; n++) {
      signal?.throwIfAborted();
      const ratios = ratiosAt(loss);
      const key = JSON.stringify(ratios);
      const value = tried.get(key) ?? valueOf(await tryEdits(editsAt(ratios)), options);
      tried.set(key, value);
      onTry?.(n + 1, maxTries, value);
      // figures of so many samples differ by rounding only below this
      if (original - value <= maxLoss + 1e-9) {
        best = { ratios, value, original };
        fits = loss;
        if (key === widest) break;
      } else exceeds = loss;
      loss = exceeds === Infinity ? 2 * fits : (fits + exceeds) / 2;
    }
    return best;
  });
}

function valueOf(trial: Trial, { measure, original }: FitOptions): number {
  if (trial.isUnchanged === true) return original;
  const value = measure === 'accuracy' ? trial.accuracy : trial.cosine;
  if (value === undefined) throw new Error(trial.reason ?? 'the run gave no figure to compare');
  return value;
}
