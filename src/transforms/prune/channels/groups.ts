/** From classes of indices to groups: classes that touch the same dims, so many times each, are interchangeable. */
import type { Node } from '../../../onnx/model.ts';
import type { Blocker } from './classes.ts';
import type { Trace } from './trace.ts';

/** Channels of which some can be removed, or why none can. */
export interface ChannelGroup {
  readonly index: number;
  /** Roots of the classes: each is removed as a whole. In file order. */
  readonly units: Int32Array;
  /** Nodes whose own weights make these channels. */
  readonly makers: readonly Node[];
  readonly blocker: Blocker | undefined;
  /** What changes a little for the channels that stay; undefined where nothing does. */
  readonly approximation: Blocker | undefined;
}

export interface Grouping {
  readonly groups: readonly ChannelGroup[];
  /** Group of each class, by its root; -1 where there is none. */
  readonly groupOf: Int32Array;
  /** Place of each class among its group's units. */
  readonly unitOf: Int32Array;
  /** Indices of the groups that have a class among `atoms`. */
  readonly within: (atoms: Int32Array) => ReadonlySet<number>;
}

export function groupChannels(trace: Trace): Grouping {
  const { classes } = trace;
  const signatures = signaturesOf(trace);
  const groupOf = new Int32Array(classes.size).fill(-1);
  const unitOf = new Int32Array(classes.size);
  const units: number[][] = [];
  const bySignature = new Map<string, number>();
  const blockers: (Blocker | undefined)[] = [];
  const approximations: (Blocker | undefined)[] = [];
  for (let root = 0; root < classes.size; root++) {
    if (classes.find(root) !== root) continue;
    const blocker = classes.blockerOf(root);
    const approximation = classes.approximationOf(root);
    const reasons = `${blocker?.reason ?? ''} ${approximation?.reason ?? ''}`;
    const key = `${signatures.high[root] ?? 0} ${signatures.low[root] ?? 0} ${reasons}`;
    let group = bySignature.get(key);
    if (group === undefined) {
      group = units.length;
      bySignature.set(key, group);
      units.push([]);
      blockers.push(blocker);
      approximations.push(approximation);
    }
    const own = units[group] ?? [];
    groupOf[root] = group;
    unitOf[root] = own.length;
    own.push(root);
  }
  const makers = units.map(() => new Set<Node>());
  const grouping = {
    groupOf,
    unitOf,
    within: memoized(
      (atoms: Int32Array) => new Set(Array.from(atoms, (a) => groupOf[classes.find(a)] ?? -1)),
    ),
  };
  for (const [node, arrays] of trace.made) {
    for (const atoms of arrays) for (const group of grouping.within(atoms)) makers[group]?.add(node);
  }
  const groups = units.map((own, index): ChannelGroup => ({
    index,
    units: Int32Array.from(own),
    makers: [...(makers[index] ?? [])],
    blocker: blockers[index],
    approximation: approximations[index],
  }));
  return { ...grouping, groups };
}

/**
 * Of each group that layers make: the id of the first of them (in `trace.ids`), with a number from its second group on.
 */
export function groupIds({ ids }: Pick<Trace, 'ids'>, { groups }: Grouping): Map<ChannelGroup, string> {
  const taken = new Map<string, number>();
  const found = new Map<ChannelGroup, string>();
  for (const group of groups) {
    const [first] = group.makers;
    if (first === undefined) continue;
    const id = ids.get(first) ?? first.name;
    const count = (taken.get(id) ?? 0) + 1;
    taken.set(id, count);
    found.set(group, count === 1 ? id : `${id}#${count}`);
  }
  return found;
}

function memoized<T>(make: (atoms: Int32Array) => T): (atoms: Int32Array) => T {
  const made = new WeakMap<Int32Array, T>();
  return (atoms) => {
    const known = made.get(atoms);
    if (known !== undefined) return known;
    const value = make(atoms);
    made.set(atoms, value);
    return value;
  };
}

/** 64 bits of which arrays hold a class, and how often, in two halves. */
function signaturesOf({ classes, arrays }: Trace): { high: Int32Array; low: Int32Array } {
  const [high, low] = [new Int32Array(classes.size), new Int32Array(classes.size)];
  const counts = new Int32Array(classes.size);
  let place = 0;
  for (const atoms of arrays) {
    place++;
    const roots: number[] = [];
    for (const atom of atoms) {
      const root = classes.find(atom);
      if (counts[root] === 0) roots.push(root);
      counts[root] = (counts[root] ?? 0) + 1;
    }
    for (const root of roots) {
      const mixed = Math.imul(place, 0x9e3779b1) ^ Math.imul(counts[root] ?? 0, 0x85ebca6b);
      high[root] = mix((high[root] ?? 0) ^ mixed, 0x7feb352d);
      low[root] = mix(Math.imul(low[root] ?? 0, 31) + mixed, 0x846ca68b);
      counts[root] = 0;
    }
  }
  return { high, low };
}

function mix(value: number, by: number): number {
  const h = Math.imul(value ^ (value >>> 16), by);
  return (h ^ (h >>> 15)) | 0;
}

/** How many units stay at `ratio`: at least one, and a number of channels that `roundTo` divides, where given. */
export function unitsKept(units: number, ratio: number, roundTo = 1, channels = units): number {
  const kept = Math.max(1, units - Math.round(ratio * units));
  const perUnit = channels / units;
  for (let n = kept; n < units; n++) if ((n * perUnit) % roundTo === 0) return n;
  return roundTo === 1 ? kept : units;
}
