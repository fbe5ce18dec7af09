/** The tensors alive at a step. */
import type { TimelineView } from '../../../src/protocol.ts';

export interface Alive {
  readonly name: string;
  readonly bytes: number;
  readonly producer?: string | undefined;
}

/** Largest first; undefined where the host told only the peak's and this is another step. */
export function aliveAt(timeline: TimelineView, step: number): readonly Alive[] | undefined {
  if (timeline.tensors !== undefined) {
    return timeline.tensors
      .filter((tensor) => tensor.firstStep <= step && step <= tensor.lastStep)
      .sort((a, b) => b.bytes - a.bytes);
  }
  return step === timeline.peakStep ? timeline.peakTensors : undefined;
}
