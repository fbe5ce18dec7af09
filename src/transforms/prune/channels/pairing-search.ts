/**
 * Units for three and more partitions at once, for which no rule is known that always finds them (three-dimensional
 * matching): items change places between units, ever fewer of them to the worse, until every unit has equally many of
 * each group. The same each time.
 */
import type { Partition } from './pairing.ts';

/** Exchanges that are tried, for each item; about 2 µs each. */
const TRIES = 500;
const MAX_TRIES = 150_000;
/** How much worse an exchange may make it, at first. */
const HEAT = 0.4;
/** How often an item is drawn anew whose unit is as it should be. */
const DRAWS = 50;

/**
 * @param size of the smallest unit there can be
 * @param start units for two of the partitions
 * @returns units of `size` items, or of twice or four times as many; undefined where none are found
 */
export function search(
  partitions: readonly Partition[],
  count: number,
  size: number,
  start: readonly (readonly number[])[],
): number[][] | undefined {
  for (const times of [1, 2, 4]) {
    const whole = size * times;
    if (count % whole !== 0 || count === whole) break;
    const found = arranged(partitions, start.flat(), whole);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `order` in pieces of `size`, items exchanged. */
function arranged(
  partitions: readonly Partition[],
  order: readonly number[],
  size: number,
): number[][] | undefined {
  const items = [...order];
  const random = generator();
  const tables = partitions.map((partition) => new Table(partition, items, size));
  const isDone = (): boolean => tables.every((t) => t.excess === 0);
  const tries = Math.min(MAX_TRIES, TRIES * items.length);
  for (let n = 0; n < tries && !isDone(); n++) {
    let a = random(items.length);
    for (let k = 0; k < DRAWS && tables.every((t) => t.isEven(Math.floor(a / size))); k++)
      a = random(items.length);
    const b = random(items.length);
    const [x, y] = [items[a] ?? 0, items[b] ?? 0];
    const [from, to] = [Math.floor(a / size), Math.floor(b / size)];
    if (from === to) continue;
    const worse = tables.reduce((sum, t) => sum + t.exchange(x, from, y, to), 0);
    const heat = HEAT * (1 - n / tries);
    if (worse <= 0 || random(1 << 20) / (1 << 20) < Math.exp(-worse / heat)) [items[a], items[b]] = [y, x];
    else for (const table of tables) table.exchange(y, from, x, to);
  }
  if (!isDone()) return undefined;
  const units = Array.from({ length: items.length / size }, (_, u) =>
    items.slice(u * size, (u + 1) * size).toSorted((p, q) => p - q),
  );
  return units.toSorted((p, q) => (p[0] ?? 0) - (q[0] ?? 0));
}

/** How many of each group each unit has. */
class Table {
  /** Sum of squares of what units have too many or too few. */
  excess = 0;
  private readonly partition: Partition;
  private readonly counts: Int32Array;

  constructor(partition: Partition, items: readonly number[], size: number) {
    this.partition = partition;
    const { groups } = partition;
    this.counts = new Int32Array((items.length / size) * groups).fill(-size / groups);
    items.forEach((item, i) => {
      const at = Math.floor(i / size) * groups + (partition.of[item] ?? 0);
      this.counts[at] = (this.counts[at] ?? 0) + 1;
    });
    this.excess = this.counts.reduce((sum, n) => sum + n * n, 0);
  }

  isEven(unit: number): boolean {
    const { groups } = this.partition;
    for (let at = unit * groups; at < (unit + 1) * groups; at++) if (this.counts[at] !== 0) return false;
    return true;
  }

  /** Item `x` of unit `from` for item `y` of unit `to`. @returns by how much the excess grows */
  exchange(x: number, from: number, y: number, to: number): number {
    const { groups, of } = this.partition;
    const before = this.excess;
    const [p, q] = [of[x] ?? 0, of[y] ?? 0];
    if (p === q) return 0;
    this.add(from * groups + p, -1);
    this.add(from * groups + q, 1);
    this.add(to * groups + q, -1);
    this.add(to * groups + p, 1);
    return this.excess - before;
  }

  private add(at: number, by: 1 | -1): void {
    const now = this.counts[at] ?? 0;
    this.counts[at] = now + by;
    this.excess += 2 * by * now + 1;
  }
}

/** Whole numbers below `limit`, always the same ones. */
function generator(): (limit: number) => number {
  let state = 0x9e3779b9;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}
