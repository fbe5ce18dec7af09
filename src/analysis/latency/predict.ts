/**
 * What a changed model will take, from what the kernels of the original took: each one's time by the ratio of its work.
 *
 *     const [before, after] = [kernelWork(original), kernelWork(changed)];
 *     predictLatency(before, after, times)?.share; // 0.69: the changed model takes 69 % of the original's time
 */
import type { KernelWork } from './kernels.ts';

/** What a kernel took in one run. */
export interface KernelTime {
  /** As ONNX Runtime calls the node of the graph that it optimized. */
  readonly name: string;
  readonly opType: string;
  readonly durationMs: number;
}

export interface LatencyPrediction {
  /** Of the original's time, 0 and above. */
  readonly share: number;
  /** `profile`: from kernels that were timed; `cost`: from their work alone, at usual rates. */
  readonly basis: 'profile' | 'cost';
}

/** Of the time predicted, so much may fall on kernels that the original does not have: their rates are only usual ones. */
const maxUntimedShare = 1 / 3;

/** Undefined: unknown, as sizes are not known or the changed model runs other kernels than the original. */
export function predictLatency(
  before: readonly KernelWork[],
  after: readonly KernelWork[],
  times: readonly KernelTime[] = [],
): LatencyPrediction | undefined {
  if ([...before, ...after].some((k) => Number.isNaN(k.work))) return undefined;
  const { timed, rest } = times.length === 0 ? untimed(before) : timesOf(before, times);
  const total = sum([...timed.values()]) + rest;
  const workBefore = sum(before.map((k) => k.work));
  if (total <= 0 || workBefore <= 0) return undefined;
  const partners = grouped(before, keyOf);
  let [known, unknown] = [rest, 0];
  for (const kernel of after) {
    const partner = partners.get(keyOf(kernel))?.shift();
    const time = partner && timed.get(partner);
    const usual = kernel.work * (total / workBefore);
    if (partner === undefined || time === undefined) unknown += usual;
    // in another layout it is another kernel, of which the time of this one tells little
    else if (partner.isBlocked !== kernel.isBlocked) known += usual;
    else known += (time * kernel.work) / partner.work;
  }
  if (unknown > maxUntimedShare * (known + unknown)) return undefined;
  return { share: (known + unknown) / total, basis: times.length === 0 ? 'cost' : 'profile' };
}

interface Timed {
  readonly timed: ReadonlyMap<KernelWork, number>;
  /** Time of kernels that the analysis does not have; an edit leaves it as it is. */
  readonly rest: number;
}

function untimed(before: readonly KernelWork[]): Timed {
  return { timed: new Map(before.map((k) => [k, k.work])), rest: 0 };
}

/** The nodes that hold bodies: their time is that of the kernels within, which are in the profile themselves. */
const holders: ReadonlySet<string> = new Set(['If', 'Loop', 'Scan']);

/** Kernels of each operator in their order, where there are as many of both; else their time by their work. */
function timesOf(kernels: readonly KernelWork[], times: readonly KernelTime[]): Timed {
  const timed = new Map<KernelWork, number>();
  let rest = 0;
  const own = grouped(kernels, (k) => k.opType);
  const measured = grouped(
    times.filter((t) => !holders.has(t.opType)),
    (t) => t.opType,
  );
  for (const [opType, found] of measured) {
    const list = own.get(opType) ?? [];
    const { pairs, left, leftTimes } = matched(list, found);
    for (const [kernel, time] of pairs) timed.set(kernel, time.durationMs);
    const spare = sum(leftTimes.map((t) => t.durationMs));
    const work = sum(left.map((k) => k.work));
    if (work === 0) rest += spare;
    else for (const k of left) timed.set(k, (spare * k.work) / work);
  }
  // what did not run, as another branch did, takes nothing
  for (const k of kernels) if (!timed.has(k)) timed.set(k, 0);
  return { timed, rest };
}

function matched(kernels: readonly KernelWork[], times: readonly KernelTime[]) {
  if (kernels.length === times.length)
    return { pairs: kernels.map((k, i) => [k, times[i] as KernelTime] as const), left: [], leftTimes: [] };
  const byName = new Map(times.map((t) => [t.name, t]));
  const pairs: (readonly [KernelWork, KernelTime])[] = [];
  const left: KernelWork[] = [];
  for (const kernel of kernels) {
    const time = byName.get(kernel.id);
    if (time === undefined) left.push(kernel);
    else pairs.push([kernel, time]);
    byName.delete(kernel.id);
  }
  const taken = new Set(pairs.map(([, t]) => t));
  return { pairs, left, leftTimes: times.filter((t) => !taken.has(t)) };
}

function grouped<T>(items: readonly T[], keyFor: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyFor(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** A convolution is the same whatever was fused into it, and in whichever layout it runs. */
function keyOf({ id, opType }: KernelWork): string {
  return `${opType.replace(/^(Nhwc)?Fused/, '')} ${id}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
