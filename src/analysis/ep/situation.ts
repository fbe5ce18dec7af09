/** What the figures of an execution provider are made from, and what they are. */
import type { Compiled } from '../memory/estimate.ts';
import type { Runtime } from '../memory/runtime.ts';
import type { Sizes } from '../memory/sizes.ts';
import type { Timeline } from '../memory/timeline.ts';
import type { Certainty, Figure, MemoryEstimate, Optimization } from '../types.ts';

/** Everything an execution provider's figures are made from. */
export interface Situation {
  readonly compiled: Compiled;
  readonly runtime: Runtime;
  readonly sizes: Sizes;
  readonly timeline: Timeline;
  readonly peakActivation: Figure;
  readonly optimization: Optimization;
  readonly threads: number;
  readonly isRepeated: boolean;
}

export type EpFigures = Pick<
  MemoryEstimate,
  | 'deviceWeights'
  | 'weightsBeside'
  | 'workspace'
  | 'stepWorkspaceBytes'
  | 'keptBuffers'
  | 'overhead'
  | 'totalPeak'
  | 'repeatedPeakBytes'
>;

/** The less certain of several. */
export function leastCertain(...figures: readonly Pick<Figure, 'certainty'>[]): Certainty {
  const order: readonly Certainty[] = ['unknown', 'atLeast', 'bound', 'estimate', 'exact'];
  return order.find((c) => figures.some((f) => f.certainty === c)) ?? 'exact';
}
