/**
 * Which channels go together between grouped convolutions, where a shuffle puts them in another order: each group of each
 * of the convolutions must lose as many as the others of its own. Channels are dealt out to units that have equally many
 * of each group, as few as can be.
 *
 *     divide([{ groups: 2, of: [0, 0, 1, 1] }, { groups: 2, of: [0, 1, 0, 1] }], 4)
 *     // [[0, 3], [1, 2]]: one of each group of both
 */
import type { Classes } from './classes.ts';
import { search } from './pairing-search.ts';

/** `groups` equal parts of `atoms`, each of which must lose as many as the others. */
export interface GroupDemand {
  /** The node, and which side of it. */
  readonly key: string;
  readonly node: string;
  readonly atoms: Int32Array;
  readonly groups: number;
}

/** In which group each item is. */
export interface Partition {
  readonly groups: number;
  readonly of: readonly number[];
}

/** What a class is to a demand: `weight` of its indices, all in one group; or as many in each of them. */
interface Share {
  readonly group: number | undefined;
  readonly weight: number;
}

/**
 * Unites the classes of each unit. What is blocked stays and counts for nothing.
 * @returns demands that no units meet: their groups lose the indices at the same places
 */
export function pairUp(classes: Classes, demands: readonly GroupDemand[]): readonly GroupDemand[] {
  const left: GroupDemand[] = [];
  for (const component of components(classes, demands)) {
    const units = unitsOf(classes, component);
    for (const unit of units ?? []) for (const root of unit) classes.unite(unit[0] ?? root, root);
    if (units !== undefined) continue;
    left.push(...component);
    for (const demand of component) uniteByPlace(classes, demand);
  }
  return left;
}

export function uniteByPlace(
  classes: Classes,
  { atoms, groups }: Pick<GroupDemand, 'atoms' | 'groups'>,
): void {
  const each = atoms.length / groups;
  atoms.forEach((atom, i) => classes.unite(atoms[i % each] ?? atom, atom));
}

/** Demands that share classes, together. */
function components(classes: Classes, demands: readonly GroupDemand[]): GroupDemand[][] {
  let found: { roots: Set<number>; demands: GroupDemand[] }[] = [];
  for (const demand of demands) {
    const roots = new Set(Array.from(demand.atoms, (a) => classes.find(a)));
    const near = found.filter((f) => [...roots].some((r) => f.roots.has(r)));
    const joined = {
      roots: new Set([...near.flatMap((f) => [...f.roots]), ...roots]),
      demands: [...near.flatMap((f) => f.demands), demand],
    };
    found = [...found.filter((f) => !near.includes(f)), joined];
  }
  return found.map((f) => f.demands);
}

function unitsOf(classes: Classes, demands: readonly GroupDemand[]): number[][] | undefined {
  const shares = new Map<number, Map<GroupDemand, Share>>();
  for (const demand of demands) {
    for (const [root, counts] of countsOf(classes, demand)) {
      const share = shareOf(counts);
      if (share === undefined) return undefined;
      const own = shares.get(root) ?? new Map<GroupDemand, Share>();
      shares.set(root, own.set(demand, share));
    }
  }
  // those that all demands count alike
  const kinds = new Map<string, number[]>();
  for (const [root, own] of shares) {
    const kind = demands.map((d) => kindOf(own.get(d))).join(' ');
    kinds.set(kind, [...(kinds.get(kind) ?? []), root]);
  }
  const units: number[][] = [];
  for (const roots of kinds.values()) {
    const ordered = roots.toSorted((a, b) => a - b);
    const partitions = demands.flatMap((demand): Partition[] => {
      const of = ordered.flatMap((root) => shares.get(root)?.get(demand)?.group ?? []);
      return of.length === 0 ? [] : [{ groups: demand.groups, of }];
    });
    const found = divide(partitions, ordered.length);
    if (found === undefined) return undefined;
    units.push(...found.map((unit) => unit.map((item) => ordered[item] ?? -1)));
  }
  return units;
}

