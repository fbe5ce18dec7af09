/**
 * Where checkpointing cuts a graph: segments that keep about equally much, each cut where little crosses it, as an
 * author would put it between blocks.
 */
import type { Value } from '../memory/values.ts';
import type { TrainedNode } from './graph.ts';
import type { TrainingOptions } from './types.ts';

export interface Cuttable {
  readonly nodes: readonly TrainedNode[];
  /** Bytes kept for backward, by the node that makes them. */
  readonly keptBytes: readonly number[];
  readonly rootOf: (value: Value) => Value;
  readonly bytesOf: (value: Value) => number;
}

/** How far from its place a cut may move, in shares of a segment. */
const slack = 0.3;

/** The segment of each node. 'sqrt': as many as the root of the number of nodes that something is kept of. */
export function segmentsOf(of: Cuttable, checkpointing: TrainingOptions['checkpointing'] = 'none'): number[] {
  const count = segmentCount(of, checkpointing);
  const cuts = count > 1 ? new Set(cutsOf(of, count)) : new Set<number>();
  let segment = 0;
  return of.nodes.map((_, i) => (cuts.has(i) ? ++segment : segment));
}

function segmentCount({ keptBytes, nodes }: Cuttable, checkpointing: 'none' | 'sqrt' | number): number {
  if (checkpointing === 'none') return 1;
  const keeping = keptBytes.filter((bytes) => bytes > 0).length;
  if (checkpointing === 'sqrt') return Math.max(1, Math.round(Math.sqrt(keeping)));
  if (!Number.isSafeInteger(checkpointing) || checkpointing < 1)
    throw new RangeError(`checkpointing is 'none', 'sqrt' or a number of segments, not ${checkpointing}`);
  return Math.min(checkpointing, Math.max(1, nodes.length));
}

/** First nodes of all segments but the first. */
function cutsOf(of: Cuttable, count: number): number[] {
  const crossing = crossingBytes(of);
  const total = of.keptBytes.reduce((sum, bytes) => sum + bytes, 0);
  const best = Array.from({ length: count - 1 }, () => ({ at: -1, bytes: Infinity }));
  let kept = 0;
  of.nodes.forEach((_, i) => {
    const place = total === 0 ? (i * count) / of.nodes.length : (kept * count) / total;
    const nearest = best[Math.round(place) - 1];
    const bytes = crossing[i] ?? 0;
    if (nearest && i > 0 && Math.abs(place - Math.round(place)) <= slack && bytes < nearest.bytes)
      Object.assign(nearest, { at: i, bytes });
    kept += of.keptBytes[i] ?? 0;
  });
  return best.map((b) => b.at).filter((at) => at > 0);
}

/** Bytes made before each node and read by it or after it. */
function crossingBytes({ nodes, rootOf, bytesOf }: Cuttable): number[] {
  const made = new Map<Value, number>();
  const lastRead = new Map<Value, number>();
  nodes.forEach((n, i) => {
    for (const v of n.inputs) if (v) lastRead.set(rootOf(v), i);
    for (const v of n.outputs) if (v && rootOf(v) === v) made.set(v, i);
  });
  const change = Array<number>(nodes.length + 1).fill(0);
  for (const [value, at] of made) {
    const last = lastRead.get(value) ?? at;
    if (last === at) continue;
    change[at + 1] = (change[at + 1] ?? 0) + bytesOf(value);
    change[last + 1] = (change[last + 1] ?? 0) - bytesOf(value);
  }
  let bytes = 0;
  return nodes.map((_, i) => (bytes += change[i] ?? 0));
}
