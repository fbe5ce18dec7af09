/** How many of which channels stay: known from the ratio. Which ones is asked for later, once, when weights stream. */
import type { ChannelGroup, Grouping } from './groups.ts';
import type { Trace } from './trace.ts';

/** Units that stay, by their place in the group, ascending. */
export type Selection = (group: ChannelGroup, keep: number, signal?: AbortSignal) => Promise<Int32Array>;

export class ChannelPlan {
  readonly trace: Trace;
  readonly grouping: Grouping;
  /** By group: units that stay. */
  readonly keep: ReadonlyMap<ChannelGroup, number>;
  private readonly select: Selection;
  private readonly counts = new Map<Int32Array, number>();

  constructor(trace: Trace, grouping: Grouping, keep: ReadonlyMap<ChannelGroup, number>, select: Selection) {
    this.trace = trace;
    this.grouping = grouping;
    this.keep = keep;
    this.select = select;
  }

  private groupAt(atom: number): ChannelGroup | undefined {
    return this.grouping.groups[this.grouping.groupOf[this.trace.classes.find(atom)] ?? -1];
  }

  /** How many positions of `atoms` stay. */
  count(atoms: Int32Array): number {
    const known = this.counts.get(atoms);
    if (known !== undefined) return known;
    const perGroup = new Map<ChannelGroup | undefined, number>();
    for (const atom of atoms) {
      const group = this.groupAt(atom);
      perGroup.set(group, (perGroup.get(group) ?? 0) + 1);
    }
    let sum = 0;
    for (const [group, positions] of perGroup) {
      const keep = group === undefined ? undefined : this.keep.get(group);
      sum += group === undefined || keep === undefined ? positions : (positions / group.units.length) * keep;
    }
    if (!Number.isInteger(sum)) throw new RangeError('channels of one group take unequal parts in a dim');
    this.counts.set(atoms, sum);
    return sum;
  }

  isTouched(atoms: Int32Array): boolean {
    return this.count(atoms) !== atoms.length;
  }

  /** The positions of `atoms` that stay, ascending. */
  async kept(atoms: Int32Array, signal?: AbortSignal): Promise<Int32Array> {
    const stays = new Map<ChannelGroup, Uint8Array>();
    const found: number[] = [];
    for (const [position, atom] of atoms.entries()) {
      const group = this.groupAt(atom);
      const keep = group === undefined ? undefined : this.keep.get(group);
      if (group === undefined || keep === undefined) {
        found.push(position);
        continue;
      }
      let mask = stays.get(group);
      if (mask === undefined) {
        mask = new Uint8Array(group.units.length);
        for (const unit of await this.select(group, keep, signal)) mask[unit] = 1;
        stays.set(group, mask);
      }
      if (mask[this.grouping.unitOf[this.trace.classes.find(atom)] ?? 0] === 1) found.push(position);
    }
    return Int32Array.from(found);
  }
}
