/** What a run held, by what it was for: measured beside predicted, each with the same of the other. */
import { Arena } from '../analysis/memory/arena.ts';
import type { MemoryEstimate } from '../analysis/types.ts';
import type { ProfiledNode, RunStats, TypeAndDims } from './types.ts';

/** Bytes; undefined where the EP's allocator or the system does not tell. */
export interface MemoryByCause {
  /** In the arena before the first node ran: small constants, and what kernels packed for themselves. */
  readonly arenaWeightsBytes: number | undefined;
  /** The arena's highest of the first run, without these. */
  readonly arenaActivationsBytes: number | undefined;
  /** What the arena had taken from the system beyond its highest. */
  readonly arenaSlackBytes: number | undefined;
  /** Constants that the kernels read as they are stored, by `parameter_size`; one that several read counts for each. */
  readonly storedWeightsBytes: number | undefined;
  /** Resident before the session: Node and ONNX Runtime. */
  readonly processBeforeBytes: number;
  /** Growth by loading the model. */
  readonly processLoadBytes: number;
  /** Growth from there to the highest while it ran. */
  readonly processRunBytes: number;
}

/** Bytes, as predicted for one model at one batch size. */
export interface PredictedMemory {
  /** Of the EP's allocator, where it tells what it holds: the CPU's. */
  readonly arenaBytes?: number | undefined;
  /** The same from the second run on, with ONNX Runtime's memory pattern. */
  readonly repeatedArenaBytes?: number | undefined;
  /** Everything held, of the device or the process. */
  readonly heldBytes?: number | undefined;
  /** In the EP's allocator, and outside of it. */
  readonly weightsBytes?: number | undefined;
  readonly weightsBesideBytes?: number | undefined;
  /** With workspace and rounding. */
  readonly activationsBytes?: number | undefined;
  /** Buffers that a device's provider keeps for reuse. */
  readonly keptBuffersBytes?: number | undefined;
  /** What the provider holds beside tensors: context, libraries. */
  readonly overheadBytes?: number | undefined;
}

export function predictedMemory(estimate: MemoryEstimate): PredictedMemory {
  const { ep, totalPeak, heldPeak, deviceWeights, weightsBeside } = estimate;
  const { peakActivation, workspace, keptBuffers, overhead } = estimate;
  const common = {
    heldBytes: heldPeak.bytes,
    weightsBytes: deviceWeights.bytes,
    weightsBesideBytes: weightsBeside.bytes,
  };
  if (ep !== 'cpu') {
    const activationsBytes = sum(peakActivation.bytes, workspace.bytes);
    return {
      ...common,
      activationsBytes,
      ...(keptBuffers && { keptBuffersBytes: keptBuffers.bytes }),
      overheadBytes: overhead.bytes,
    };
  }
  // what the caller holds is no part of the arena
  return {
    ...common,
    arenaBytes: totalPeak.bytes,
    repeatedArenaBytes: estimate.repeatedPeakBytes,
    activationsBytes: less(totalPeak.bytes, deviceWeights.bytes),
  };
}

/** Give another shape to what they get, which stays where it is. */
const aliasing: ReadonlySet<string> = new Set([
  'Squeeze',
  'Unsqueeze',
  'Reshape',
  'Flatten',
  'Identity',
  'Dropout',
]);

/** @param nodes kernel runs of the first run, in order */
export function arenaByCause(
  nodes: readonly ProfiledNode[],
  peakBytes: number | undefined,
): Pick<
  MemoryByCause,
  'arenaWeightsBytes' | 'arenaActivationsBytes' | 'arenaSlackBytes' | 'storedWeightsBytes'
> {
  const [first] = nodes;
  const own = first !== undefined && !aliasing.has(first.opType) ? heldByOutputs(first) : 0;
  const arenaWeightsBytes = peakBytes === undefined ? undefined : less(first?.memInUseBytes, own);
  const held = nodes.reduce((max, n) => Math.max(max, n.arenaHeldBytes ?? 0), 0);
  const stored = nodes.flatMap((n) => n.parameterBytes ?? []);
  return {
    arenaWeightsBytes,
    arenaActivationsBytes: less(peakBytes, arenaWeightsBytes),
    arenaSlackBytes: held === 0 ? undefined : less(held, peakBytes),
    storedWeightsBytes: stored.length === 0 ? undefined : stored.reduce((a, b) => a + b, 0),
  };
}

/**
 * What the first node's outputs take of the arena: more than their bytes where a chunk is handed out whole, as the first
 * megabyte is for an output of more than half of it. So it is where what is held and not in use is what that leaves over.
 */
