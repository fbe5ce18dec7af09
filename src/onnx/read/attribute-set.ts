/**
 * The attributes of nodes, shared: of those that are the same, byte for byte, all nodes get the one object, and of the
 * same attributes in the same order the one map. A graph repeats few of them by the thousand.
 */
import type { Attribute } from '../model.ts';

/** The attributes that nodes have in common, in the order of the file. */
export class AttributeSet {
  readonly map: ReadonlyMap<string, Attribute>;
  private readonly longer = new Map<Attribute, AttributeSet>();

  constructor(map: ReadonlyMap<string, Attribute> = new Map()) {
    this.map = map;
  }

  /** This set with one more, which is shared itself. */
  with(attribute: Attribute): AttributeSet {
    const known = this.longer.get(attribute);
    if (known !== undefined) return known;
    const set = new AttributeSet(new Map(this.map).set(attribute.name, attribute));
    this.longer.set(attribute, set);
    return set;
  }
}

/** Longer ones are hardly ever the same. */
const LONGEST_SHARED_BYTES = 64;

/** Whether an attribute of so many bytes is looked for among those read before. */
export function mayBeShared(bytes: number): boolean {
  return bytes <= LONGEST_SHARED_BYTES;
}

/** Numbers and strings are values; tensors and graphs are places in a graph, each its own even where they look the same. */
export function isShared({ kind, range }: Attribute): boolean {
  const isValue =
    kind === 'int' || kind === 'ints' || kind === 'float' || kind === 'floats' || kind === 'string';
  return isValue && range !== undefined && mayBeShared(range.length);
}
