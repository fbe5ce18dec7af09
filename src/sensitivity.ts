/**
 * How much each layer minds an edit: it is applied to one layer alone, at one ratio after another, and the model's
 * answers are compared with the original's.
 */
import { withTrials, type Trial, type TrialOptions } from './edit-trials.ts';
import type { Model } from './onnx/index.ts';
import type { Edit } from './transforms/index.ts';

export interface SensitivityOptions extends TrialOptions {
  readonly layers: readonly string[];
  /** 0..1 */
  readonly ratios: readonly number[];
  readonly editAt: (layer: string, ratio: number) => Edit;
  readonly onPoint: (point: SensitivityPoint) => void;
}

/** One layer at one ratio. */
export interface SensitivityPoint extends Trial {
  readonly layer: string;
  readonly ratio: number;
}

/**
 * Layers in their order, each at all ratios.
 * @throws RunnerError 'cancelled', and for what no run would survive: the original's included
 */
export async function measureSensitivity(model: Model, options: SensitivityOptions): Promise<void> {
  const { layers, ratios, signal, editAt, onPoint } = options;
  await withTrials(model, options, async (tryEdits) => {
    for (const layer of layers)
      for (const ratio of ratios) {
        signal?.throwIfAborted();
        onPoint({ layer, ratio, ...(await tryEdits([editAt(layer, ratio)])) });
      }
  });
}