function heldByOutputs({ outputBytes = 0, outputs, arenaHeldBytes, memInUseBytes }: ProfiledNode): number {
  const arena = new Arena();
  if (outputs.length > 1) for (const o of outputs) arena.allocate(bytesOf(o));
  else arena.allocate(outputBytes);
  const left = arena.heldBytes - arena.inUseBytes;
  return less(arenaHeldBytes, memInUseBytes) === left ? arena.inUseBytes : outputBytes;
}

function bytesOf({ type, dims }: TypeAndDims): number {
  return dims.reduce((product, d) => product * d, elementBytes[type] ?? 1);
}

/** By ONNX Runtime's names; 1 for what is not here. */
const elementBytes: Readonly<Record<string, number>> = {
  ...{ double: 8, int64: 8, uint64: 8, float: 4, int32: 4, uint32: 4 },
  ...{ float16: 2, bfloat16: 2, int16: 2, uint16: 2 },
};

export const memoryCauses = [
  'arenaWeights',
  'arenaActivations',
  'arenaSlack',
  'storedWeights',
  'deviceWeights',
  'deviceActivations',
  'deviceBuffers',
  'deviceOverhead',
  'processBefore',
  'processLoad',
  'processRun',
  'held',
] as const;
export type MemoryCause = (typeof memoryCauses)[number];

export const causeNames: Readonly<Record<MemoryCause, string>> = {
  arenaWeights: 'weights in the arena',
  arenaActivations: 'activations and workspace in the arena',
  arenaSlack: 'arena held beyond its peak',
  storedWeights: 'weights read as stored',
  deviceWeights: 'weights on the device',
  deviceActivations: 'activations and workspace on the device',
  deviceBuffers: 'buffers that the provider keeps',
  deviceOverhead: 'overhead of the provider',
  processBefore: 'process before the session',
  processLoad: 'process: growth by loading',
  processRun: 'process: growth by running',
  held: 'all that is held',
};

export interface MemoryRow {
  readonly cause: MemoryCause;
  readonly measuredBytes: number | undefined;
  readonly predictedBytes: number | undefined;
}

/** Where either is known, in the order of {@link memoryCauses}; none of reports that were made before they were told. */
export function memoryRows(run: RunStats): MemoryRow[] {
  const { memory: m, predicted: p = {} } = run;
  if (m === undefined) return [];
  const isArena = m.arenaActivationsBytes !== undefined;
  const held = isArena ? run.processPeakBytes : run.peakBytes;
  const arena = (bytes: number | undefined) => (isArena ? bytes : undefined);
  const device = (bytes: number | undefined) => (isArena ? undefined : bytes);
  const figures: Readonly<Record<MemoryCause, readonly [number | undefined, number | undefined]>> = {
    arenaWeights: [m.arenaWeightsBytes, arena(p.weightsBytes)],
    arenaActivations: [m.arenaActivationsBytes, arena(p.activationsBytes)],
    arenaSlack: [m.arenaSlackBytes, undefined],
    storedWeights: [m.storedWeightsBytes, undefined],
    deviceWeights: [undefined, device(p.weightsBytes)],
    deviceActivations: [undefined, device(p.activationsBytes)],
    deviceBuffers: [undefined, device(p.keptBuffersBytes)],
    deviceOverhead: [undefined, device(p.overheadBytes)],
    processBefore: [m.processBeforeBytes, undefined],
    processLoad: [m.processLoadBytes, arena(sum(p.weightsBytes, p.weightsBesideBytes))],
    processRun: [m.processRunBytes, arena(p.activationsBytes)],
    held: [held, p.heldBytes],
  };
  return memoryCauses.flatMap((cause) => {
    const [measuredBytes, predictedBytes] = figures[cause];
    return measuredBytes === undefined && predictedBytes === undefined
      ? []
      : [{ cause, measuredBytes, predictedBytes }];
  });
}

/** Of the model at the largest batch size that ran, both models beside each other. */
export interface MemoryTableRow {
  readonly cause: MemoryCause;
  readonly original: MemoryRow | undefined;
  readonly compressed: MemoryRow | undefined;
}

export function memoryTable(
  original: RunStats | undefined,
  compressed: RunStats | undefined,
): MemoryTableRow[] {
  const [a, b] = [original, compressed].map((run) => (run === undefined ? [] : memoryRows(run)));
  return memoryCauses.flatMap((cause) => {
    const [x, y] = [a, b].map((rows) => rows?.find((r) => r.cause === cause));
    return x === undefined && y === undefined ? [] : [{ cause, original: x, compressed: y }];
  });
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}

function less(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.max(0, a - b);
}