/** By class that can go: how many of its indices are in each group. */
function countsOf(classes: Classes, { atoms, groups }: GroupDemand): Map<number, number[]> {
  const each = atoms.length / groups;
  const found = new Map<number, number[]>();
  for (const [i, atom] of atoms.entries()) {
    const root = classes.find(atom);
    if (classes.blockerOf(root) !== undefined) continue;
    const counts = found.get(root) ?? new Array<number>(groups).fill(0);
    const group = Math.floor(i / each);
    counts[group] = (counts[group] ?? 0) + 1;
    found.set(root, counts);
  }
  return found;
}

function shareOf(counts: readonly number[]): Share | undefined {
  const weight = counts.reduce((a, b) => a + b, 0);
  if (counts.every((n) => n === counts[0])) return { group: undefined, weight };
  const group = counts.findIndex((n) => n > 0);
  return counts[group] === weight ? { group, weight } : undefined;
}

function kindOf(share: Share | undefined): string {
  return share === undefined ? '-' : `${share.group === undefined ? '=' : ''}${share.weight}`;
}

/**
 * @param count of items
 * @returns by unit, its items; undefined where none were found that have equally many of each group of each partition
 */
export function divide(partitions: readonly Partition[], count: number): number[][] | undefined {
  const distinct = [...new Map(partitions.map((p) => [canonical(p), p])).values()];
  if (!distinct.every((p) => isEven(p, count))) return undefined;
  const size = distinct.reduce((n, { groups }) => leastMultiple(n, groups), 1);
  const [first, second] = distinct;
  if (first === undefined) return Array.from({ length: count }, (_, i) => [i]);
  const start = matched(first, second ?? first, count);
  return distinct.length <= 2 ? start : search(distinct, count, size, start);
}

/** The same for partitions that only name their groups otherwise. */
function canonical({ of }: Partition): string {
  const names = new Map<number, number>();
  return of
    .map((group) => {
      const known = names.get(group) ?? names.size;
      names.set(group, known);
      return known;
    })
    .join(' ');
}

function isEven({ groups, of }: Partition, count: number): boolean {
  const sizes = new Array<number>(groups).fill(0);
  for (const group of of) sizes[group] = (sizes[group] ?? 0) + 1;
  return of.length === count && sizes.every((n) => n * groups === count);
}

export function leastMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y > 0) [x, y] = [y, x % y];
  return (a / x) * b;
}

/**
 * Items are edges between the groups of both. With each group taken apart so that both sides have equally many ends, the
 * graph is regular and falls into perfect matchings (Kőnig), each of which is a unit.
 */
function matched(a: Partition, b: Partition, count: number): number[][] {
  const size = leastMultiple(a.groups, b.groups);
  const [left, right] = [ends(a, size), ends(b, size)];
  const edges: Set<number>[] = Array.from({ length: size }, () => new Set());
  left.forEach((l, item) => edges[l]?.add(item));
  return Array.from({ length: count / size }, () => {
    const unit = perfectMatching(edges, right);
    unit.forEach((item, l) => edges[l]?.delete(item));
    return unit.toSorted((x, y) => x - y);
  });
}

/** Each group's items dealt out to size / groups ends. */
function ends({ groups, of }: Partition, size: number): number[] {
  const copies = size / groups;
  const dealt = new Array<number>(groups).fill(0);
  return of.map((group) => {
    const next = dealt[group] ?? 0;
    dealt[group] = next + 1;
    return group * copies + (next % copies);
  });
}

/** @returns by left end, the item that joins it to a right end of its own */
function perfectMatching(edges: readonly ReadonlySet<number>[], right: readonly number[]): number[] {
  /** By right end: the item that has it, and that item's left end. */
  const taken = new Map<number, { item: number; end: number }>();
  const place = (end: number, tried: Set<number>): boolean => {
    for (const item of edges[end] ?? []) {
      const r = right[item] ?? 0;
      if (tried.has(r)) continue;
      tried.add(r);
      const holder = taken.get(r);
      if (holder !== undefined && !place(holder.end, tried)) continue;
      taken.set(r, { item, end });
      return true;
    }
    return false;
  };
  for (const end of edges.keys())
    if (!place(end, new Set())) throw new RangeError('a regular graph has a perfect matching');
  const unit = new Array<number>(edges.length).fill(-1);
  for (const { item, end } of taken.values()) unit[end] = item;
  return unit;
}
