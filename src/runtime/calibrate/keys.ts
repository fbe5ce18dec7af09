/** Targets brought together by tensor, so that each tensor is fetched and walked once. */
import type { CalibrationTarget, GramTarget } from '../../analysis/calibration.ts';

/** All that is asked of one tensor. */
export interface TensorTargets {
  readonly tensor: string;
  /** The most that any target asks for; 0 where none does. */
  readonly histogramBins: number;
  readonly channelAxes: readonly number[];
  readonly grams: readonly GramTarget[];
}

export function byTensor(targets: readonly CalibrationTarget[]): TensorTargets[] {
  const merged = new Map<string, TensorTargets>();
  for (const { tensor, histogramBins = 0, channelAxis, gram } of targets) {
    const before = merged.get(tensor) ?? { tensor, histogramBins: 0, channelAxes: [], grams: [] };
    const isNewGram = gram !== undefined && !before.grams.some((g) => gramKey(g) === gramKey(gram));
    merged.set(tensor, {
      tensor,
      histogramBins: Math.max(before.histogramBins, histogramBins),
      channelAxes:
        channelAxis === undefined ? before.channelAxes : [...new Set([...before.channelAxes, channelAxis])],
      grams: isNewGram ? [...before.grams, gram] : before.grams,
    });
  }
  return [...merged.values()];
}

/** Equal for targets that ask for the same matrices. */
export function gramKey(target: GramTarget): string {
  if (target.kind === 'rows') return 'rows';
  const { kernel, strides, dilations, pads, groups, turns = 0 } = target;
  return [kernel, strides, dilations, [pads].flat(), [groups], [turns]]
    .map((part) => part.join(','))
    .join(';');
}
