/** The CPU: figures as ONNX Runtime's arena counts them, from a replay of one run. */
import { simulate } from '../memory/simulate.ts';
import { stepKernels } from '../memory/timeline.ts';
import type { Figure } from '../types.ts';
import { arenaWeights } from './cpu-weights.ts';
import { leastCertain } from './situation.ts';
import type { EpFigures, Situation } from './situation.ts';

export function cpuFigures(s: Situation): EpFigures {
  const weights = arenaWeights(s.runtime.main, s.sizes);
  const weightBytes = weights.chunks.reduce((sum, bytes) => sum + bytes, weights.reservedBytes);
  const run = simulate(s.runtime, s.sizes, { ...weights, threads: s.threads, isRepeated: s.isRepeated });
  const peakBytes = Math.max(run.peakBytes, weights.peakBytes);
  const certainty = leastCertain(s.peakActivation, { certainty: 'estimate' });
  const deviceWeights: Figure = {
    bytes: weightBytes,
    certainty: 'estimate',
    note: "in ONNX Runtime's arena, packed for the kernels",
  };
  return {
    deviceWeights,
    weightsBeside: {
      bytes: weights.besideBytes,
      certainty: 'estimate',
      note: 'outside the arena, as stored and as laid out anew for blocked convolutions',
    },
    workspace: { bytes: run.workspaceBytes, certainty: 'estimate', note: `with ${s.threads} threads` },
    stepWorkspaceBytes: stepKernels(s.runtime.main).map((kernel) => run.workspaces.get(kernel) ?? 0),
    overhead: {
      bytes: Math.max(0, peakBytes - weightBytes - run.activationBytes - run.workspaceBytes),
      certainty: 'estimate',
      note: "rounding of ONNX Runtime's arena",
    },
    totalPeak: { bytes: peakBytes, certainty, note: 'as mem_in_use_peak of the first run' },
    repeatedPeakBytes: run.repeatedPeakBytes && Math.max(run.repeatedPeakBytes, weights.peakBytes),
  };
}
