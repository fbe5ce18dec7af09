/** What lies upon each other at a step: tensors, and scratch space of the kernel. */
import type { TimelineView } from '../../../src/protocol.ts';

export function heldAt({ aliveBytes, workspaceBytes }: TimelineView, step: number): number {
  return (aliveBytes[step] ?? 0) + (workspaceBytes?.[step] ?? 0);
}

/** The first step at which the most is held. */
export function peakStepOf(timeline: TimelineView): number {
  let peak = 0;
  for (let step = 1; step < timeline.aliveBytes.length; step++)
    if (heldAt(timeline, step) > heldAt(timeline, peak)) peak = step;
  return peak;
}
